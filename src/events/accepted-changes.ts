import type { DeliverySnapshot } from '../model/delivery-snapshot.js'
import type { EventSnapshot } from '../model/event-snapshot.js'
import type { ServiceEvents } from '../telemetry/service-events.js'
import type { Accepted, Candidate } from './accept.js'

/**
 * Tells of events that were dispatched with their commit. What the statement wrote is known here, so it needn't
 * answer with it.
 */
export function announceAccepted(
  serviceEvents: ServiceEvents,
  candidates: Candidate[],
  accepted: Accepted,
): void {
  const { ids, inOutbox, deliveries } = accepted
  if (ids.size > inOutbox.size)
    serviceEvents.emit('eventsChanged', () => eventSnapshots(candidates, accepted))
  if (deliveries.length > 0) serviceEvents.emit('deliveriesChanged', () => deliverySnapshots(accepted))
}

function eventSnapshots(
  candidates: Candidate[],
  { ids, inOutbox, deliveries, at }: Accepted,
): EventSnapshot[] {
  const fanOut = new Map<string, number>()
  for (const { eventId } of deliveries) fanOut.set(eventId, (fanOut.get(eventId) ?? 0) + 1)
  return candidates
    .filter(({ id }) => ids.has(id) && !inOutbox.has(id))
    .map(({ id, publication: { type, idempotencyKey }, createdAt }) => {
      const deliveryCount = fanOut.get(id) ?? 0
      return {
        ...{ id, type, status: deliveryCount === 0 ? 'UNMATCHED' : 'PROCESSING', idempotencyKey },
        ...{ deliveryCount, sentCount: 0, deadCount: 0, createdAt, updatedAt: at },
      }
    })
}

const deliverySnapshots = ({ deliveries, at }: Accepted): DeliverySnapshot[] =>
  deliveries.map(({ id, eventId, subscriptionId }) => ({
    ...{ id, eventId, subscriptionId, status: 'PENDING', attempts: 0, nextRunAt: at },
    ...{ lastError: null, lastStatusCode: null, createdAt: at, updatedAt: at },
  }))
