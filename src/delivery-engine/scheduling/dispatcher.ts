/**
 * The dispatcher: turns outbox entries into deliveries.
 *
 * One statement does it all or nothing: it takes entries off the outbox, matches their events with the enabled
 * subscriptions, writes a delivery for each pair, and marks the events. A crash at any moment leaves the entry
 * where it was. Several dispatchers at work never take the same entry. The match is made by the database, from
 * subscriptions as they are committed at that moment: an event published right after a subscription was created
 * finds it.
 */

import { sqlCounterDeltas } from '../../model/counter-deltas.js'
import { sqlEventStatus } from '../../model/delivery-states.js'
import { sqlEventSnapshot } from '../../model/event-snapshot.js'
import { sqlWantsType } from '../../model/event-type.js'
import { sqlLeaseEnd } from '../../model/lease-end.js'
import { createPoller, type Poller } from '../../platform/poller.js'
import type { Database, Statement } from '../../platform/postgres/database.js'
import { sqlNow } from '../../platform/postgres/sql-now.js'
import {
  announceChanges,
  type ChangedDeliveryRow,
  type ChangedEventRow,
  changesOfRows,
  sqlChangedRows,
} from '../../telemetry/changes.js'
import type { ServiceEvents } from '../../telemetry/service-events.js'
import type { LeaseQuotaParameters } from '../fairness/lease-quotas.js'
import { type Lease, sqlRoom, toLease } from './lease.js'

/** `$1` the batch size; `$2`, `$3`, `$4`: `LeaseQuotaParameters`. */
const dispatch: Statement = {
  name: 'dispatch',
  text: `
    with claimed as (
      -- An array, which the index is asked for: a join could read an outbox that was short when it was planned.
      delete from outbox where "eventId" = any (array(
        select "eventId" from outbox order by "eventId" limit $1 for update skip locked
      ))
      returning "eventId"
    ), wanted as (
      -- A row for each event, and for each subscription that wants it. The limit keeps to one look-up for each.
      select claimed."eventId", s.id as "subscriptionId", s."maxRequestsPerSecond" is not null as "isPaced"
      from claimed
      cross join lateral (select type from events where id = claimed."eventId" limit 1) as e
      left join subscriptions s on ${sqlWantsType('s', 'e.type')}
    ), matched as (
      select wanted.*, row_number() over (partition by "subscriptionId" order by "eventId") as place
      from wanted where "subscriptionId" is not null
    ), rooms as materialized (
      -- One with a limit of requests a second has none here: the scheduler leases its deliveries, when it is time.
      select s."subscriptionId",
             case when s."isPaced" then 0 else ${sqlRoom('s."subscriptionId"', 'coalesce(a.quota, $4)')} end as room
      from (select distinct "subscriptionId", "isPaced" from matched) as s
      left join unnest($2::uuid[], $3::int[]) as a ("subscriptionId", quota) using ("subscriptionId")
    ), created as (
      insert into deliveries (id, "eventId", "subscriptionId", "nextRunAt", "queuedUntil")
      select uuid_v7(), matched."eventId", matched."subscriptionId", ${sqlNow},
             case when matched.place <= rooms.room then ${sqlLeaseEnd} end
      from matched join rooms using ("subscriptionId")
      returning *
    ), deltas as (
      ${sqlCounterDeltas('select null::"DeliveryStatus" as before, status as after from created')}
    ), counted as (
      select "eventId", count("subscriptionId")::int as deliveries from wanted group by "eventId"
    ), marked as (
      update events e
      set "deliveryCount" = counted.deliveries,
          status = ${sqlEventStatus('counted.deliveries', '0', '0')},
          "updatedAt" = ${sqlNow}
      from counted where e.id = counted."eventId"
      returning ${sqlEventSnapshot('e')}
    )
    ${sqlChangedRows('created', 'marked', { queuedUntil: 'timestamptz' })}`,
}

type DispatchRow = CreatedRow | ChangedEventRow

/** A new delivery, with the end of its lease. */
type CreatedRow = ChangedDeliveryRow & { queuedUntil: Date | null }

export interface DispatcherOptions {
  database: Database
  serviceEvents: ServiceEvents
  batchSize: number
  intervalMs: number
  /** How much may be leased of which subscription. */
  leaseQuotas(): LeaseQuotaParameters
  /** Puts leased deliveries on the queue. */
  enqueue(leases: Lease[]): Promise<void>
  /** Called when deliveries had to stay in the table, because their subscription holds its share already. */
  onBacklog(subscriptionIds: Iterable<string>): void
  onError(error: unknown): void
}

/** Gathers events that come one by one: a statement and a job for a few cost little more than for one. */
const REST_MS = 3

export function createDispatcher(options: DispatcherOptions): Poller {
  const { database, serviceEvents, batchSize, intervalMs, leaseQuotas, enqueue, onBacklog, onError } = options

  async function run(): Promise<boolean> {
    const rows = await database.query<DispatchRow>(dispatch, [batchSize, ...leaseQuotas()])
    // Announced before they are queued: a worker must not announce an attempt of a delivery that nobody knows of.
    announceChanges(serviceEvents, changesOfRows(rows))
    const created = rows.filter((row) => row.kind === 'delivery')
    const leases = created
      .filter(isLeased)
      .map(({ id, subscriptionId, queuedUntil }) =>
        toLease({ deliveryId: id, subscriptionId, queuedUntil, isRetry: false, isPaced: false }),
      )
    if (leases.length > 0) await enqueue(leases)
    const unleased = created.filter((row) => !isLeased(row))
    if (unleased.length > 0) onBacklog(unleased.map(({ subscriptionId }) => subscriptionId))
    return rows.length - created.length >= batchSize
  }

  return createPoller({ run, intervalMs, restMs: REST_MS, onError })
}

const isLeased = (row: CreatedRow): row is CreatedRow & { queuedUntil: Date } => row.queuedUntil !== null
