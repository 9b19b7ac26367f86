/**
 * What an erasure takes from an event and its logs: all else is history, and stays. And the durable job that erases all
 * events of a tenant, or all that went to a subscription: a row of `erasures`. Its work is done in steps, each one
 * statement that erases a page of events and moves the cursor behind them.
 */
import type { Erasure, Prisma } from '../generated/prisma/client.js'
import { sqlNow } from '../platform/postgres/sql-now.js'
import { finalStates, sqlStates } from './delivery-states.js'
import { selectColumns, sqlColumns } from './snapshot-columns.js'

/**
 * SQL: what an UPDATE of an event sets. `updatedAt` stays, which retention counts from, and so does `contentHash`,
 * which the idempotency key needs.
 */
export const sqlErasePayload = `data = '{}', metadata = null, "erasedAt" = ${sqlNow}`

/** SQL: erases what the attempts of deliveries have kept. @param deliveries a query for their ids */
export const sqlEraseLogs = (deliveries: string): string => `
  update "deliveryLogs" set headers = null, "responseBody" = null
  where "deliveryId" = any (array(${deliveries})) and (headers is not null or "responseBody" is not null)
  returning 1`

/**
 * SQL: parts of a `with` that erase many events; `erased` has a row for each. They wait for nobody, and so can't be
 * part of a deadlock: what another statement has locked is left as it is. Deliveries are locked first and their event
 * last, as a retry does, and an event is erased only when every one of its deliveries is locked here and SENT or DEAD.
 *
 * @param found a part with the ids of events
 * @param mayBeErased a condition on the event `e`
 */
export const sqlEraseEvents = (found: string, mayBeErased: string, returned = '1'): string => `
  held as materialized (
    select ${found}.id as "eventId", locked.id, locked.status from ${found} left join lateral (
      select d.id, d.status from deliveries d where d."eventId" = ${found}.id
      for update skip locked
    ) as locked on true
  ), erasable as materialized (
    select locked.id from (
      select "eventId" as id from held group by "eventId"
      having count(id) filter (where status in (${sqlStates(finalStates)}))
        = (select count(*) from deliveries d where d."eventId" = held."eventId")
    ) as complete cross join lateral (
      select e.id from events e where e.id = complete.id and e."erasedAt" is null and ${mayBeErased}
      for no key update of e skip locked
    ) as locked
  ), "erasedLogs" as (
    ${sqlEraseLogs('select held.id from held join erasable on erasable.id = held."eventId"')}
  ), erased as (
    update events e set ${sqlErasePayload} where e.id = any (array(select id from erasable)) returning ${returned}
  )`

/** The columns of an erasure as it is shown, with their types in PostgreSQL: the only list of them. */
const erasureColumns = {
  id: 'uuid',
  tenant: 'text',
  subscriptionId: 'uuid',
  state: 'text',
  erased: 'int',
  waiting: 'int',
  createdAt: 'timestamptz',
  updatedAt: 'timestamptz',
  finishedAt: 'timestamptz',
} as const satisfies { readonly [Column in keyof Erasure]?: string }

export type ErasureSnapshot = Pick<Erasure, keyof typeof erasureColumns>

/** The columns of a snapshot, for a `select` of Prisma. */
export const erasureSelect = selectColumns(erasureColumns) satisfies Prisma.ErasureSelect

/** SQL: the columns of a snapshot of the erasure `r`. */
export const sqlErasureSnapshot = (r: string): string => sqlColumns(erasureColumns, r)

/** Erasures of one tenant, or of the operator, that are not finished. */
export const MAX_OPEN_ERASURES = 20
/** Finished ones that are kept of each; the oldest make room. */
export const MAX_FINISHED_ERASURES = 1000
