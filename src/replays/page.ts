/**
 * Candidates of a replay, page by page in the order of their ids. A page is what was looked at, by an index; not all of
 * it has to fit the filter. So a step is bounded, however few rows fit.
 */
import { Prisma } from '../generated/prisma/client.js'
import type { ReplaySnapshot } from '../model/replay.js'
import { greatestIdUntil, leastIdSince, type TimeRange } from '../platform/keyset.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'

/** What a step or a count works on: a replay, or one that is only counted. */
export type ReplayTask = Pick<ReplaySnapshot, 'id' | 'kind' | 'filter' | 'missedBy'>

/** A delivery to make once more, or an event whose first delivery is to be made. */
export interface Candidate {
  id: string
  subscriptionId: string
}

export interface CandidatePage {
  /** Those that fit, in order. */
  fitting: Candidate[]
  /** The last one that was looked at; undefined at the end. */
  last: string | undefined
}

export interface PageRequest {
  task: ReplayTask
  /** The page begins after this id. */
  after: string
  limit: number
}

/** How many of a page fit. */
export type CountPage = (
  database: VisibleDatabase,
  request: PageRequest,
) => Promise<{ fitting: number; last: string | undefined }>

export type ReadPage = (database: VisibleDatabase, request: PageRequest) => Promise<CandidatePage>

/** A column of an index with the value that the page is of. */
export type IndexedColumn = [column: Prisma.Sql, value: Prisma.Sql]

/**
 * SQL: the end of a statement that reads the page of one value of these columns, in the order of `id`. Whatever came
 * after the replay is not its own. The rows are compared as a whole, and not column by column: by these conditions and
 * this order PostgreSQL reads no other index than that of the columns and the id. The one of the ids alone it would
 * read to its end where few rows have these values.
 */
export function sqlIndexedPage(
  id: Prisma.Sql,
  columns: IndexedColumn[],
  { task, after, limit }: PageRequest,
  range: TimeRange = {},
): Prisma.Sql {
  const first = range.from ? later(after, leastIdSince(range.from)) : after
  const end = range.to ? earlier(task.id, greatestIdUntil(range.to)) : task.id
  const row = Prisma.join([...columns.map(([column]) => column), id])
  const values = columns.map(([, value]) => value)
  return Prisma.sql`
    where (${row}) > (${Prisma.join([...values, Prisma.sql`${first}::uuid`])})
      and (${row}) < (${Prisma.join([...values, Prisma.sql`${end}::uuid`])})
    order by ${row} limit ${limit}`
}

const later = (a: string, b: string): string => (a > b ? a : b)
const earlier = (a: string, b: string): string => (a < b ? a : b)

/** @param rows in order, all that were looked at */
export function toPage(rows: (Candidate & { fits: boolean })[], limit: number): CandidatePage {
  return {
    fitting: rows.filter(({ fits }) => fits),
    last: rows.length < limit ? undefined : rows.at(-1)?.id,
  }
}
