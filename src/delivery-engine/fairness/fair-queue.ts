/**
 * The fair queue: which delivery is attempted next. Each subscription has a queue, and the queues take turns, so
 * none waits for the backlog of another. Limits on what a queue has in flight keep endpoints that hang from taking
 * all slots:
 *
 * - Its share: less than a third of the slots that are still free, the dynamic threshold by which Choudhury and Hahne
 *   share the buffer of a switch. A queue alone can hold a quarter of the slots; of k that hang, each 1/(k + 3).
 * - Its window, which grows by one with each answer, like TCP's slow start. Requests in flight can't be called back, so
 *   an endpoint that has not answered lately has a window of one, unless most slots are free.
 * - The last eighth of the slots is for endpoints that have answered lately, and endpoints that hang get no slot while
 *   half of all are taken. So a new endpoint finds a slot beside any number of endpoints that are known to hang.
 *
 * In a queue, first attempts go before retries; one start in eight is a retry.
 */
import type { Lease } from '../scheduling/lease.js'
import type { Responsiveness } from './responsive-endpoints.js'

export interface FairQueue {
  /** Puts a delivery at the end of its queue, and starts it if its turn is now. */
  add(lease: Lease): void
  /**
   * To be called when a started delivery has ended; starts the next. `isAnswered` is undefined without an exchange.
   */
  ended(lease: Lease, isAnswered: boolean | undefined): void
  /** Removes and returns the waiting deliveries that meet a condition. */
  withdraw(which: (lease: Lease) => boolean): Lease[]
  /** Starts nothing more. Removes and returns what waits. */
  close(): Lease[]
  /** Subscriptions with as many waiting deliveries as the queue should hold of one. */
  saturated(): string[]
  readonly waiting: number
  readonly inFlight: number
  inFlightOf(subscriptionId: string): number
}

export interface FairQueueOptions {
  maxInFlight: number
  /** A limit for each subscription, even while more slots are free. */
  maxInFlightPerSubscription: number
  responsivenessOf(subscriptionId: string): Responsiveness
  start(lease: Lease): void
}

const SHARE_OF_FREE_SLOTS = 1 / 3
/** The part of the slots that must be free for a queue to start, by what is known of its endpoint. */
const KEPT_FREE: Record<Responsiveness, number> = {
  responsive: 0,
  slow: 1 / 8,
  unknown: 1 / 8,
  hanging: 1 / 2,
}
/** The first window of an endpoint that answered lately, or of any while most slots are free: at least four. */
const FIRST_WINDOW = 1 / 64
const MIN_FIRST_WINDOW = 4
/** The part of the slots that must be free for an endpoint that has not answered lately to have more than one. */
const MOST_SLOTS = 3 / 4
/** A queue with this many waiting deliveries is saturated, if its endpoint is responsive or not. */
const SATURATED_AT = 1000
const UNRESPONSIVE_SATURATED_AT = 8
/** First attempts before one retry, while both wait. */
const FIRSTS_BEFORE_A_RETRY = 7

interface SubscriptionQueue {
  subscriptionId: string
  firsts: Lease[]
  retries: Lease[]
  firstsInARow: number
  inFlight: number
  window: number
}

const saturatedAt = (responsiveness: Responsiveness) =>
  responsiveness === 'responsive' ? SATURATED_AT : UNRESPONSIVE_SATURATED_AT

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
  const { maxInFlight, maxInFlightPerSubscription, responsivenessOf, start } = options
  const firstWindow = Math.max(MIN_FIRST_WINDOW, Math.ceil(maxInFlight * FIRST_WINDOW))
  const queues = new Map<string, SubscriptionQueue>()
  /** Queues with something waiting, in the order of their turns. */
  const turns = new Set<SubscriptionQueue>()
  /**
   * Queues whose turn came when they might not start, by what was known then. Each end of a request gives another
   * turn to its queue, and to the longest paused of each kind.
   */
  const paused: Record<Responsiveness, Set<SubscriptionQueue>> = {
    responsive: new Set(),
    slow: new Set(),
    unknown: new Set(),
    hanging: new Set(),
  }
  const pausedSets = Object.values(paused)
  let waiting = 0
  let inFlight = 0

  function queueOf(subscriptionId: string): SubscriptionQueue {
    const known = queues.get(subscriptionId)
    if (known !== undefined) return known
    const lists = { firsts: [], retries: [], firstsInARow: 0 }
    const queue = { subscriptionId, ...lists, inFlight: 0, window: 1 }
    queues.set(subscriptionId, queue)
    return queue
  }

  function windowOf({ window }: SubscriptionQueue, responsiveness: Responsiveness): number {
    const isAnswering = responsiveness === 'responsive' || responsiveness === 'slow'
    const areMostFree = maxInFlight - inFlight > maxInFlight * MOST_SLOTS
    return isAnswering || areMostFree ? Math.max(window, firstWindow) : window
  }

  function mayStart(queue: SubscriptionQueue, responsiveness: Responsiveness): boolean {
    const free = maxInFlight - inFlight
    if (free <= maxInFlight * KEPT_FREE[responsiveness]) return false
    const share = Math.max(1, Math.floor(free * SHARE_OF_FREE_SLOTS))
    return queue.inFlight < Math.min(share, windowOf(queue, responsiveness), maxInFlightPerSubscription)
  }

  function advance(): void {
    for (const queue of turns) {
      if (inFlight >= maxInFlight) return
      turns.delete(queue)
      const responsiveness = responsivenessOf(queue.subscriptionId)
      if (!mayStart(queue, responsiveness)) {
        paused[responsiveness].add(queue)
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
    if (!isAnswered) {
      queue.window = Math.max(1, Math.floor(queue.window / 2))
      return
    }
    const window = windowOf(queue, responsivenessOf(queue.subscriptionId))
    if (queue.inFlight === window && waitingIn(queue) > 0) queue.window = window + 1
  }

  const isPaused = (queue: SubscriptionQueue) => pausedSets.some((set) => set.has(queue))
  const unpause = (queue: SubscriptionQueue) => pausedSets.some((set) => set.delete(queue))

  function giveTurn(queue: SubscriptionQueue | undefined): void {
    if (queue !== undefined && unpause(queue)) turns.add(queue)
  }

  function clear(queue: SubscriptionQueue): void {
    if (waitingIn(queue) > 0) return
    turns.delete(queue)
    unpause(queue)
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
      if (!isPaused(queue)) turns.add(queue)
      advance()
    },
    ended({ subscriptionId }, isAnswered) {
      const queue = queues.get(subscriptionId)
      if (queue === undefined) return
      if (isAnswered !== undefined) resize(queue, isAnswered)
      queue.inFlight -= 1
      inFlight -= 1
      giveTurn(queue)
      for (const [longestPaused] of pausedSets) giveTurn(longestPaused)
      clear(queue)
      advance()
    },
    withdraw,
    close: () => withdraw(() => true),
    saturated() {
      const isSaturated = (queue: SubscriptionQueue) =>
        waitingIn(queue) >= saturatedAt(responsivenessOf(queue.subscriptionId))
      return [...pausedSets, turns]
        .flatMap((set) => [...set])
        .filter(isSaturated)
        .map(({ subscriptionId }) => subscriptionId)
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
