/**
 * Ordered delivery: an ordered subscription gets the events of one `orderingKey` in the order in which they became
 * deliverable, and the next one only when the one before is SENT or DEAD.
 *
 * Each ordering key is a line. Who puts events into lines (accept, the schedule, a retry of what is DEAD) locks these
 * lines until its commit, and then takes numbers of one sequence. So of two events of a line the one with the lesser
 * number is always committed first: whoever sees a delivery sees also what comes before it, in the outbox or as a
 * delivery.
 *
 * A delivery of a line begins with `nextRunAt` null: it waits in line. The scheduler leases it once nothing open comes
 * before it, and sets `nextRunAt`: it is at the head of its line. Nothing can come before it any more, so from then on
 * leases, retries and crashes are those of any other delivery.
 */
import { createHash } from 'node:crypto'
import { sqlStoredKey, toStoredKey } from './tenant.js'

/**
 * The line of an ordering key, a bigint as text. Tenants have lines of their own. Two keys with the same hash would
 * share a line, which delays and never disorders.
 */
export const orderingHashOf = (orderingKey: string, tenant: string | null): string =>
  createHash('sha256').update(toStoredKey(orderingKey, tenant)).digest().readBigInt64BE().toString()

/** SQL: the same, of an `orderingKey` and a tenant. */
export const sqlOrderingHash = (orderingKey: string, tenant: string): string =>
  `('x' || left(encode(sha256(convert_to(${sqlStoredKey(orderingKey, tenant)}, 'UTF8')), 'hex'), 16))::bit(64)::bigint`

/** Apart from other advisory locks. */
const LOCK_SPACE = 0x6f72_6465
/** Many lines share a lock, so that a batch with many keys does not fill the table of locks. */
const LOCKS = 64

/**
 * SQL: a query that locks the lines of a query with a column "orderingHash" until the commit. It must be a materialized
 * CTE, and be read by whatever takes a number. Always in the same order, so that two never deadlock.
 */
export const sqlLockLines = (lines: string): string => `
  select count(pg_advisory_xact_lock(${LOCK_SPACE}, lock)) as count
  from (
    select distinct ("orderingHash" & ${LOCKS - 1})::int as lock from ${lines} where "orderingHash" is not null
    order by lock offset 0
  ) as locks`

/** SQL: the next place in a line that is locked. */
export const sqlNextPlace = `nextval('"orderingSequence"')`

/** SQL: the delivery `d` waits in line. It is the condition of a partial index. */
export const sqlIsInLine = (d: string): string =>
  `${d}."orderingHash" is not null and ${d}."nextRunAt" is null and ${d}.status = 'PENDING'`

/** SQL: the open delivery `d` is at the head of its line. It is the condition of a partial index. */
const sqlIsAtHead = (d: string): string => `${d}."orderingHash" is not null and ${d}."nextRunAt" is not null`

/** SQL: whether a delivery at the head, or an event that is to be dispatched, comes before `d`, which waits in line. */
export const sqlHasPredecessor = (d: string): string => `(
  exists (
    select from deliveries before
    where before."subscriptionId" = ${d}."subscriptionId" and before."orderingHash" = ${d}."orderingHash"
      and before."orderingSequence" < ${d}."orderingSequence" and ${sqlIsAtHead('before')}
  ) or exists (
    select from outbox o
    where o."orderingHash" = ${d}."orderingHash" and o."orderingSequence" < ${d}."orderingSequence"
  ))`

/** SQL: whether another delivery waits in line before `d`. */
export const sqlHasWaitingPredecessor = (d: string): string => `
  exists (
    select from deliveries before
    where before."subscriptionId" = ${d}."subscriptionId" and before."orderingHash" = ${d}."orderingHash"
      and before."orderingSequence" < ${d}."orderingSequence" and ${sqlIsInLine('before')}
  )`
