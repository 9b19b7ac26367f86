/**
 * FairQueue: who is next. Each subscription has a queue of its own, and the queues take turns, so that none waits
 * for another's backlog. What a queue may have in flight keeps an endpoint that hangs from holding up the others:
 *
 * - Less than a third of the slots that are still free: the dynamic threshold by which Choudhury and Hahne share a
 *   switch's buffer. Alone it can so hold a quarter of the slots; k that hang hold 1/(k + 3) each.
 * - Its window, small at first and larger by one with each answer, as TCP starts slowly. What is in flight can't be
 *   called back, so those that come first must not take much before it is known that they answer.
 * - The last eighth of the slots is for endpoints that have answered lately, however many others there are.
 *
 * In a queue first attempts go before retries, which get a turn now and then.
 */
import type { Lease } from '../scheduling/lease.js'

export interface FairQueue {
  /** Puts a delivery at the end of its queue, and starts it if its turn is now. */
  add(lease: Lease): void
  /** Tells that a started delivery has ended, and whether with an answer or for want of one; starts the next. */
  ended(lease: Lease, isAnswered: boolean): void
  /** Takes out what waits and answers to a description. */
  withdraw(which: (lease: Lease) => boolean): Lease[]
  /** Starts nothing more; answers with what was waiting. */
  close(): Lease[]
  /** Subscriptions of which as much waits as should. */
  saturated(): string[]
  readonly waiting: number
  readonly inFlight: number
  inFlightOf(subscriptionId: string): number
}

export interface FairQueueOptions {
  maxInFlight: number
  /** However many slots are free. */
  maxInFlightPerSubscription: number
  /** Whether the endpoint of this subscription has answered lately. */
  isResponsive(subscriptionId: string): boolean
  start(lease: Lease): void
}

const SHARE_OF_FREE_SLOTS = 1 / 3
const RESERVED_FOR_RESPONSIVE = 1 / 8
const FIRST_WINDOW = 1 / 64
const LEAST_WINDOW = 4
/** Deliveries that may wait in a queue before it is saturated: where answers come, and where none came lately. */
const SATURATED_AT = 1000
const UNRESPONSIVE_SATURATED_AT = 8
/** So many first attempts before one retry, while both wait. */
const FIRSTS_BEFORE_A_RETRY = 7

interface SubscriptionQueue {
  subscriptionId: string
  firsts: Lease[]
  retries: Lease[]
  firstsInARow: number
  inFlight: number
  window: number
}

const waitingIn = ({ firsts, retries }: SubscriptionQueue) => firsts.length + retries.length

function takeNext(queue: SubscriptionQueue): Lease | undefined {
  const isRetrysTurn = queue.firsts.length === 0 || queue.firstsInARow >= FIRSTS_BEFORE_A_RETRY
  if (isRetrysTurn && queue.retries.length > 0) {
    queue.firstsInARow = 0
    return queue.retries.shift()
  }
  queue.firstsInARow += 1
  return queue.firsts.shift()
}

export function createFairQueue(options: FairQueueOptions): FairQueue {
  const { maxInFlight, maxInFlightPerSubscription, isResponsive, start } = options
  const firstWindow = Math.max(LEAST_WINDOW, Math.ceil(maxInFlight * FIRST_WINDOW))
  const queues = new Map<string, SubscriptionQueue>()
  /** FairQueue with something waiting, in the order of their turns. */
  const turns = new Set<SubscriptionQueue>()
  /** Those whose turn came when they held their share. Each end of a request calls one back, and its own queue. */
  const paused = new Set<SubscriptionQueue>()
  let waiting = 0
  let inFlight = 0

  function queueOf(subscriptionId: string): SubscriptionQueue {
    const known = queues.get(subscriptionId)
    if (known !== undefined) return known
    const lists = { firsts: [], retries: [], firstsInARow: 0 }
    const queue = { subscriptionId, ...lists, inFlight: 0, window: firstWindow }
    queues.set(subscriptionId, queue)
    return queue
  }

  function mayStart({ subscriptionId, window, inFlight: own }: SubscriptionQueue): boolean {
    const free = maxInFlight - inFlight
    if (free <= maxInFlight * RESERVED_FOR_RESPONSIVE && !isResponsive(subscriptionId)) return false
    const share = Math.max(1, Math.floor(free * SHARE_OF_FREE_SLOTS))
    return own < Math.min(share, window, maxInFlightPerSubscription)
  }

  function advance(): void {
    for (const queue of turns) {
      if (inFlight >= maxInFlight) return
      turns.delete(queue)
      if (!mayStart(queue)) {
        paused.add(queue)
        continue
      }
      const lease = takeNext(queue)
      if (lease === undefined) continue
      queue.inFlight += 1
      inFlight += 1
      waiting -= 1
      // At the end of the turns: the loop comes to it again.
      if (waitingIn(queue) > 0) turns.add(queue)
      start(lease)
    }
  }

  /** The window grows only while it is what holds the queue back, so it stays as small as the queue's load allows. */
  function resize(queue: SubscriptionQueue, isAnswered: boolean): void {
    if (!isAnswered) queue.window = Math.max(firstWindow, Math.floor(queue.window / 2))
    else if (queue.inFlight === queue.window && waitingIn(queue) > 0) queue.window += 1
  }

  function callBack(queue: SubscriptionQueue | undefined): void {
    if (queue !== undefined && paused.delete(queue)) turns.add(queue)
  }

  function clear(queue: SubscriptionQueue): void {
    if (waitingIn(queue) > 0) return
    turns.delete(queue)
    paused.delete(queue)
    if (queue.inFlight === 0) queues.delete(queue.subscriptionId)
  }

  function withdraw(which: (lease: Lease) => boolean): Lease[] {
    const taken: Lease[] = []
    const isLeft = (lease: Lease) => !which(lease) || taken.push(lease) === 0
    for (const queue of queues.values()) {
      queue.firsts = queue.firsts.filter(isLeft)
      queue.retries = queue.retries.filter(isLeft)
      clear(queue)
    }
    waiting -= taken.length
    return taken
  }

  return {
    add(lease) {
      const queue = queueOf(lease.subscriptionId)
      const list = lease.isRetry ? queue.retries : queue.firsts
      list.push(lease)
      waiting += 1
      if (!paused.has(queue)) turns.add(queue)
      advance()
    },
    ended({ subscriptionId }, isAnswered) {
      const queue = queues.get(subscriptionId)
      if (queue === undefined) return
      resize(queue, isAnswered)
      queue.inFlight -= 1
      inFlight -= 1
      callBack(queue)
      // The free slot has raised the share of all: one after the other they are asked again.
      const [longestPaused] = paused
      callBack(longestPaused)
      clear(queue)
      advance()
    },
    withdraw,
    close: () => withdraw(() => true),
    saturated() {
      const isSaturated = (queue: SubscriptionQueue) =>
        waitingIn(queue) >= (isResponsive(queue.subscriptionId) ? SATURATED_AT : UNRESPONSIVE_SATURATED_AT)
      return [...paused, ...turns].filter(isSaturated).map(({ subscriptionId }) => subscriptionId)
    },
    inFlightOf: (subscriptionId) => queues.get(subscriptionId)?.inFlight ?? 0,
    get waiting() {
      return waiting
    },
    get inFlight() {
      return inFlight
    },
  }
}
