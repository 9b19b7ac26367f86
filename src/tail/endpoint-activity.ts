/** What happens at each endpoint: its deliveries by the status they have now, its rate, and its share of failures. */
import type { DeliveryFieldsFragment, DeliveryStatus } from '../client/index.js'
import { createRate, type Rate } from './rate.js'
import { targetOf } from './target.js'

export interface EndpointActivity {
  /** As `targetOf` names it. */
  endpointUrl: string
  /** Each delivery once, by the status it has now. */
  counts: Record<DeliveryStatus, number>
  /** Finished attempts. */
  attempts: Rate
  /** Of the latest attempts, between 0 and 1: the older one is, the less it counts. */
  failureShare: number
  lastError: string | null
  /** ISO 8601. */
  lastChange: string
}

/** The status of at most this many deliveries is remembered. A change of a forgotten one counts anew. */
const MAX_REMEMBERED = 100_000
/** How much the latest attempt counts in the share of failures. */
const WEIGHT = 0.1

export function followEndpoints(nowMs: () => number) {
  // In the order in which they came, so that each row keeps its place.
  const endpoints = new Map<string, EndpointActivity>()
  const countedIn = new Map<string, { endpoint: EndpointActivity; status: DeliveryStatus }>()
  const attempts = createRate(nowMs)

  function remember(id: string, endpoint: EndpointActivity, status: DeliveryStatus): void {
    // Anew, so that the oldest comes first.
    countedIn.delete(id)
    countedIn.set(id, { endpoint, status })
    const [oldest] = countedIn.keys()
    if (countedIn.size > MAX_REMEMBERED && oldest !== undefined) countedIn.delete(oldest)
  }

  return {
    /** Finished attempts at all endpoints. */
    attempts,
    add(delivery: DeliveryFieldsFragment): void {
      const { id, status, updatedAt, lastError } = delivery
      const endpointUrl = targetOf(delivery)
      const endpoint = endpoints.get(endpointUrl) ?? newActivity(endpointUrl, nowMs)
      endpoints.set(endpointUrl, endpoint)
      const before = countedIn.get(id)
      if (before !== undefined) before.endpoint.counts[before.status] -= 1
      endpoint.counts[status] += 1
      endpoint.lastError = lastError ?? endpoint.lastError
      endpoint.lastChange = updatedAt
      remember(id, endpoint, status)
      // A PENDING delivery has made no attempt.
      if (status === 'PENDING') return
      attempts.add()
      endpoint.attempts.add()
      const isFailure = status === 'SENT' ? 0 : 1
      endpoint.failureShare += WEIGHT * (isFailure - endpoint.failureShare)
    },
    /** In the order in which they came. */
    endpoints: (): EndpointActivity[] => [...endpoints.values()],
  }
}

const newActivity = (endpointUrl: string, nowMs: () => number): EndpointActivity => ({
  endpointUrl,
  counts: { PENDING: 0, SENT: 0, FAILED: 0, DEAD: 0 },
  attempts: createRate(nowMs),
  failureShare: 0,
  lastError: null,
  lastChange: '',
})
