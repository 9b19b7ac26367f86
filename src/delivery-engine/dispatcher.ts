/**
 * The dispatcher: turns outbox entries into deliveries.
 *
 * One statement does it all or nothing: it takes entries off the outbox, matches their events with the enabled
 * subscriptions, writes a delivery for each pair, and marks the events. A crash at any moment leaves the entry
 * where it was. Several dispatchers at work never take the same entry. The match is made by the database, from
 * subscriptions as they are committed at that moment: an event published right after a subscription was created
 * finds it.
 */
import { sqlEventStatus } from '../deliveries/transitions.js'
import type { Database } from '../platform/database.js'
import type { DeliveryHappening, Happenings } from '../platform/happenings.js'
import { createPump, type Pump } from '../platform/pump.js'
import { EVERY_TYPE } from '../subscriptions/subscription.js'
import { type Lease, sqlLeaseEnd, sqlRoom, toLease } from './lease.js'

const dispatch = {
  name: 'dispatch',
  text: `
    with claimed as (
      delete from outbox where "eventId" in (
        select "eventId" from outbox order by "eventId" limit $1 for update skip locked
      )
      returning "eventId"
    ), matched as (
      select e.id as "eventId", s.id as "subscriptionId",
             row_number() over (partition by s.id order by e.id) as place
      from claimed
      join events e on e.id = claimed."eventId"
      join subscriptions s on s."isEnabled" and s."eventTypes" && array[e.type, '${EVERY_TYPE}']
    ), rooms as (
      select s."subscriptionId", ${sqlRoom('s."subscriptionId"')} as room
      from (select distinct "subscriptionId" from matched) as s
    ), created as (
      insert into deliveries (id, "eventId", "subscriptionId", "nextRunAt", "queuedUntil")
      select uuid_v7(), matched."eventId", matched."subscriptionId", now(),
             case when matched.place <= rooms.room then ${sqlLeaseEnd} end
      from matched join rooms using ("subscriptionId")
      returning id, "eventId", "subscriptionId", "queuedUntil"
    ), counted as (
      select claimed."eventId", count(created.id)::int as deliveries
      from claimed left join created using ("eventId")
      group by claimed."eventId"
    ), marked as (
      update events e
      set "deliveryCount" = counted.deliveries,
          status = ${sqlEventStatus('counted.deliveries', '0', '0')},
          "updatedAt" = now()
      from counted where e.id = counted."eventId"
    )
    select claimed."eventId", created.id as "deliveryId", created."subscriptionId", created."queuedUntil"
    from claimed left join created using ("eventId")`,
}

interface DispatchedRow {
  eventId: string
  /** Null, with the rest, where nobody wanted the event. */
  deliveryId: string | null
  subscriptionId: string
  queuedUntil: Date | null
}

export interface DispatcherOptions {
  database: Database
  happenings: Happenings
  batchSize: number
  intervalMs: number
  /** Puts leased deliveries on the queue. */
  enqueue(leases: Lease[]): Promise<void>
  /** Called when deliveries had to stay in the table, because their subscription holds its share already. */
  onBacklog(): void
  onError(error: unknown): void
}

export function createDispatcher(options: DispatcherOptions): Pump {
  const { database, happenings, batchSize, intervalMs, enqueue, onBacklog, onError } = options

  async function run(): Promise<boolean> {
    const rows = await database.query<DispatchedRow>(dispatch, [batchSize])
    const created = rows.filter(hasDelivery)
    const leases = created.filter(isLeased).map(toLease)
    if (leases.length > 0) await enqueue(leases)
    if (created.length > 0) happenings.emit('deliveriesChanged', created.map(toHappening))
    if (leases.length < created.length) onBacklog()
    return new Set(rows.map(({ eventId }) => eventId)).size >= batchSize
  }

  return createPump({ run, intervalMs, onError })
}

type Created = DispatchedRow & { deliveryId: string }

const hasDelivery = (row: DispatchedRow): row is Created => row.deliveryId !== null
const isLeased = (row: Created): row is Created & { queuedUntil: Date } => row.queuedUntil !== null
const toHappening = ({ deliveryId, eventId, subscriptionId }: Created): DeliveryHappening => ({
  deliveryId,
  eventId,
  subscriptionId,
  status: 'PENDING',
})
