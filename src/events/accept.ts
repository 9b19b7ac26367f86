/**
 * Accept: one statement commits events and ensures their dispatch.
 *
 * Usually it adds an entry to the outbox. When the worker of this process has room, the statement also dispatches: it
 * writes the deliveries, leased to that worker, so an event is sent right after its commit and needs neither the outbox
 * nor the queue. If the worker dies or gives a lease back, the scheduler finds the delivery by its expired lease, like
 * any other. An event for many subscriptions goes through the outbox, because its producer must not wait for their
 * deliveries.
 *
 * The database matches events with the subscriptions committed at that moment, once for each type.
 */

import { sqlWantsType } from '../model/event-type.js'
import { sqlLeaseEnd } from '../model/lease-end.js'
import { sqlRowsOfKinds } from '../model/row-kinds.js'
import type { Database, Statement } from '../platform/postgres/database.js'
import { sqlNow } from '../platform/postgres/sql-now.js'
import type { Publication } from './publication.js'

/** A publication before its commit as an event. */
export interface Candidate {
  id: string
  publication: Publication
  /** SHA-256 in hex; only beside an idempotency key. */
  contentHash: string | null
  createdAt: Date
}

export interface Accepted {
  /** The new events. The idempotency keys of the others were used before. */
  ids: Set<string>
  /** The accepted events in the outbox, for the dispatcher. */
  inOutbox: Set<string>
  /** The deliveries of the other accepted events. */
  deliveries: FastPathDelivery[]
  /** By subscription id, the row's version at the match. */
  subscriptionVersions: Map<string, string>
  /** The end of their leases, and the moment of acceptance, by the database's clock. */
  queuedUntil: Date
  at: Date
}

export interface FastPathDelivery {
  id: string
  eventId: string
  subscriptionId: string
  /** False when it waits in the table, because its subscription is saturated or has a rate limit. */
  isLeased: boolean
}

/** An event with more deliveries goes through the outbox. */
const MAX_FAST_PATH_FAN_OUT = 16

/**
 * `data` comes as the bytes of all events, one after the other. An array would need an escape for each quote, at the
 * cost of parsing the data.
 */
const sqlPublications = `
  publications as (
    select id, type, convert_from(substring($8::bytea from "dataFrom" for "dataBytes"), 'UTF8') as data,
           metadata, "idempotencyKey", "contentHash", "createdAt"
    from unnest($1::uuid[], $2::text[], $3::int[], $4::int[], $5::text[], $6::text[], $7::text[], $9::timestamptz[])
      as publication (id, type, "dataFrom", "dataBytes", metadata, "idempotencyKey", "contentHash", "createdAt")
  )`

const eventColumns = 'id, type, data, metadata, "idempotencyKey", "contentHash", "createdAt"'
const sqlEventValues = `
  p.id, p.type, p.data::json, p.metadata::json, p."idempotencyKey", decode(p."contentHash", 'hex'), p."createdAt"`

