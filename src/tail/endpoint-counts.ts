/** Deliveries counted by endpoint and status, each one once: by the status it has now. */
import type { DeliveryFieldsFragment, DeliveryStatus } from '../client/index.js'

export interface EndpointCounts {
  endpointUrl: string
  counts: Record<DeliveryStatus, number>
  lastError: string | null
  /** ISO 8601. */
  lastChange: string
}

/** So many deliveries are remembered as what they were; of one that was forgotten, a change counts anew. */
const MAX_REMEMBERED = 100_000

export function countByEndpoint() {
  const endpoints = new Map<string, EndpointCounts>()
  const countedIn = new Map<string, { endpoint: EndpointCounts; status: DeliveryStatus }>()

  return {
    add({ id, status, updatedAt, lastError, subscription: { endpointUrl } }: DeliveryFieldsFragment): void {
      const endpoint = endpoints.get(endpointUrl) ?? newCounts(endpointUrl)
      const before = countedIn.get(id)
      if (before !== undefined) before.endpoint.counts[before.status] -= 1
      endpoint.counts[status] += 1
      endpoint.lastError = lastError ?? endpoint.lastError
      endpoint.lastChange = updatedAt
      // Anew, so that the maps are in the order of changes.
      endpoints.delete(endpointUrl)
      endpoints.set(endpointUrl, endpoint)
      countedIn.delete(id)
      countedIn.set(id, { endpoint, status })
      const [oldest] = countedIn.keys()
      if (countedIn.size > MAX_REMEMBERED && oldest !== undefined) countedIn.delete(oldest)
    },
    /** The endpoint that changed last comes first. */
    endpoints: (): EndpointCounts[] => [...endpoints.values()].reverse(),
  }
}

const newCounts = (endpointUrl: string): EndpointCounts => ({
  endpointUrl,
  counts: { PENDING: 0, SENT: 0, FAILED: 0, DEAD: 0 },
  lastError: null,
  lastChange: '',
})
