/**
 * The fast path: in a process that both accepts and delivers, a delivery goes from its commit to the worker without
 * outbox, queue and loader, because this process has in memory what the first attempt needs. A lone event then
 * takes two statements: one accepts it, the other records its attempt.
 *
 * It is faster, but gives no other guarantee. A delivery that is not attempted within a second is loaded from the
 * database like any other, so a change of its subscription applies to it as well.
 */
import type { Candidate } from '../../events/accept.js'
import type { FastPath } from '../../events/publish.js'
import { createEventLoopLoad } from '../../platform/event-loop-load.js'
import type { Endpoint, EndpointCache } from '../attempt/endpoint-cache.js'
import { type LoadedDelivery, type Loader, webhookBody } from '../attempt/loader.js'
import type { Worker } from '../worker.js'
import type { Lease } from './lease.js'

export interface FastPathOptions {
  loader: Loader
  endpointCache: EndpointCache
  worker: Pick<Worker, 'waiting' | 'saturated' | 'take'>
  /** Aborted when the engine stops: from then on nothing takes the fast path. */
  stopRequest: AbortSignal
  /** Called when deliveries of these subscriptions stay in the table, because they were not leased. */
  onBacklog(subscriptionIds: Iterable<string>): void
}

/** How long what was in memory at the commit may stand for what is in the database. */
const MAX_AGE_MS = 1000
/** Payloads in memory of deliveries that wait for their turn. */
const MAX_BYTES = 32 * 1024 * 1024
/**
 * While the processor is the bottleneck, each accepted event delays the delivery of earlier ones. Commits then rest,
 * longer the more deliveries wait, so that each commit carries more events and costs less for each.
 */
const MAX_REST_MS = 25
const REST_PER_WAITING_MS = 1 / 20

/** A committed event with the body of its webhook, which all its endpoints get. */
interface CommittedEvent {
  candidate: Candidate
  body: Uint8Array | undefined
}

interface CommittedDelivery {
  event: CommittedEvent
  subscriptionId: string
  subscriptionVersion: string
  /** When the delivery was created, by the database's clock. */
  createdAt: Date
  /** By `performance.now()`. */
  committedAtMs: number
}

export function createFastPath(options: FastPathOptions): { fastPath: FastPath; loader: Loader } {
  const { loader, endpointCache, worker, stopRequest, onBacklog } = options
  const isBusy = createEventLoopLoad()
  /** By delivery id, the oldest first. */
  const inMemory = new Map<string, CommittedDelivery>()
  let bytes = 0

  function remove(deliveryId: string, { event }: CommittedDelivery): void {
    inMemory.delete(deliveryId)
    bytes -= sizeOf(event)
  }

  function removeOld(): void {
    const oldest = performance.now() - MAX_AGE_MS
    for (const [deliveryId, delivery] of inMemory) {
      if (delivery.committedAtMs > oldest) return
      remove(deliveryId, delivery)
    }
  }

  return {
    fastPath: {
      saturated() {
        removeOld()
        return stopRequest.aborted || bytes > MAX_BYTES ? undefined : worker.saturated()
      },
      restMs: () => (isBusy() ? Math.min(MAX_REST_MS, worker.waiting * REST_PER_WAITING_MS) : 0),
      take(candidates, { deliveries, subscriptionVersions, queuedUntil, at }) {
        const events = new Map<string, CommittedEvent>()
        for (const candidate of candidates) events.set(candidate.id, { candidate, body: undefined })
        const token = queuedUntil.toISOString()
        const committedAtMs = performance.now()
        const leases: Lease[] = []
        const backlogged = new Set<string>()
        for (const { id, eventId, subscriptionId, isLeased } of deliveries) {
          const event = events.get(eventId)
          const subscriptionVersion = subscriptionVersions.get(subscriptionId)
          if (!isLeased || event === undefined || subscriptionVersion === undefined) {
            backlogged.add(subscriptionId)
            continue
          }
          inMemory.set(id, { event, subscriptionId, subscriptionVersion, createdAt: at, committedAtMs })
          bytes += sizeOf(event)
          leases.push({ deliveryId: id, subscriptionId, queuedUntil: token, isRetry: false, isPaced: false })
        }
        worker.take(leases)
        if (backlogged.size > 0) onBacklog(backlogged)
      },
    },
    loader: {
      async load(lease) {
        removeOld()
        const delivery = inMemory.get(lease.deliveryId)
        if (delivery === undefined) return loader.load(lease)
        remove(lease.deliveryId, delivery)
        const found = endpointCache.find(delivery.subscriptionId, delivery.subscriptionVersion)
        // A cached endpoint is used in this turn of the event loop.
        const endpoint = found instanceof Promise ? await found : found
        return endpoint ? toLoadedDelivery(delivery, endpoint) : loader.load(lease)
      },
    },
  }
}

const sizeOf = ({ candidate }: CommittedEvent): number => candidate.publication.data.length

function toLoadedDelivery(
  { event, subscriptionId, createdAt: deliveryCreatedAt }: CommittedDelivery,
  { isEnabled, endpointUrl, endpointVersion, signingKeys }: Endpoint,
): LoadedDelivery {
  const { id, publication, createdAt } = event.candidate
  const { type, data, metadata, idempotencyKey } = publication
  event.body ??= webhookBody({ eventId: id, type, createdAt, data, metadata })
  const webhook = { endpointUrl, id, body: event.body, signingKeys }
  const subject = {
    ...{ eventId: id, subscriptionId, createdAt: deliveryCreatedAt },
    event: { type, idempotencyKey, createdAt },
  }
  return { subject, attempts: 0, budgetFrom: 0, isEnabled, endpointVersion, webhook }
}
