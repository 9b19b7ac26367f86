/**
 * Records a test event in one statement: the event, its delivery in a final state, the log of its only attempt, and
 * what counts them. Another process sees all of it or nothing, and never an open delivery.
 */
import { sqlMetricsDeltas } from '../../delivery-metrics/record.js'
import type { TestEvent } from '../../events/test-event.js'
import { sqlAttemptDeltas } from '../../model/counter-deltas.js'
import { sqlDeliverySnapshot } from '../../model/delivery-snapshot.js'
import { sqlEventStatus } from '../../model/delivery-states.js'
import { sqlEventSnapshot } from '../../model/event-snapshot.js'
import type { Clock } from '../../platform/clock.js'
import type { Database, Statement } from '../../platform/postgres/database.js'
import { timeOfUuidV7 } from '../../platform/uuid.js'
import { announceChanges, type ChangedRow, changesOfRows, sqlChangedRows } from '../../telemetry/changes.js'
import type { ServiceEvents } from '../../telemetry/service-events.js'
import type { AttemptColumns } from '../attempt/attempt-columns.js'
import type { AttemptOutcome } from '../attempt/outcome.js'

export interface TestEventResult {
  eventId: string
  deliveryId: string
  subscriptionId: string
  event: TestEvent
  tenant: string | null
  createdAt: Date
  /** SENT or DEAD. */
  outcome: AttemptOutcome
  statusCode: number | null
  responseTimeMs: number
  columns: AttemptColumns
}

/**
 * `$1` event, `$2` its type, `$3` its data, `$4` when it was made, `$5` delivery, `$6` subscription, `$7` the
 * delivery's status, `$8` to `$13` what the log has, `$14` the tenant.
 */
const recordTest: Statement = {
  name: 'record-test-event',
  text: `
    with result as (
      select $7::"DeliveryStatus" as status, ($7 = 'SENT')::int as sent, ($7 = 'DEAD')::int as dead
    ), event as (
      insert into events as e
        (id, type, tenant, data, status, "deliveryCount", "sentCount", "deadCount", "isTest", "createdAt")
      select $1::uuid, $2, $14::text, $3::json, ${sqlEventStatus('1', 'sent', 'dead')}, 1, sent, dead, true, $4::timestamptz
      from result
      returning ${sqlEventSnapshot('e')}
    ), delivery as (
      insert into deliveries as d
        (id, "eventId", "subscriptionId", tenant, status, attempts, "lastStatusCode", "lastError", "createdAt")
      select $5::uuid, $1::uuid, $6::uuid, $14::text, status, 1, $8::int, $9::text, $4::timestamptz
      from result
      returning ${sqlDeliverySnapshot('d')}
    ), logged as (
      insert into "deliveryLogs" ("deliveryId", attempt, status, "statusCode", error, "responseTimeMs", connection, headers, "responseBody")
      select id, attempts, status, "lastStatusCode", "lastError", $10::int, $11, $12, $13::bytea from delivery
    ), "eventDeltas" as (
      insert into tallies (events, accepted) values (1, 1)
    ), deltas as (
      ${sqlAttemptDeltas('select null::"DeliveryStatus" as before, status as after from delivery')}
    ), measured as (
      ${sqlMetricsDeltas(`
        (select "subscriptionId", $2 as "eventType", status, $10::int as "responseTimeMs" from delivery) as attempt`)}
    )
    ${sqlChangedRows('delivery', 'event')}`,
}

interface RecordContext {
  database: Database
  serviceEvents: ServiceEvents
  clock: Clock
}

/** @throws DatabaseUnavailableError */
export async function recordTestEvent(
  { database, serviceEvents, clock }: RecordContext,
  { eventId, deliveryId, subscriptionId, event, tenant, createdAt, outcome, ...result }: TestEventResult,
): Promise<void> {
  const { statusCode, responseTimeMs, columns } = result
  const rows = await database.query<ChangedRow>(recordTest, [
    ...[eventId, event.type, event.data, createdAt],
    ...[deliveryId, subscriptionId, outcome.status],
    ...[statusCode, outcome.error, responseTimeMs],
    ...[columns.connection, columns.headers, columns.responseBody, tenant],
  ])
  announceChanges(serviceEvents, changesOfRows(rows))
  serviceEvents.emit('ingested', { result: 'accepted', count: 1 })
  serviceEvents.emit('attemptRecorded', {
    ...{ deliveryId, eventId, subscriptionId, eventType: event.type, attempt: 1 },
    ...{ status: outcome.status, statusCode, error: outcome.error, responseTimeMs, nextRunAt: null },
    sinceAcceptedMs: Math.max(0, clock.nowMs() - timeOfUuidV7(eventId)),
  })
}
