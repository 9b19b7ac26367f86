/**
 * Direct deliveries: from their commit straight to the worker of the process that accepted their events, which has
 * all in memory that their first attempt needs. A lone event so goes out with two statements in all: the one that
 * accepts it, and the one that records what came of it.
 *
 * What is kept here is a short cut, not a promise. A delivery that isn't attempted within a moment is loaded like
 * any other, so a subscription that is changed, disabled or deleted is so for it as well.
 */
import type { Candidate } from '../../events/accept.js'
import type { FastPath } from '../../events/publish.js'
import { createEventLoopLoad } from '../../platform/event-loop-load.js'
import type { Endpoint, Endpoints } from '../attempt/endpoint-cache.js'
import { type LoadedDelivery, type Loader, webhookBody } from '../attempt/loader.js'
import type { Lease } from './lease.js'

export interface FastPathOptions {
  loader: Loader
  endpoints: Endpoints
  /** How many deliveries wait for their turn. */
  waiting(): number
  /** Subscriptions with more waiting than is taken of one; undefined when no more is taken of any. */
  saturated(): string[] | undefined
  take(leases: Lease[]): void
  /** Called when deliveries had to stay in the table. */
  onBacklog(subscriptionIds: Iterable<string>): void
}

/** How long what was in memory at the commit is as good as what is in the database. */
const FRESH_MS = 1000
/** Bodies in memory, of what waits for its turn. */
const MAX_BYTES = 32 * 1024 * 1024
/**
 * Where the processor is the limit, every event that is accepted now keeps one from going out that was accepted before.
 * So commits then gather what comes, the longer the more deliveries wait, and cost less for each.
 */
const MAX_REST_MS = 25
const REST_PER_WAITING_MS = 1 / 20

/** An event on its way to all its endpoints, which are sent the same bytes. */
interface FreshEvent {
  candidate: Candidate
  body: Uint8Array | undefined
}

interface Fresh {
  event: FreshEvent
  subscriptionId: string
  version: string
  /** Of its acceptance, by the database's clock. */
  at: Date
  sinceMs: number
}

export function createFastPath(options: FastPathOptions): { worker: FastPath; loader: Loader } {
  const { loader, endpoints, waiting, saturated, take, onBacklog } = options
  const isBusy = createEventLoopLoad()
  /** By delivery, the oldest first. */
  const fresh = new Map<string, Fresh>()
  let bytes = 0

  function drop(deliveryId: string, { event }: Fresh): void {
    fresh.delete(deliveryId)
    bytes -= sizeOf(event)
  }

  function dropOld(): void {
    const oldest = performance.now() - FRESH_MS
    for (const [deliveryId, one] of fresh) {
      if (one.sinceMs > oldest) return
      drop(deliveryId, one)
    }
  }

  return {
    worker: {
      saturated() {
        dropOld()
        return bytes > MAX_BYTES ? undefined : saturated()
      },
      restMs: () => (isBusy() ? Math.min(MAX_REST_MS, waiting() * REST_PER_WAITING_MS) : 0),
      take(candidates, { deliveries, versions, queuedUntil, at }) {
        const events = new Map<string, FreshEvent>()
        for (const candidate of candidates) events.set(candidate.id, { candidate, body: undefined })
        const token = queuedUntil.toISOString()
        const sinceMs = performance.now()
        const leases: Lease[] = []
        const left = new Set<string>()
        for (const { id, eventId, subscriptionId, isLeased } of deliveries) {
          const event = events.get(eventId)
          const version = versions.get(subscriptionId)
          if (!isLeased || event === undefined || version === undefined) {
            left.add(subscriptionId)
            continue
          }
          fresh.set(id, { event, subscriptionId, version, at, sinceMs })
          bytes += sizeOf(event)
          leases.push({ deliveryId: id, subscriptionId, queuedUntil: token, isRetry: false, isPaced: false })
        }
        take(leases)
        if (left.size > 0) onBacklog(left)
      },
    },
    loader: {
      async load(lease) {
        dropOld()
        const known = fresh.get(lease.deliveryId)
        if (known === undefined) return loader.load(lease)
        drop(lease.deliveryId, known)
        const found = endpoints.find(known.subscriptionId, known.version)
        const endpoint = found instanceof Promise ? await found : found
        return endpoint ? toLoaded(known, endpoint) : loader.load(lease)
      },
    },
  }
}

const sizeOf = ({ candidate }: FreshEvent): number => candidate.publication.data.length

function toLoaded(
  { event, subscriptionId, at }: Fresh,
  { isEnabled, endpointUrl, keys }: Endpoint,
): LoadedDelivery {
  const { id, publication, createdAt } = event.candidate
  const { type, data, metadata, idempotencyKey } = publication
  event.body ??= webhookBody({ eventId: id, type, createdAt, data, metadata })
  const webhook = { endpointUrl, id, body: event.body, keys }
  const subject = { eventId: id, subscriptionId, createdAt: at, event: { type, idempotencyKey, createdAt } }
  return { subject, attempts: 0, budgetFrom: 0, isEnabled, webhook }
}
