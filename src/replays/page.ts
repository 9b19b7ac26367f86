/**
 * Candidates of a replay, page by page in the order of their ids. A page is what was looked at, by an index; not all of
 * it has to fit the filter. So a step is bounded, however few rows fit.
 */
import { Prisma } from '../generated/prisma/client.js'
import { sqlAnd, sqlIdsOfRange, type TimeRange } from '../platform/keyset.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'
import type { ReplaySnapshot } from './replay.js'

/** What a step or a count works on: a replay, or one that is only counted. */
export type ReplayTask = Pick<ReplaySnapshot, 'id' | 'filter' | 'missedBy'>

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

export type ReadPage = (database: VisibleDatabase, request: PageRequest) => Promise<CandidatePage>

/** SQL: the conditions for ids in the part of a replay that is left. Whatever came after the replay is not its own. */
export const sqlIdsLeft = (
  id: Prisma.Sql,
  { task, after }: PageRequest,
  range: TimeRange = {},
): Prisma.Sql[] => [
  Prisma.sql`${id} > ${after}::uuid`,
  Prisma.sql`${id} < ${task.id}::uuid`,
  ...sqlIdsOfRange(id, range),
]

export const sqlOrderedPage = (id: Prisma.Sql, conditions: Prisma.Sql[], limit: number): Prisma.Sql =>
  Prisma.sql`where ${sqlAnd(conditions)} order by ${id} limit ${limit}`

/** @param rows in order, all that were looked at */
export function toPage(rows: (Candidate & { fits: boolean })[], limit: number): CandidatePage {
  return {
    fitting: rows.filter(({ fits }) => fits),
    last: rows.length < limit ? undefined : rows.at(-1)?.id,
  }
}
