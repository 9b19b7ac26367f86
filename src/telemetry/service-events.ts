/**
 * Service events: what happens in the service. Metrics, logs and live updates listen to them, so the code that emits
 * them knows none of these. A listener must not throw and must not wait.
 */
import { EventEmitter } from 'node:events'
import type { DeliveryStatus, EventTypeMode } from '../generated/prisma/client.js'
import type { DeliverySnapshot } from '../model/delivery-snapshot.js'
import type { EventSnapshot } from '../model/event-snapshot.js'
import type { ReplaySnapshot } from '../model/replay.js'
import type { ClockState } from '../platform/clock.js'

/** How a request to publish ended. */
export type IngestResult = 'accepted' | 'deduplicated' | 'rejected'

/** A recorded attempt. These are the fields of its log line. */
export interface RecordedAttempt {
  deliveryId: string
  eventId: string
  subscriptionId: string
  eventType: string
  attempt: number
  /** The status of the delivery after the attempt. */
  status: DeliveryStatus
  statusCode: number | null
  error: string | null
  responseTimeMs: number
  nextRunAt: Date | null
  /** From acceptance, or `deliverAt`, to now; `delivery_latency_seconds` observes it at the first 2xx. */
  sinceAcceptedMs: number
}

/** Why a request was refused. */
export type RefusalReason = 'missing' | 'wrong' | 'limited'

interface ServiceEventMap {
  /** A request came without an API key, with a wrong one, or after too many wrong ones. */
  refused: [{ reason: RefusalReason }]
  ingested: [{ result: IngestResult; count: number }]
  /** A function, because the snapshots are built only while live updates have subscribers. */
  deliveriesChanged: [() => DeliverySnapshot[]]
  eventsChanged: [() => EventSnapshot[]]
  replaysChanged: [() => ReplaySnapshot[]]
  attemptRecorded: [RecordedAttempt]
  /** Filters of subscriptions could not tell whether they want an event, which they therefore don't get. */
  filtersFailed: [{ count: number }]
  /** An event was published that the schema of its type does not allow. */
  schemaViolated: [{ mode: Exclude<EventTypeMode, 'OFF'> }]
  /** Deliveries were given up because their events had expired. */
  expired: [{ count: number }]
  /** Operational events were stored, and wait for the dispatcher. */
  reported: [{ count: number }]
  /** An attempt to a paused endpoint was recorded. */
  probed: [{ isSent: boolean }]
  /** Retention removed finished events with their deliveries and logs, or the payloads of such events. */
  removed: [{ events: number; deliveries: number; logs: number; payloads: number }]
  /** The clock of this process became wrong, or right again. */
  clock: [ClockState]
  /** A step failed and will be tried again without help; an operator should see it. */
  failed: [{ where: string; error: unknown }]
}

export type ServiceEvents = EventEmitter<ServiceEventMap>

export function createServiceEvents(): ServiceEvents {
  return new EventEmitter<ServiceEventMap>()
}
