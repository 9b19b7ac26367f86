/**
 * Prepared deliveries: what first attempts need, in memory, straight from the commit of their events. They spare the
 * first attempt a query.
 *
 * This changes no guarantee. A delivery that is not attempted within a second is loaded from the database like any
 * other, so a change of its subscription applies to it as well.
 */
import type { WebhookContent } from '../../model/webhook-body.js'
import { formWebhook } from '../../model/webhook-format.js'
import type { Clock } from '../../platform/clock.js'
import type { Lease } from '../scheduling/lease.js'
import type { Endpoint, EndpointCache } from './endpoint-cache.js'
import type { LoadedDelivery, Loader } from './loader.js'

/** A committed event with the body of its webhook, which all its endpoints with the format STANDARD get. */
export interface PreparedEvent {
  id: string
  type: string
  tenant: string | null
  idempotencyKey: string | null
  createdAt: Date
  /** Of the body. */
  bytes: number
  body(): Uint8Array
  /** What webhooks in other formats are made of. */
  content(): WebhookContent
}

export interface PreparedDelivery {
  id: string
  subscriptionId: string
  tenant: string | null
  /** The version of the subscription's row at the match. */
  subscriptionVersion: string
  event: PreparedEvent
}

export interface PreparedDeliveries {
  /** Whether there is no memory for more. */
  isFull(): boolean
  /** @param acceptedAt when the deliveries were created, by the database's clock */
  add(deliveries: PreparedDelivery[], acceptedAt: Date): void
  /** Takes a prepared delivery, and loads any other. */
  loader: Loader
}

export interface PreparedDeliveriesOptions {
  loader: Loader
  endpointCache: EndpointCache
  clock: Clock
}

/** How long what was known at the commit may stand for what is in the database. */
const MAX_AGE_MS = 1000
/** Bodies in memory of deliveries that wait for their turn. */
const MAX_BYTES = 32 * 1024 * 1024

interface Held {
  delivery: PreparedDelivery
  acceptedAt: Date
}

export function createPreparedDeliveries(options: PreparedDeliveriesOptions): PreparedDeliveries {
  const { loader, endpointCache, clock } = options
  /** By delivery id, the oldest first. */
  const held = new Map<string, Held>()
  let bytes = 0

  function remove({ delivery }: Held): void {
    held.delete(delivery.id)
    bytes -= delivery.event.bytes
  }

  const isOld = (acceptedAt: Date) => acceptedAt.getTime() < clock.nowMs() - MAX_AGE_MS

  function removeOld(): void {
    for (const oldest of held.values()) {
      if (!isOld(oldest.acceptedAt)) return
      remove(oldest)
    }
  }

  function isFull(): boolean {
    removeOld()
    return bytes > MAX_BYTES
  }

  return {
    isFull,
    add(deliveries, acceptedAt) {
      if (isOld(acceptedAt) || isFull()) return
      for (const delivery of deliveries) {
        if (held.has(delivery.id)) continue
        held.set(delivery.id, { delivery, acceptedAt })
        bytes += delivery.event.bytes
      }
    },
    loader: {
      async load(lease: Lease) {
        const prepared = held.get(lease.deliveryId)
        if (prepared === undefined) return loader.load(lease)
        remove(prepared)
        if (isOld(prepared.acceptedAt)) return loader.load(lease)
        const { subscriptionId, subscriptionVersion } = prepared.delivery
        const found = endpointCache.find(subscriptionId, subscriptionVersion)
        // A cached endpoint is used in this turn of the event loop.
        const endpoint = found instanceof Promise ? await found : found
        return endpoint ? toLoadedDelivery(prepared, endpoint) : loader.load(lease)
      },
    },
  }
}

function toLoadedDelivery(
  { delivery: { event, subscriptionId, tenant }, acceptedAt }: Held,
  { isEnabled, endpointUrl, endpointVersion, format, signingKeys, policy }: Endpoint,
): LoadedDelivery {
  const { id, type, idempotencyKey, createdAt } = event
  const formed = format === 'STANDARD' ? { body: event.body() } : formWebhook(format, event.content())
  return {
    subject: {
      ...{ eventId: id, subscriptionId, tenant, createdAt: acceptedAt },
      // One with any of these does not come here: see `acceptApart`.
      event: {
        ...{ type, tenant: event.tenant, idempotencyKey, createdAt },
        ...{ deliverAt: null, expiresAt: null, orderingKey: null },
      },
    },
    // It was leased with its commit, where no breaker held it up.
    ...{ attempts: 0, budgetFrom: 0, isHeldUp: false, isExpired: false },
    ...{ isEnabled, endpointVersion },
    webhook: { endpointUrl, id, ...formed, signingKeys, policy },
  }
}
