/**
 * What waits and what is in flight of one subscription. First attempts go before retries; one start in eight is a
 * retry.
 */
import type { Lease } from '../scheduling/lease.js'

/** First attempts before one retry, while both wait. */
const FIRSTS_BEFORE_A_RETRY = 7

export interface SubscriptionQueue {
  readonly subscriptionId: string
  firsts: Lease[]
  retries: Lease[]
  firstsInARow: number
  inFlight: number
  /** The most requests in flight that its answers allow: see the fair queue. */
  window: number
}

export const createSubscriptionQueue = (subscriptionId: string): SubscriptionQueue => ({
  ...{ subscriptionId, firsts: [], retries: [], firstsInARow: 0 },
  ...{ inFlight: 0, window: 1 },
})

export const waitingIn = ({ firsts, retries }: SubscriptionQueue): number => firsts.length + retries.length

export function put(queue: SubscriptionQueue, lease: Lease): void {
  const list = lease.isRetry ? queue.retries : queue.firsts
  list.push(lease)
}

/** Removes and returns what is started next; undefined when nothing waits. */
export function takeNext(queue: SubscriptionQueue): Lease | undefined {
  const isRetrysTurn = queue.firsts.length === 0 || queue.firstsInARow >= FIRSTS_BEFORE_A_RETRY
  if (isRetrysTurn && queue.retries.length > 0) {
    queue.firstsInARow = 0
    return queue.retries.shift()
  }
  queue.firstsInARow += 1
  return queue.firsts.shift()
}

/** Removes and returns what meets a condition. */
export function withdrawFrom(queue: SubscriptionQueue, which: (lease: Lease) => boolean): Lease[] {
  const taken: Lease[] = []
  const isLeft = (lease: Lease) => !which(lease) || taken.push(lease) === 0
  queue.firsts = queue.firsts.filter(isLeft)
  queue.retries = queue.retries.filter(isLeft)
  return taken
}
