import { snapshotOfNewDelivery } from '../model/delivery-snapshot.js'
import { type EventSnapshot, snapshotOfDispatchedEvent } from '../model/event-snapshot.js'
import type { Changes } from '../telemetry/changes.js'
import type { Accepted } from './accept.js'
import type { Candidate } from './candidate.js'

/**
 * The events dispatched with their commit, and their deliveries. This process builds them from its own data, so the
 * statement need not return them.
 */
export function acceptedChanges(candidates: Candidate[], accepted: Accepted): Changes {
  const { ids, inOutbox, deliveries, at } = accepted
  return {
    deliveries:
      deliveries.length > 0
        ? () => deliveries.map((delivery) => snapshotOfNewDelivery(delivery, at))
        : undefined,
    events: ids.size > inOutbox.size ? () => dispatchedEvents(candidates, accepted) : undefined,
  }
}

/** The events that nobody wants: what is left to announce where someone else announces the deliveries. */
export function unmatchedChanges(candidates: Candidate[], accepted: Accepted): Changes {
  const dispatched = new Set(accepted.deliveries.map(({ eventId }) => eventId))
  const isUnmatched = ({ id }: Candidate) =>
    accepted.ids.has(id) && !accepted.inOutbox.has(id) && !dispatched.has(id)
  const unmatched = candidates.filter(isUnmatched)
  return { events: unmatched.length > 0 ? () => dispatchedEvents(unmatched, accepted) : undefined }
}

function dispatchedEvents(
  candidates: Candidate[],
  { ids, inOutbox, deliveries, at }: Accepted,
): EventSnapshot[] {
  const counts = new Map<string, number>()
  for (const { eventId } of deliveries) counts.set(eventId, (counts.get(eventId) ?? 0) + 1)
  return candidates
    .filter(({ id }) => ids.has(id) && !inOutbox.has(id))
    .map(({ id, publication: { type, tenant, idempotencyKey }, createdAt }) => {
      const deliveryCount = counts.get(id) ?? 0
      return snapshotOfDispatchedEvent({ id, type, tenant, idempotencyKey, createdAt, deliveryCount }, at)
    })
}
