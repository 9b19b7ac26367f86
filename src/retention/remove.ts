/**
 * Removes a batch of finished events, with their deliveries and logs, in one statement and so all or nothing.
 *
 * It waits for nobody, and so can't be part of a deadlock: what another statement has locked stays until the next
 * round. A retry locks deliveries first and their event last, so a lock on the event alone would prove nothing: an
 * event goes only when every one of its deliveries is locked here and, as it is then, SENT or DEAD. A retry that comes
 * later waits, and finds nothing.
 */
import { sqlCounterDeltas } from '../model/counter-deltas.js'
import { finalStates, sqlStates } from '../model/delivery-states.js'
import type { Database, Statement } from '../platform/postgres/database.js'
import { type Batch, type BatchResult, batchParameters, sqlBatch, sqlBatchEnd, sqlIsOver } from './batch.js'

/** An advisory lock of this number lets one process at a time remove events. It spells "nesr". */
const RETENTION_LOCK = 0x6e657372

/**
 * `$1`, `$2`, `$3`: `batchParameters`.
 *
 * Arrays, not joins, lead from one part to the next: they are looked up by index, whatever PostgreSQL expects.
 */
const removeFinishedEvents: Statement = {
  name: 'remove-finished-events',
  text: `
    with turn as materialized (
      select pg_try_advisory_xact_lock(${RETENTION_LOCK}) as "isMine"
    ), ${sqlBatch('"isMine" from turn')}, finished as materialized (
      select locked.id from batch cross join lateral (
        select e.id from events e where e.id = batch.id and ${sqlIsOver}
        for update of e skip locked
      ) as locked
    ), held as materialized (
      select finished.id as "eventId", locked.id, locked.status from finished left join lateral (
        select d.id, d.status from deliveries d where d."eventId" = finished.id
        for update skip locked
      ) as locked on true
    ), removable as materialized (
      select "eventId" as id from held group by "eventId"
      having count(id) filter (where status in (${sqlStates(finalStates)}))
        = (select count(*) from deliveries d where d."eventId" = held."eventId")
    ), gone as materialized (
      select held.id from held join removable on removable.id = held."eventId" where held.id is not null
    ), "deletedLogs" as (
      delete from "deliveryLogs" where "deliveryId" = any(array(select id from gone)) returning 1
    ), "deletedDeliveries" as (
      delete from deliveries where id = any(array(select id from gone)) returning status
    ), "deletedEvents" as (
      delete from events where id = any(array(select id from removable)) returning 1
    ), "talliedDeliveries" as (
      ${sqlCounterDeltas('select status as before, null::"DeliveryStatus" as after from "deletedDeliveries"')}
    ), "talliedEvents" as (
      insert into tallies (events) select -count(*) from "deletedEvents" having count(*) > 0
    )
    select "isMine",
           (select count(*)::int from "deletedEvents") as events,
           (select count(*)::int from "deletedDeliveries") as deliveries,
           (select count(*)::int from "deletedLogs") as logs,
           ${sqlBatchEnd}
    from turn`,
}

interface RemoveFinishedEventsRow extends Omit<BatchResult, 'last'> {
  last: string | null
  isMine: boolean
}

/** @returns undefined when another process removes events at this moment */
export async function removeFinished(database: Database, batch: Batch): Promise<BatchResult | undefined> {
  const [row] = await database.query<RemoveFinishedEventsRow>(removeFinishedEvents, batchParameters(batch))
  if (row === undefined || !row.isMine) return undefined
  const { isMine, last, ...removed } = row
  return { ...removed, last: last ?? undefined }
}
