/** The first attempts of what a statement has accepted and leased: leases with what each needs. */
import type { Accepted } from '../../events/accept.js'
import type { Candidate } from '../../events/candidate.js'
import { webhookBody } from '../../model/webhook-body.js'
import type { PreparedEvent } from '../attempt/prepared-deliveries.js'
import type { PreparedLease } from './delivery-job.js'

export interface FirstAttempts {
  prepared: PreparedLease[]
  /** Subscriptions with deliveries that were not leased. */
  backlogged: Set<string>
}

export function firstAttempts(candidates: Candidate[], accepted: Accepted): FirstAttempts {
  const { deliveries, subscriptionVersions, queuedUntil } = accepted
  const events = new Map(candidates.map((candidate) => [candidate.id, prepareEvent(candidate)]))
  const token = queuedUntil.toISOString()
  const prepared: PreparedLease[] = []
  const backlogged = new Set<string>()
  for (const { id, eventId, subscriptionId, tenant, isLeased } of deliveries) {
    const event = events.get(eventId)
    const subscriptionVersion = subscriptionVersions.get(subscriptionId)
    if (!isLeased || event === undefined || subscriptionVersion === undefined) {
      backlogged.add(subscriptionId)
      continue
    }
    prepared.push({
      lease: { deliveryId: id, subscriptionId, queuedUntil: token, isRetry: false, isPaced: false },
      delivery: { id, subscriptionId, tenant, subscriptionVersion, event },
    })
  }
  return { prepared, backlogged }
}

function prepareEvent({ id, publication, createdAt }: Candidate): PreparedEvent {
  const { type, tenant, data, metadata, idempotencyKey } = publication
  const content = () => ({ eventId: id, type, createdAt, data, metadata })
  let body: Uint8Array | undefined
  return {
    ...{ id, type, tenant, idempotencyKey, createdAt, bytes: data.length, content },
    body: () => (body ??= webhookBody(content())),
  }
}
