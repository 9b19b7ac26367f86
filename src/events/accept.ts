/**
 * Accept: one statement commits events and ensures their dispatch.
 *
 * While the fast path has room, the statement also dispatches: it writes the deliveries, leased to the worker of this
 * process or, where there is none, to the queue. So an event is sent right after its commit and does not need the
 * outbox. If the worker dies or the job is lost, the scheduler finds the delivery by its expired lease, like any other.
 * Otherwise the statement adds an entry to the outbox. So it does for an event with many deliveries, because its
 * producer must not wait for them.
 *
 * An event is matched with the subscriptions committed at that moment: in memory, and where the statement sees that the
 * memory is out of date, by the dispatcher.
 */

import { type Matcher, matchColumns } from '../matching/matcher.js'
import { sqlIsCurrent } from '../matching/view.js'
import { sqlIsLimited } from '../model/breaker.js'
import type { EventSnapshot } from '../model/event-snapshot.js'
import { sqlLeaseEnd } from '../model/lease-end.js'
import { sqlRoom } from '../model/lease-room.js'
import { sqlRowsOfKinds } from '../model/row-kinds.js'
import type { Database, Statement } from '../platform/postgres/database.js'
import { sqlNow } from '../platform/postgres/sql-now.js'
import { type Candidate, columnsOf, keyOf, sqlEvents, sqlPublications } from './candidate.js'
import { chooseForOutbox, matchCandidates } from './candidate-matches.js'

export interface Accepted {
  /** The new events. The idempotency keys of the others were used before. */
  ids: Set<string>
  /** The accepted events that are not dispatched yet: in the outbox, or SCHEDULED. */
  inOutbox: Set<string>
  /** Those of them that are SCHEDULED, by id. */
  scheduled: Map<string, EventSnapshot>
  /** The deliveries of the other accepted events. */
  deliveries: FastPathDelivery[]
  /** By subscription id, the row's version at the match. */
  subscriptionVersions: Map<string, string>
  /** The end of their leases, and the moment of acceptance, by the database's clock. */
  queuedUntil: Date
  at: Date
  /** False when subscriptions have changed since the matcher was refreshed. All events are then in the outbox. */
  isMatchCurrent: boolean
}

export interface FastPathDelivery {
  id: string
  eventId: string
  subscriptionId: string
  tenant: string | null
  /** False when it waits in the table, because its subscription is saturated or limited: see `sqlIsLimited`. */
  isLeased: boolean
}

/** What the fast path can take. */
export interface FastPathRoom {
  /** It takes no delivery of these subscriptions now. */
  saturated: string[]
  /** The most leases of a subscription; undefined where they need not be counted. */
  quota: number | undefined
}

const acceptForOutbox: Statement = {
  name: 'accept-for-outbox',
  text: `
    with ${sqlPublications}, accepted as (
      insert into events (${sqlEvents.columns}) select ${sqlEvents.values} from publications p
      on conflict ("idempotencyKey") do nothing
      returning id
    ), deltas as (
      insert into tallies (events, accepted) select count(*), count(*) from accepted having count(*) > 0
    )
    insert into outbox ("eventId") select id from accepted returning "eventId"`,
}

interface AcceptForOutboxRow {
  eventId: string
}

/**
 * `$12` saturated subscriptions: their deliveries are not leased. `$13`, `$14` pairs of a match key and a subscription
 * that wants its events, `$15` events that go through the outbox, `$16`, `$17`, `$18` the `ViewParameters` of the
 * match, `$19` the most leases of a subscription, or null.
 */
