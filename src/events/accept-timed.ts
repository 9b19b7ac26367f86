/**
 * Accepts events of which some have a `deliverAt` or an `expiresAt`: none of them takes the fast path, so that an event
 * without such times costs nothing more. One that is SCHEDULED waits in a table of its own and moves to the outbox when
 * its time has come; which subscriptions get it is decided then.
 */
import { type EventSnapshot, sqlEventSnapshot } from '../model/event-snapshot.js'
import type { Database, Statement } from '../platform/postgres/database.js'
import { type Accepted, nothingAccepted } from './accept.js'
import { type Candidate, columnsOf, sqlEvents, sqlPublications } from './candidate.js'
import { isTimed } from './times.js'

/** `$12`, `$13`, `$14` ids of the events that have such times, and these. */
const acceptTimedEvents: Statement = {
  name: 'accept-timed-events',
  text: `
    with ${sqlPublications}, timed as (
      select * from unnest($12::uuid[], $13::timestamptz[], $14::timestamptz[]) as t (id, "deliverAt", "expiresAt")
    ), accepted as (
      insert into events (${sqlEvents.columns}, "deliverAt", "expiresAt", status)
      select ${sqlEvents.values}, timed."deliverAt", timed."expiresAt",
             (case when timed."deliverAt" > now() then 'SCHEDULED' else 'PENDING' end)::"EventStatus"
      from publications p left join timed using (id)
      -- Always in the order of the keys: see the publisher.
      order by p."idempotencyKey" collate "C"
      on conflict ("idempotencyKey") do nothing
      returning *
    ), deltas as (
      insert into tallies (events, accepted) select count(*), count(*) from accepted having count(*) > 0
    ), "inOutbox" as (
      insert into outbox ("eventId") select id from accepted where status = 'PENDING'
    ), scheduled as (
      insert into "scheduledEvents" ("eventId", "deliverAt")
      select id, "deliverAt" from accepted where status = 'SCHEDULED'
    ), expiring as (
      insert into "expiringEvents" ("eventId", "expiresAt")
      select id, "expiresAt" from accepted where "expiresAt" is not null
    )
    select ${sqlEventSnapshot('accepted')} from accepted`,
}

type AcceptTimedEventsRow = EventSnapshot

export async function acceptTimed(database: Database, candidates: Candidate[]): Promise<Accepted> {
  const timed = candidates.filter(({ publication }) => isTimed(publication))
  const types = candidates.map(({ publication }) => publication.type)
  const rows = await database.query<AcceptTimedEventsRow>(acceptTimedEvents, [
    ...columnsOf(candidates, types),
    timed.map(({ id }) => id),
    timed.map(({ publication }) => publication.deliverAt),
    timed.map(({ publication }) => publication.expiresAt),
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
