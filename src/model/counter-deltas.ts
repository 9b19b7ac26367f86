/**
 * The tally: how many events there are, and deliveries by status, without counting them. Each statement that
 * changes such a number adds a row with the difference, in the same commit; the sum of the rows is the total at
 * that moment. No two writers touch one row, so none waits for another. The rows are merged into one now and
 * then, so the sum stays one of a few hundred rows, however many deliveries there are.
 */
import { DeliveryStatus } from '../generated/prisma/enums.js'
import type { Database, Statement } from '../platform/postgres/database.js'

/** The column of a status: `pending`, `sent`, `failed`, `dead`. */
const columnOf = (status: DeliveryStatus): string => status.toLowerCase()

const statusDeltas = Object.values(DeliveryStatus).map((status) => ({
  column: columnOf(status),
  delta: `count(*) filter (where after = '${status}') - count(*) filter (where before = '${status}')`,
}))

const attemptDeltas = [DeliveryStatus.SENT, DeliveryStatus.FAILED, DeliveryStatus.DEAD].map((status) => ({
  column: `"${columnOf(status)}Attempts"`,
  delta: `count(*) filter (where after = '${status}')`,
}))

/** Every counter of a row. */
const counters = ['events', ...statusDeltas.map(({ column }) => column), 'accepted'].concat(
  attemptDeltas.map(({ column }) => column),
)

/**
 * The body of a `with` part that tallies changed deliveries. `moves` is a query of two columns, a row for each
 * of them: `before` and `after`, its status then and now; null where there was or is none.
 */
export const sqlCounterDeltas = (moves: string): string => sqlDeltas(moves, statusDeltas)

/** The same where each move was an attempt: it counts the attempts, too, by what they made of their delivery. */
export const sqlAttemptDeltas = (moves: string): string =>
  sqlDeltas(moves, [...statusDeltas, ...attemptDeltas])

const sqlDeltas = (moves: string, deltas: { column: string; delta: string }[]): string => `
  insert into tallies (${deltas.map(({ column }) => column).join(', ')})
  select ${deltas.map(({ delta }) => delta).join(', ')}
  from (${moves}) as moves
  having count(*) > 0`

/** The status that the open delivery `d` has, or had: `attempts` and `budgetFrom` tell of the time before. */
export const sqlOpenStatus = (attempts: string, budgetFrom: string): string =>
  `(case when ${attempts} = ${budgetFrom} then 'PENDING' else 'FAILED' end)::"DeliveryStatus"`

/** `$1` the limit. */
const mergeTallies: Statement = {
  name: 'merge-tallies',
  text: `
    with taken as (
      delete from tallies where id in (select id from tallies order by id limit $1 for update skip locked)
      returning *
    )
    insert into tallies (${counters.join(', ')})
    select ${counters.map((counter) => `sum(${counter})`).join(', ')} from taken
    having count(*) > 0
    returning (select count(*)::int from taken) as merged`,
}

interface MergeTalliesRow {
  merged: number
}

const MERGED_AT_ONCE = 1000

/** Merges what has gathered. @returns whether there may be more */
export async function mergeCounterDeltas(database: Database): Promise<boolean> {
  const [row] = await database.query<MergeTalliesRow>(mergeTallies, [MERGED_AT_ONCE])
  return row?.merged === MERGED_AT_ONCE
}
