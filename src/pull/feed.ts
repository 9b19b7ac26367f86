/**
 * The feed of a subscription of kind PULL: a consumer takes deliveries, and waits for them where none is due.
 *
 * A consumer that leaves while it waits leaves nothing leased: what was found for it is given back.
 */
import { notFound, ServiceError } from '../errors.js'
import { isUuid } from '../platform/uuid.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'
import type { FeedWakes } from './feed-wakes.js'
import { type LeaseContext, leaseDeliveries, type PulledDelivery } from './lease.js'

/** Between two looks at the table, in case a wake-up was lost. */
export const LOOK_AGAIN_MS = 5000

export interface FeedContext extends LeaseContext {
  feedWakes: FeedWakes
}

export interface FeedRequest {
  limit: number
  /** How long to wait where none is due, in seconds. */
  wait: number
  /** Aborted when the wait must end: the process stops, or the consumer has left. */
  signal: AbortSignal
  /** Whether the consumer has left, so that an answer would reach nobody. */
  hasLeft(): boolean
}

/**
 * Leases deliveries to a consumer. An empty list says that none was due in time, or that the subscription is disabled.
 *
 * @throws ServiceError NOT_FOUND, or CONFLICT when the subscription is not of kind PULL
 */
export async function takeDeliveries(
  context: FeedContext,
  subscriptionId: string,
  { limit, wait, signal, hasLeft }: FeedRequest,
): Promise<PulledDelivery[]> {
  await checkFeed(context.database, subscriptionId)
  const waitsUntil = performance.now() + wait * 1000
  const listener = context.feedWakes.listen(subscriptionId)
  try {
    for (;;) {
      const { deliveries, giveBack } = await leaseDeliveries(context, subscriptionId, limit)
      if (hasLeft()) {
        await giveBack()
        return []
      }
      const leftMs = waitsUntil - performance.now()
      if (deliveries.length > 0 || leftMs <= 0 || signal.aborted) return deliveries
      await listener.next(Math.min(leftMs, LOOK_AGAIN_MS), signal)
      if (signal.aborted) return []
    }
  } finally {
    listener[Symbol.dispose]()
  }
}

/** @throws ServiceError NOT_FOUND, or CONFLICT when the subscription is not of kind PULL */
export async function checkFeed({ prisma }: VisibleDatabase, id: string): Promise<void> {
  const found = isUuid(id) ? await prisma.subscription.findUnique({ where: { id, deletedAt: null } }) : null
  if (found === null) throw notFound('subscription', id)
  if (found.kind === 'PULL') return
  throw new ServiceError(
    'CONFLICT',
    'The subscription is of kind WEBHOOK: its deliveries are posted to its endpointUrl, and it has no feed.',
  )
}