const acceptAndDispatch: Statement = {
  name: 'accept-and-dispatch',
  text: `
    with ${sqlPublications}, match as materialized (
      select ${sqlIsCurrent('$16', '$17', '$18')} as "isCurrent"
    ), matched as materialized (
      -- The limit makes PostgreSQL look up each subscription by its id.
      select wanted."matchKey", s.*, s."isUnlimited" and wanted.id <> all ($12::uuid[]) as "isLeased"
      from unnest($13::text[], $14::uuid[]) as wanted ("matchKey", id)
      cross join lateral (
        select id as "subscriptionId", tenant, xmin::text as version,
               not ${sqlIsLimited('found')} as "isUnlimited"
        from subscriptions found where id = wanted.id limit 1
      ) as s
    ), "full" as materialized (
      -- Keys with a subscription that has no room for a whole batch, or that has a limit of its own.
      select distinct "matchKey" from matched where $19::int is not null and (
        not "isUnlimited" or ${sqlRoom('matched."subscriptionId"', '$19')} < (select count(*) from publications)
      )
    ), "fanOut" as materialized (
      select "matchKey", count(*)::int as deliveries from matched group by "matchKey"
    ), accepted as materialized (
      insert into events (${sqlEvents.columns}, status, "deliveryCount")
      select ${sqlEvents.values},
             (case when way."isOutbox" then 'PENDING' when f.deliveries is null then 'UNMATCHED'
                   else 'PROCESSING' end)::"EventStatus",
             case when way."isOutbox" then 0 else coalesce(f.deliveries, 0) end
      -- One look-up for each event keeps their order, which a join may change: see the publisher.
      from publications p
      cross join lateral (
        select not "isCurrent" or p.id = any ($15::uuid[]) or p."matchKey" in (select "matchKey" from "full") as "isOutbox"
        from match
      ) as way
      left join lateral (select * from "fanOut" where "fanOut"."matchKey" = p."matchKey" limit 1) as f on true
      on conflict ("idempotencyKey") do nothing
      returning id, status
    ), created as (
      insert into deliveries (id, "eventId", "subscriptionId", tenant, "nextRunAt", "queuedUntil")
      select uuid_v7(), a.id, m."subscriptionId", m.tenant, ${sqlNow}, case when m."isLeased" then ${sqlLeaseEnd} end
      from accepted a join publications p using (id) join matched m using ("matchKey")
      where a.status = 'PROCESSING'
      returning id, "eventId", "subscriptionId", tenant, "queuedUntil" is not null as "isLeased"
    ), deltas as (
      insert into tallies (events, accepted, pending)
      select count(*), count(*), (select count(*) from created) from accepted having count(*) > 0
    ), "inOutbox" as (
      insert into outbox ("eventId") select id from accepted where status = 'PENDING'
    )
    ${sqlRowsOfKinds({
      delivery: {
        columns: { id: 'uuid', eventId: 'uuid', subscriptionId: 'uuid', tenant: 'text', isLeased: 'bool' },
        from: 'created',
      },
      event: {
        columns: { id: 'uuid', status: 'text' },
        from: "(select id, status from accepted where status <> 'PROCESSING') as event",
      },
      subscription: {
        columns: { subscriptionId: 'uuid', version: 'text' },
        from: '(select distinct "subscriptionId", version from matched) as subscription',
      },
      moment: {
        columns: { at: 'timestamptz', queuedUntil: 'timestamptz', isCurrent: 'bool' },
        from: `(select ${sqlNow} as at, ${sqlLeaseEnd} as "queuedUntil", "isCurrent" from match) as moment`,
      },
    })}`,
}

type AcceptAndDispatchRow =
  | ({ kind: 'delivery' } & FastPathDelivery)
  | { kind: 'event'; id: string; status: 'UNMATCHED' | 'PENDING' }
  | { kind: 'subscription'; subscriptionId: string; version: string }
  | { kind: 'moment'; at: Date; queuedUntil: Date; isCurrent: boolean }

export const acceptStatements: Statement[] = [acceptForOutbox, acceptAndDispatch]

/** @param room undefined when the fast path takes nothing */
export async function accept(
  { database, matcher }: { database: Database; matcher: Matcher },
  candidates: Candidate[],
  room: FastPathRoom | undefined,
): Promise<Accepted> {
  if (room !== undefined) {
    const { byKey, keys, failures, view } = matchCandidates(matcher, candidates)
    const match = [...matchColumns(byKey), chooseForOutbox(candidates, keys, byKey), ...view]
    const accepted = toAccepted(
      await database.query<AcceptAndDispatchRow>(acceptAndDispatch, [
        ...columnsOf(candidates, keys),
        room.saturated,
        ...match,
        room.quota ?? null,
      ]),
    )
    const isDispatched = (eventId: string) => accepted.ids.has(eventId) && !accepted.inOutbox.has(eventId)
    for (const [eventId, failed] of failures) if (isDispatched(eventId)) matcher.count(failed)
    return accepted
  }
  const rows = await database.query<AcceptForOutboxRow>(
    acceptForOutbox,
    columnsOf(candidates, candidates.map(keyOf)),
  )
  const ids = new Set(rows.map(({ eventId }) => eventId))
  return { ...nothingAccepted(), ids, inOutbox: ids }
}

export const nothingAccepted = (): Accepted => ({
  ids: new Set(),
  inOutbox: new Set(),
  scheduled: new Map(),
  deliveries: [],
  subscriptionVersions: new Map(),
  queuedUntil: new Date(),
  at: new Date(),
  isMatchCurrent: true,
})

function toAccepted(rows: AcceptAndDispatchRow[]): Accepted {
  const accepted = nothingAccepted()
  for (const row of rows) {
    switch (row.kind) {
      case 'delivery': {
        const { id, eventId, subscriptionId, tenant, isLeased } = row
        accepted.ids.add(eventId)
        accepted.deliveries.push({ id, eventId, subscriptionId, tenant, isLeased })
        break
      }
      case 'event':
        accepted.ids.add(row.id)
        if (row.status === 'PENDING') accepted.inOutbox.add(row.id)
        break
      case 'subscription':
        accepted.subscriptionVersions.set(row.subscriptionId, row.version)
        break
      case 'moment':
        accepted.at = row.at
        accepted.queuedUntil = row.queuedUntil
        accepted.isMatchCurrent = row.isCurrent
        break
    }
  }
  return accepted
}
