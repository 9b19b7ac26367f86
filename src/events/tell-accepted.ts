import type { DeliverySnapshot } from '../deliveries/snapshot.js'
import type { Happenings } from '../platform/happenings.js'
import type { Accepted, Candidate } from './accept.js'
import type { EventSnapshot } from './snapshot.js'

/**
 * Tells of events that were dispatched with their commit. What the statement wrote is known here, so it needn't
 * answer with it.
 */
export function tellAccepted(happenings: Happenings, candidates: Candidate[], accepted: Accepted): void {
  const { deliveries, at } = accepted
  const fanOut = new Map<string, number>()
  for (const { eventId } of deliveries) fanOut.set(eventId, (fanOut.get(eventId) ?? 0) + 1)
  const events = candidates
    .filter(({ id }) => accepted.ids.has(id) && !accepted.inOutbox.has(id))
    .map((candidate) => toEventSnapshot(candidate, fanOut.get(candidate.id) ?? 0, at))
  if (events.length > 0) happenings.emit('eventsChanged', events)
  if (deliveries.length === 0) return
  happenings.emit(
    'deliveriesChanged',
    deliveries.map(
      ({ id, eventId, subscriptionId }): DeliverySnapshot => ({
        ...{ id, eventId, subscriptionId, status: 'PENDING', attempts: 0, nextRunAt: at },
        ...{ lastError: null, lastStatusCode: null, createdAt: at, updatedAt: at },
      }),
    ),
  )
}

function toEventSnapshot(candidate: Candidate, deliveryCount: number, at: Date): EventSnapshot {
  const { id, publication, createdAt } = candidate
  const { type, idempotencyKey } = publication
  return {
    ...{ id, type, status: deliveryCount === 0 ? 'UNMATCHED' : 'PROCESSING', idempotencyKey },
    ...{ deliveryCount, sentCount: 0, deadCount: 0, createdAt, updatedAt: at },
  }
}
