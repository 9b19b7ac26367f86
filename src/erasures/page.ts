/**
 * The events that an erasure looks at, page by page in the order of their ids. A page is what was looked at, by an
 * index; not all of it has to be erased now.
 */
import { sqlIsFinished } from '../model/delivery-states.js'
import type { Database, Statement } from '../platform/postgres/database.js'
import type { TakenErasure } from './take.js'

/** Most events that a step looks at. */
const MAX_FOUND_AT_ONCE = 500
/** A page ends early where its events have this many deliveries: then a step lasts a moment, however they fan out. */
const MAX_DELIVERIES_AT_ONCE = 2000

interface EventRow {
  id: string
  /** Whether the step has something to do with it. */
  fits: boolean
  deliveryCount: number
}

export interface EventPage {
  ids: string[]
  /** The last event that was looked at; undefined at the end. */
  last: string | undefined
}

/** `$1` the tenant, `$2` the event to go on after, `$3` the last event, `$4` the limit. */
const findEventsOfTenant: Statement = {
  name: 'find-events-of-tenant',
  text: `
    select one.id, true as fits, one."deliveryCount"
    from unnest(enum_range(null::"EventStatus")) as wanted (status)
    cross join lateral (
      select e.id, e."deliveryCount" from events e
      -- In pairs: by the order of ids alone PostgreSQL might read all events, where few are of the tenant.
      where e.tenant = $1::text and (e.status, e.id) > (wanted.status, $2::uuid)
        and (e.status, e.id) <= (wanted.status, $3::uuid)
      order by e.status, e.id limit $4
    ) as one
    order by one.id limit $4`,
}

/**
 * `$1` the subscription, `$2`, `$3`, `$4` as above, `$5` when the erasure was created: what had a later time had not
 * gone to it by then.
 */
const findEventsOfSubscription: Statement = {
  name: 'find-events-of-subscription',
  text: `
    select d."eventId" as id, coalesce(e."deliverAt" <= $5::timestamptz, true) as fits,
           coalesce(e."deliveryCount", 0) as "deliveryCount"
    from (
      select "eventId" from deliveries
      where "subscriptionId" = $1::uuid and "eventId" > $2::uuid and "eventId" <= $3::uuid
      order by "eventId" limit $4
    ) as d
    left join lateral (select "deliverAt", "deliveryCount" from events where id = d."eventId" limit 1) as e on true
    order by d."eventId"`,
}

/**
 * `$1` the last event, `$2` when the erasure was created. Until they are dispatched, nobody knows to whom they go. The
 * orders make PostgreSQL look up one row by an index.
 */
const findUndispatched: Statement = {
  name: 'find-undispatched-events',
  text: `
    select coalesce(
      (select true from outbox where "eventId" <= $1::uuid order by "eventId" limit 1),
      (select true from "scheduledEvents" where "deliverAt" <= $2::timestamptz order by "deliverAt", "eventId" limit 1),
      false
    ) as "isAny"`,
}

interface FindUndispatchedRow {
  isAny: boolean
}

/** `$1` the erasure, `$2` the event to go on after, `$3` the limit. One that retention has removed is finished, too. */
const findWaiting: Statement = {
  name: 'find-waiting-erasures',
  text: `
    select w."eventId" as id, coalesce(e."isOver", true) as fits, coalesce(e."deliveryCount", 0) as "deliveryCount"
    from (
      select "eventId" from "erasureEvents"
      where "erasureId" = $1::uuid and "eventId" > $2::uuid order by "eventId" limit $3
    ) as w
    left join lateral (
      select (${sqlIsFinished('e')}) as "isOver", e."deliveryCount"
      from events e where e.id = w."eventId" limit 1
    ) as e on true
    order by w."eventId"`,
}

/** Whether an event that was accepted in time may yet go to the subscription. */
export async function isUndispatched(database: Database, erasure: TakenErasure): Promise<boolean> {
  const values = [erasure.until, erasure.createdAt]
  const [found] = await database.query<FindUndispatchedRow>(findUndispatched, values)
  return found?.isAny ?? false
}

/** The next events of those that it is to erase; once all are listed, of those that waited. */
export async function findEvents(database: Database, erasure: TakenErasure): Promise<EventPage> {
  return cut(await database.query<EventRow>(...pageOf(erasure)))
}

function pageOf({
  id,
  tenant,
  subscriptionId,
  createdAt,
  until,
  cursor,
  isListed,
}: TakenErasure): [Statement, unknown[]] {
  const limit = MAX_FOUND_AT_ONCE
  if (isListed) return [findWaiting, [id, cursor, limit]]
  if (subscriptionId === null) return [findEventsOfTenant, [tenant, cursor, until, limit]]
  return [findEventsOfSubscription, [subscriptionId, cursor, until, limit, createdAt]]
}

/** What is left out is found again by the next step, which begins behind the last one that is taken. */
function cut(rows: EventRow[]): EventPage {
  let deliveries = 0
  const end = rows.findIndex(({ fits, deliveryCount }) => {
    if (fits) deliveries += deliveryCount
    return deliveries >= MAX_DELIVERIES_AT_ONCE
  })
  const taken = end === -1 ? rows : rows.slice(0, end + 1)
  return {
    ids: taken.filter(({ fits }) => fits).map(({ id }) => id),
    last: end === -1 && rows.length < MAX_FOUND_AT_ONCE ? undefined : taken.at(-1)?.id,
  }
}
