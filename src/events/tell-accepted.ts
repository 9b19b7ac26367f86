import type { DeliverySnapshot } from '../deliveries/snapshot.js'
import type { Happenings } from '../platform/happenings.js'
import type { Accepted, Candidate } from './accept.js'
import type { EventSnapshot } from './snapshot.js'

/**
 * Tells of events that were dispatched with their commit. What the statement wrote is known here, so it needn't
 * answer with it.
 */
export function tellAccepted(happenings: Happenings, candidates: Candidate[], accepted: Accepted): void {
  const { ids, inOutbox, deliveries } = accepted
  if (ids.size > inOutbox.size) happenings.emit('eventsChanged', () => eventSnapshots(candidates, accepted))
  if (deliveries.length > 0) happenings.emit('deliveriesChanged', () => deliverySnapshots(accepted))
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
