/**
 * What happens in the service, told to whoever listens: metrics, logs and live updates hang on here, so that
 * the code that makes things happen knows none of them. A listener must not throw and must not wait.
 */
import { EventEmitter } from 'node:events'
import type { DeliveryStatus } from '../generated/prisma/client.js'
import type { DeliverySnapshot } from '../model/delivery-snapshot.js'
import type { EventSnapshot } from '../model/event-snapshot.js'
import type { ClockState } from '../platform/clock.js'

/** How a request to publish ended. */
export type IngestResult = 'accepted' | 'deduplicated' | 'rejected'

/** One finished HTTP attempt, after it was recorded. */
export interface AttemptRecorded {
  deliveryId: string
  eventId: string
  subscriptionId: string
  eventType: string
  attempt: number
  /** What the attempt made of the delivery. */
  status: DeliveryStatus
  statusCode: number | null
  error: string | null
  responseTimeMs: number
  nextRunAt: Date | null
  /** From acceptance to now; what `delivery_latency_seconds` observes at the first 2xx. */
  sinceAcceptedMs: number
}

/** Why a request was not let in. */
export type RefusalReason = 'missing' | 'wrong' | 'limited'

interface ServiceEventMap {
  /** Somebody came without a key, with a wrong one, or with one wrong key too many. */
  refused: [{ reason: RefusalReason }]
  ingested: [{ result: IngestResult; count: number }]
  /** Read only where somebody watches: most of the time nobody does. */
  deliveriesChanged: [() => DeliverySnapshot[]]
  eventsChanged: [() => EventSnapshot[]]
  attempted: [AttemptRecorded]
  /** Retention removed finished events, with what belonged to them. */
  removed: [{ events: number; deliveries: number; logs: number }]
  /** The clock of this process has become wrong, or right again. */
  clock: [ClockState]
  /** Something failed that heals by itself; told so that a person can see it. */
  trouble: [{ where: string; error: unknown }]
}

export type ServiceEvents = EventEmitter<ServiceEventMap>

export function createServiceEvents(): ServiceEvents {
  return new EventEmitter<ServiceEventMap>()
}
