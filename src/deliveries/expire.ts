/**
 * Expiry: from the `expiresAt` of its event on, a delivery is not attempted any more, whatever it waits for: it is
 * DEAD. A worker finds what it has leased; a sweep finds what waits.
 */
import { finalEventStates, sqlIsOpen, sqlStates } from '../model/delivery-states.js'
import type { Statement } from '../platform/postgres/database.js'
import { NIL_UUID } from '../platform/uuid.js'
import { type GiveUpContext, giveUp, giveUpSql } from './cancel.js'

const REASON = 'expired'

/** `$1`, `$2` the entry to go on after, `$3` the limit. */
const findExpired: Statement = {
  name: 'find-expired-events',
  text: `
    select "eventId", "expiresAt"::text as "expiresAt" from "expiringEvents"
    where "expiresAt" <= now() and ("expiresAt", "eventId") > ($1::timestamptz, $2::uuid)
    order by "expiresAt", "eventId" limit $3`,
}

interface FindExpiredRow {
  eventId: string
  /** As PostgreSQL writes it. */
  expiresAt: string
}

/** `$2` events that have expired, `$3` the limit. */
const giveUpExpired: Statement = {
  name: 'give-up-deliveries-of-expired-events',
  text: giveUpSql(`d.id = any (array(
    select waiting.id from unnest($2::uuid[]) as expired (id)
    cross join lateral (
      select w.id from deliveries w
      where w."eventId" = expired.id and ${sqlIsOpen('w')} and w."queuedUntil" is null
      limit $3 for update skip locked
    ) as waiting
    limit $3
  ))`),
}

/** `$2` the id. */
const giveUpOne: Statement = {
  name: 'expire-delivery',
  text: giveUpSql(`d.id = $2 and (select e."expiresAt" <= now() from events e where e.id = d."eventId")`),
}

/**
 * `$1` events that have expired. An entry stays while the event may still have an open delivery: one that is leased, or
 * is to come because the event is not dispatched.
 */
const forgetExpired: Statement = {
  name: 'forget-expired-events',
  text: `
    delete from "expiringEvents" where "eventId" = any (array(
      select expired.id from unnest($1::uuid[]) as expired (id)
      left join lateral (select status from events where id = expired.id limit 1) as e on true
      where e.status is null or e.status in (${sqlStates(finalEventStates)})
    ))`,
}

const EVENTS_AT_ONCE = 500
const DELIVERIES_AT_ONCE = 1000

/** Gives up every waiting delivery of events that have expired. */
export async function expireDeliveries(context: GiveUpContext): Promise<void> {
  let last: FindExpiredRow = { eventId: NIL_UUID, expiresAt: '-infinity' }
  for (;;) {
    const { expiresAt, eventId } = last
    const values = [expiresAt, eventId, EVENTS_AT_ONCE]
    const rows = await context.database.query<FindExpiredRow>(findExpired, values)
    last = rows.at(-1) ?? last
    if (rows.length > 0) await expireEvents(context, rows)
    if (rows.length < EVENTS_AT_ONCE) return
  }
}

async function expireEvents(context: GiveUpContext, expired: FindExpiredRow[]): Promise<void> {
  const ids = expired.map(({ eventId }) => eventId)
  let count: number
  do {
    count = await giveUp(context, giveUpExpired, REASON, ids, DELIVERIES_AT_ONCE)
    tell(context, count)
  } while (count === DELIVERIES_AT_ONCE)
  await context.database.query(forgetExpired, [ids])
}

/** Gives up a delivery whose event has expired, unless it is leased. */
export async function expireDelivery(context: GiveUpContext, id: string): Promise<void> {
  tell(context, await giveUp(context, giveUpOne, REASON, id))
}

function tell({ serviceEvents }: GiveUpContext, count: number): void {
  if (count > 0) serviceEvents.emit('expired', { count })
}
