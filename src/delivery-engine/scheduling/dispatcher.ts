/**
 * The dispatcher: turns outbox entries into deliveries.
 *
 * One statement takes entries off the outbox, matches their events with the enabled subscriptions, writes a
 * delivery for each pair, and sets the events' status. A crash leaves the entries in the outbox. Several
 * dispatchers never take the same entry. The database matches with the subscriptions that are committed at that
 * moment, so an event that is published right after a subscription was created finds it.
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
      -- An array, so that the plan uses the index even if the outbox was short when it was planned.
      delete from outbox where "eventId" = any (array(
        select "eventId" from outbox order by "eventId" limit $1 for update skip locked
      ))
      returning "eventId"
    ), wanted as (
      -- A row for each event and subscription that wants it. The limit makes PostgreSQL look up each event by its id.
      select claimed."eventId", s.id as "subscriptionId", s."maxRequestsPerSecond" is not null as "isPaced"
      from claimed
      cross join lateral (select type from events where id = claimed."eventId" limit 1) as e
      left join subscriptions s on ${sqlWantsType('s', 'e.type')}
    ), matched as (
      select wanted.*, row_number() over (partition by "subscriptionId" order by "eventId") as place
      from wanted where "subscriptionId" is not null
    ), rooms as materialized (
      -- With a rate limit there is no room: the scheduler leases these deliveries when they may be sent.
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
  /** How many deliveries of each subscription may be leased. */
  leaseQuotas(): LeaseQuotaParameters
  /** Puts leased deliveries on the queue. */
  enqueue(leases: Lease[]): Promise<void>
  /** Called when deliveries of these subscriptions stay in the table, because the quota is used up. */
  onBacklog(subscriptionIds: Iterable<string>): void
  onError(error: unknown): void
}

/** Collects events that arrive one by one: a statement for a few costs little more than for one. */
const REST_MS = 3

export function createDispatcher(options: DispatcherOptions): Poller {
  const { database, serviceEvents, batchSize, intervalMs, leaseQuotas, enqueue, onBacklog, onError } = options

  async function run(): Promise<boolean> {
    const rows = await database.query<DispatchRow>(dispatch, [batchSize, ...leaseQuotas()])
    // Before they are queued: a delivery must be announced before its first attempt is.
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
