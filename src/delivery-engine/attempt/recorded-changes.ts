/** What recorded attempts have changed, built from what this process knows, so that the statement returns little. */

import type { DeliverySnapshot } from '../../model/delivery-snapshot.js'
import type { EventSnapshot } from '../../model/event-snapshot.js'
import type { Changes } from '../../telemetry/changes.js'
import type { AttemptResult } from './recorder.js'

/** An event that has no open delivery any more. */
export type FinishedEvent = Pick<EventSnapshot, 'id' | 'status' | 'deliveryCount' | 'sentCount' | 'deadCount'>

export interface RecordedAttempts {
  /** The results that were recorded, with the times of the next attempts. */
  recorded: { result: AttemptResult; nextRunAt: Date | null }[]
  finishedEvents: FinishedEvent[]
  /** When they were recorded, by the database's clock. */
  at: Date
}

export function recordedChanges(attempts: RecordedAttempts): Changes {
  return {
    deliveries: attempts.recorded.length > 0 ? () => attemptedDeliveries(attempts) : undefined,
    events: attempts.finishedEvents.length > 0 ? () => finishedEvents(attempts) : undefined,
  }
}

const attemptedDeliveries = ({ recorded, at }: RecordedAttempts): DeliverySnapshot[] =>
  recorded.map(({ result: { deliveryId, attempt, outcome, statusCode, subject }, nextRunAt }) => ({
    id: deliveryId,
    eventId: subject.eventId,
    subscriptionId: subject.subscriptionId,
    tenant: subject.tenant,
    status: outcome.status,
    attempts: attempt,
    nextRunAt,
    lastError: outcome.error,
    lastStatusCode: statusCode,
    // An attempt is made of an open delivery.
    discardedAt: null,
    createdAt: subject.createdAt,
    updatedAt: at,
  }))

function finishedEvents({ recorded, finishedEvents, at }: RecordedAttempts): EventSnapshot[] {
  const subjects = new Map(recorded.map(({ result: { subject } }) => [subject.eventId, subject]))
  return finishedEvents.flatMap(({ id, status, deliveryCount, sentCount, deadCount }) => {
    const subject = subjects.get(id)
    if (subject === undefined) return []
    const { type, tenant, idempotencyKey, createdAt, deliverAt, expiresAt, orderingKey } = subject.event
    const counts = { deliveryCount, sentCount, deadCount }
    // Test events are not recorded here, and never retried.
    const times = { deliverAt, expiresAt, erasedAt: null, createdAt, updatedAt: at }
    return [{ id, type, tenant, status, idempotencyKey, ...counts, isTest: false, orderingKey, ...times }]
  })
}
