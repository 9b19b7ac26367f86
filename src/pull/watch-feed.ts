/**
 * Hands the deliveries of a feed to a consumer that watches it: one after the other as they become due, and never more
 * than it may have unanswered. What it has when it leaves is given to nobody else before its lease ends: it may be at
 * work on it.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { openStates } from '../model/delivery-states.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'
import { type FeedContext, LOOK_AGAIN_MS } from './feed.js'
import { answersOf } from './feed-wakes.js'
import { leaseDeliveries, type PulledDelivery } from './lease.js'

export interface FeedWatchOptions {
  subscriptionId: string
  /** The most deliveries that the consumer has not answered. */
  maxInFlight: number
  /** Called with each delivery, which is the consumer's from then on. */
  push(delivery: PulledDelivery): void
}

export interface FeedWatch {
  close(): void
}

export function watchFeed(context: FeedContext, options: FeedWatchOptions): FeedWatch {
  const { subscriptionId, maxInFlight, push } = options
  const closing = new AbortController()
  const { signal } = closing
  let held: PulledDelivery[] = []

  /** @returns whether there may be more to hand out at once */
  async function handOut(): Promise<boolean> {
    held = await stillHeld(context.database, held)
    const room = maxInFlight - held.length
    if (room <= 0) return false
    const { deliveries, giveBack } = await leaseDeliveries(context, subscriptionId, room)
    if (signal.aborted) await giveBack()
    else for (const delivery of deliveries) push(delivery)
    held.push(...deliveries)
    return deliveries.length > 0
  }

  async function run(): Promise<void> {
    const listener = context.feedWakes.listen(subscriptionId, answersOf(subscriptionId))
    try {
      while (!signal.aborted) {
        try {
          if (await handOut()) continue
        } catch (error) {
          // The database may be away for a while.
          context.serviceEvents.emit('failed', { where: 'feed of a consumer', error })
          await pause(LOOK_AGAIN_MS, undefined, { signal }).catch(() => {})
        }
        await listener.next(LOOK_AGAIN_MS, signal)
      }
    } finally {
      listener[Symbol.dispose]()
    }
  }

  void run()
  return { close: () => closing.abort() }
}

/** Those of them that are neither answered nor over. */
async function stillHeld({ prisma }: VisibleDatabase, held: PulledDelivery[]): Promise<PulledDelivery[]> {
  if (held.length === 0) return held
  const rows = await prisma.delivery.findMany({
    where: {
      id: { in: held.map(({ deliveryId }) => deliveryId) },
      ...{ status: { in: [...openStates] }, queuedUntil: { not: null } },
    },
    select: { id: true, attempts: true },
  })
  const attempts = new Map(rows.map((row) => [row.id, row.attempts + 1]))
  return held.filter(({ deliveryId, attempt }) => attempts.get(deliveryId) === attempt)
}