const acceptForOutbox: Statement = {
  name: 'accept-for-outbox',
  text: `
    with ${sqlPublications}, accepted as (
      insert into events (${eventColumns}) select ${sqlEventValues} from publications p
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

/** `$10` saturated subscriptions: their deliveries are not leased. */
const acceptAndDispatch: Statement = {
  name: 'accept-and-dispatch',
  text: `
    with ${sqlPublications}, matched as materialized (
      select t.type, s.id as "subscriptionId", s.xmin::text as version,
             s."maxRequestsPerSecond" is null and s.id <> all ($10::uuid[]) as "isLeased"
      from (select distinct type from publications) as t
      join subscriptions s on ${sqlWantsType('s', 't.type')}
    ), "fanOut" as materialized (
      select type, count(*)::int as deliveries, count(*) <= ${MAX_FAST_PATH_FAN_OUT} as "isFastPath"
      from matched group by type
    ), accepted as materialized (
      insert into events (${eventColumns}, status, "deliveryCount")
      select ${sqlEventValues},
             (case when f.deliveries is null then 'UNMATCHED' when f."isFastPath" then 'PROCESSING'
                   else 'PENDING' end)::"EventStatus",
             case when f."isFastPath" then f.deliveries else 0 end
      -- One look-up for each event keeps their order, which a join may change: see the publisher.
      from publications p left join lateral (select * from "fanOut" where "fanOut".type = p.type limit 1) as f on true
      on conflict ("idempotencyKey") do nothing
      returning id, type, status
    ), created as (
      insert into deliveries (id, "eventId", "subscriptionId", "nextRunAt", "queuedUntil")
      select uuid_v7(), a.id, m."subscriptionId", ${sqlNow}, case when m."isLeased" then ${sqlLeaseEnd} end
      from accepted a join matched m on m.type = a.type
      where a.status = 'PROCESSING'
      returning id, "eventId", "subscriptionId", "queuedUntil" is not null as "isLeased"
    ), deltas as (
      insert into tallies (events, accepted, pending)
      select count(*), count(*), (select count(*) from created) from accepted having count(*) > 0
    ), "inOutbox" as (
      insert into outbox ("eventId") select id from accepted where status = 'PENDING'
    )
    ${sqlRowsOfKinds({
      delivery: {
        columns: { id: 'uuid', eventId: 'uuid', subscriptionId: 'uuid', isLeased: 'bool' },
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
        columns: { at: 'timestamptz', queuedUntil: 'timestamptz' },
        from: `(select ${sqlNow} as at, ${sqlLeaseEnd} as "queuedUntil") as moment`,
      },
    })}`,
}

type AcceptAndDispatchRow =
  | ({ kind: 'delivery' } & FastPathDelivery)
  | { kind: 'event'; id: string; status: 'UNMATCHED' | 'PENDING' }
  | { kind: 'subscription'; subscriptionId: string; version: string }
  | { kind: 'moment'; at: Date; queuedUntil: Date }

export const acceptStatements: Statement[] = [acceptForOutbox, acceptAndDispatch]

/** @param saturated the worker takes no delivery of these subscriptions now; undefined when it takes none at all */
export async function accept(
  database: Database,
  candidates: Candidate[],
  saturated: string[] | undefined,
): Promise<Accepted> {
  const values = columnsOf(candidates)
  if (saturated !== undefined) {
    return toAccepted(await database.query<AcceptAndDispatchRow>(acceptAndDispatch, [...values, saturated]))
  }
  const rows = await database.query<AcceptForOutboxRow>(acceptForOutbox, values)
  const ids = new Set(rows.map(({ eventId }) => eventId))
  return { ...nothingAccepted(), ids, inOutbox: ids }
}

function columnsOf(candidates: Candidate[]): unknown[] {
  const publications = candidates.map(({ publication }) => publication)
  const data = publications.map((publication) => Buffer.from(publication.data))
  return [
    candidates.map(({ id }) => id),
    publications.map(({ type }) => type),
    startsOf(data),
    data.map(({ length }) => length),
    publications.map(({ metadata }) => metadata),
    publications.map(({ idempotencyKey }) => idempotencyKey),
    candidates.map(({ contentHash }) => contentHash),
    Buffer.concat(data),
    candidates.map(({ createdAt }) => createdAt),
  ]
}

/** The start of each piece in their concatenation; PostgreSQL counts from 1. */
function startsOf(pieces: Buffer[]): number[] {
  let next = 1
  return pieces.map(({ length }) => {
    const start = next
    next += length
    return start
  })
}

const nothingAccepted = (): Accepted => ({
  ids: new Set(),
  inOutbox: new Set(),
  deliveries: [],
  subscriptionVersions: new Map(),
  queuedUntil: new Date(),
  at: new Date(),
})

function toAccepted(rows: AcceptAndDispatchRow[]): Accepted {
  const accepted = nothingAccepted()
  for (const row of rows) {
    switch (row.kind) {
      case 'delivery': {
        const { id, eventId, subscriptionId, isLeased } = row
        accepted.ids.add(eventId)
        accepted.deliveries.push({ id, eventId, subscriptionId, isLeased })
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
        break
    }
  }
  return accepted
}
