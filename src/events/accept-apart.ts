/**
 * Accepts events of which some have a `deliverAt`, an `expiresAt` or an `orderingKey`: none of them takes the fast
 * path, so that an event without these costs nothing more.
 *
 * One that is SCHEDULED waits in a table of its own and moves to the outbox when its time has come. Which subscriptions
 * get it, and its place in the order of its key, is decided then.
 */
import { type EventSnapshot, sqlEventSnapshot } from '../model/event-snapshot.js'
import { orderingHashOf, sqlLockLines, sqlNextPlace } from '../model/ordering.js'
import type { Database, Statement } from '../platform/postgres/database.js'
import { type Accepted, nothingAccepted } from './accept.js'
import { type Candidate, columnsOf, sqlEvents, sqlPublications } from './candidate.js'
import { isTimed } from './times.js'

/**
 * `$12`, `$13`, `$14` ids of the events that have such times, and these. `$15`, `$16`, `$17` ids of the events that
 * have an ordering key, in the order of their producer, their keys and their lines.
 */
const acceptEventsApart: Statement = {
  name: 'accept-events-apart',
  text: `
    with ${sqlPublications}, timed as (
      select * from unnest($12::uuid[], $13::timestamptz[], $14::timestamptz[]) as t (id, "deliverAt", "expiresAt")
    ), keyed as (
      select * from unnest($15::uuid[], $16::text[], $17::bigint[])
        with ordinality as k (id, "orderingKey", "orderingHash", number)
    ), locked as materialized (
      ${sqlLockLines('keyed')}
    ), placed as materialized (
      -- After the lock: the comparison with its result makes it come first.
      select id, "orderingKey", "orderingHash", ${sqlNextPlace} as place
      from (select keyed.* from keyed where (select count from locked) >= 0 order by number offset 0) as in_order
    ), accepted as (
      insert into events (${sqlEvents.columns}, "deliverAt", "expiresAt", "orderingKey", status)
      select ${sqlEvents.values}, timed."deliverAt", timed."expiresAt", placed."orderingKey",
             (case when timed."deliverAt" > now() then 'SCHEDULED' else 'PENDING' end)::"EventStatus"
      from publications p left join timed using (id) left join placed using (id)
      -- Always in the order of the keys: see the publisher.
      order by p."idempotencyKey" collate "C"
      on conflict ("idempotencyKey") do nothing
      returning *
    ), deltas as (
      insert into tallies (events, accepted) select count(*), count(*) from accepted having count(*) > 0
    ), "inOutbox" as (
      insert into outbox ("eventId", "orderingHash", "orderingSequence")
      select id, placed."orderingHash", placed.place from accepted left join placed using (id)
      where accepted.status = 'PENDING'
    ), scheduled as (
      insert into "scheduledEvents" ("eventId", "deliverAt", "orderingHash")
      select id, accepted."deliverAt", placed."orderingHash" from accepted left join placed using (id)
      where accepted.status = 'SCHEDULED'
    ), expiring as (
      insert into "expiringEvents" ("eventId", "expiresAt")
      select id, "expiresAt" from accepted where "expiresAt" is not null
    )
    select ${sqlEventSnapshot('accepted')} from accepted`,
}

type AcceptEventsApartRow = EventSnapshot

/** @param inOrder the candidates in the order of their producer, which is that of their ordering keys */
export async function acceptApart(
  database: Database,
  candidates: Candidate[],
  inOrder: Candidate[],
): Promise<Accepted> {
  const keyed = inOrder.flatMap(({ id, publication: { orderingKey, tenant } }) =>
    orderingKey === null ? [] : [{ id, orderingKey, hash: orderingHashOf(orderingKey, tenant) }],
  )
  const timed = candidates.filter(({ publication }) => isTimed(publication))
  const types = candidates.map(({ publication }) => publication.type)
  const rows = await database.query<AcceptEventsApartRow>(acceptEventsApart, [
    ...columnsOf(candidates, types),
    timed.map(({ id }) => id),
    timed.map(({ publication }) => publication.deliverAt),
    timed.map(({ publication }) => publication.expiresAt),
    keyed.map(({ id }) => id),
    keyed.map(({ orderingKey }) => orderingKey),
    keyed.map(({ hash }) => hash),
  ])
  const ids = new Set(rows.map(({ id }) => id))
  const scheduled = rows.filter(({ status }) => status === 'SCHEDULED')
  return {
    ...nothingAccepted(),
    ids,
    inOutbox: ids,
    scheduled: new Map(scheduled.map((row) => [row.id, row])),
  }
}
