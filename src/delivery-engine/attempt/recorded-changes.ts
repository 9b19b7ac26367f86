/** What attempts have changed, put together from what is known of them: the database answers with the least. */

import type { EventStatus } from '../../generated/prisma/enums.js'
import type { DeliverySnapshot } from '../../model/delivery-snapshot.js'
import type { EventSnapshot } from '../../model/event-snapshot.js'
import type { ServiceEvents } from '../../telemetry/service-events.js'
import type { AttemptResult } from './recorder.js'

/** An event that came to its end. */
export interface FinishedEvent {
  id: string
  status: EventStatus
  deliveryCount: number
  sentCount: number
  deadCount: number
}

export interface RecordedChanges {
  /** Results that counted, and when their deliveries are attempted again. */
  counted: { result: AttemptResult; nextRunAt: Date | null }[]
  finished: FinishedEvent[]
  /** The moment, by the database's clock. */
  at: Date
}

export function announceRecorded(serviceEvents: ServiceEvents, changes: RecordedChanges): void {
  if (changes.counted.length === 0) return
  serviceEvents.emit('deliveriesChanged', () => deliverySnapshots(changes))
  if (changes.finished.length > 0) serviceEvents.emit('eventsChanged', () => eventSnapshots(changes))
}

const deliverySnapshots = ({ counted, at }: RecordedChanges): DeliverySnapshot[] =>
  counted.map(({ result, nextRunAt }) => {
    const { deliveryId: id, attempt: attempts, outcome, statusCode: lastStatusCode, subject } = result
    const { status, error: lastError } = outcome
    const { eventId, subscriptionId, createdAt } = subject
    return {
      ...{ id, eventId, subscriptionId, status, attempts, nextRunAt },
      ...{ lastError, lastStatusCode, createdAt, updatedAt: at },
    }
  })

function eventSnapshots({ counted, finished, at }: RecordedChanges): EventSnapshot[] {
  const subjects = new Map(counted.map(({ result: { subject } }) => [subject.eventId, subject]))
  return finished.flatMap(({ id, status, deliveryCount, sentCount, deadCount }) => {
    const subject = subjects.get(id)
    if (subject === undefined) return []
    const { type, idempotencyKey, createdAt } = subject.event
    return [
      { id, type, status, idempotencyKey, deliveryCount, sentCount, deadCount, createdAt, updatedAt: at },
    ]
  })
}
