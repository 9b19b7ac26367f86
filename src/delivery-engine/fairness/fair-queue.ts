/**
 * The fair queue: which delivery is attempted next. Each tenant gets a turn, and in it the next of its subscriptions;
 * a subscription without a tenant has turns as a tenant has. So none waits for the backlog of another, and a tenant
 * gains nothing by having many subscriptions. Limits on what is in flight keep endpoints that hang from taking all
 * slots:
 *
 * - The share of a subscription: less than a third of the slots that are still free, the dynamic threshold by which
 *   Choudhury and Hahne share the buffer of a switch. One alone can hold a quarter of the slots; of k that hang, each
 *   1/(k + 3).
 * - The share of a tenant: no more than are still free. One alone can hold half of the slots, of k each 1/(k + 1).
 * - The window of a subscription, which grows by one with each answer, like TCP's slow start. Requests in flight can't
 *   be called back, so an endpoint that has not answered lately has a window of one, unless most slots are free.
 * - The last eighth of the slots is for endpoints that have answered lately, and endpoints that hang get no slot while
 *   half of all are taken. So a new endpoint finds a slot beside any number of endpoints that are known to hang.
 */
import type { Lease } from '../scheduling/lease.js'
import type { Responsiveness } from './responsive-endpoints.js'
import {
  createSubscriptionQueue,
  put,
  type SubscriptionQueue,
  takeNext,
  waitingIn,
  withdrawFrom,
} from './subscription-queue.js'

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
  /** Subscriptions with as many waiting deliveries as the queue should hold of one, or of their tenant. */
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
  tenantOf(subscriptionId: string): string | null
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
/** A queue with this many waiting deliveries is saturated, if its endpoint is responsive or not; so is a tenant. */
const SATURATED_AT = 1000
const UNRESPONSIVE_SATURATED_AT = 8

/** A tenant, or a subscription without one. */
interface Party {
  readonly tenant: string | null
  /** Its queues with something waiting, in the order of their turns. */
  turns: Set<Queue>
  /** The number of all its queues. */
  queues: number
  waiting: number
  inFlight: number
}

type Queue = SubscriptionQueue & { readonly party: Party }

const saturatedAt = (responsiveness: Responsiveness) =>
  responsiveness === 'responsive' ? SATURATED_AT : UNRESPONSIVE_SATURATED_AT

export function createFairQueue(options: FairQueueOptions): FairQueue {
  const { maxInFlight, maxInFlightPerSubscription, responsivenessOf, tenantOf, start } = options
  const firstWindow = Math.max(MIN_FIRST_WINDOW, Math.ceil(maxInFlight * FIRST_WINDOW))
  const queues = new Map<string, Queue>()
  const tenants = new Map<string, Party>()
  /** Parties with something waiting, in the order of their turns. */
  const turns = new Set<Party>()
  /** Parties whose turn came when they held their share. */
  const full = new Set<Party>()
  /**
   * Queues whose turn came when they might not start, by what was known then. Each end of a request gives another
   * turn to its queue, and to the longest paused of each kind.
   */
  const paused: Record<Responsiveness, Set<Queue>> = {
    responsive: new Set(),
    slow: new Set(),
    unknown: new Set(),
    hanging: new Set(),
  }
  const pausedSets = Object.values(paused)
  let waiting = 0
  let inFlight = 0

  function partyOf(subscriptionId: string): Party {
    const tenant = tenantOf(subscriptionId)
    const party = (tenant !== null && tenants.get(tenant)) || createParty(tenant)
    if (tenant !== null) tenants.set(tenant, party)
    return party
  }

  function queueOf(subscriptionId: string): Queue {
    const known = queues.get(subscriptionId)
    if (known !== undefined) return known
    const queue = { ...createSubscriptionQueue(subscriptionId), party: partyOf(subscriptionId) }
    queue.party.queues += 1
    queues.set(subscriptionId, queue)
    return queue
  }

  function windowOf({ window }: Queue, responsiveness: Responsiveness): number {
    const isAnswering = responsiveness === 'responsive' || responsiveness === 'slow'
    const areMostFree = maxInFlight - inFlight > maxInFlight * MOST_SLOTS
    return isAnswering || areMostFree ? Math.max(window, firstWindow) : window
  }

  function mayStart(queue: Queue, responsiveness: Responsiveness): boolean {
    const free = maxInFlight - inFlight
    if (free <= maxInFlight * KEPT_FREE[responsiveness]) return false
    const share = Math.max(1, Math.floor(free * SHARE_OF_FREE_SLOTS))
    return queue.inFlight < Math.min(share, windowOf(queue, responsiveness), maxInFlightPerSubscription)
  }

  /** Takes a delivery of the first of its queues that may start one. */
  function takeNextOf(party: Party): Lease | undefined {
    for (const queue of party.turns) {
      party.turns.delete(queue)
      const responsiveness = responsivenessOf(queue.subscriptionId)
      if (!mayStart(queue, responsiveness)) {
        paused[responsiveness].add(queue)
        continue
      }
      const lease = takeNext(queue)
      if (lease === undefined) continue
      countInFlight(queue, 1)
      countWaiting(queue, -1)
      if (waitingIn(queue) > 0) party.turns.add(queue)
      return lease
    }
    return undefined
  }

  function advance(): void {
    for (const party of turns) {
      if (inFlight >= maxInFlight) return
      turns.delete(party)
      if (party.inFlight >= maxInFlight - inFlight) {
        full.add(party)
        continue
      }
      const lease = takeNextOf(party)
      // At the end of the turns: the loop comes to it again.
      if (party.turns.size > 0) turns.add(party)
      if (lease !== undefined) start(lease)
    }
  }

  function countWaiting({ party }: Queue, by: number): void {
    party.waiting += by
    waiting += by
  }

  function countInFlight(queue: Queue, by: number): void {
    queue.inFlight += by
    queue.party.inFlight += by
    inFlight += by
  }

  /** The window grows only while it is what holds the queue back, so it stays as small as the queue's load allows. */
  function resize(queue: Queue, isAnswered: boolean): void {
    if (!isAnswered) {
      queue.window = Math.max(1, Math.floor(queue.window / 2))
      return
    }
    const window = windowOf(queue, responsivenessOf(queue.subscriptionId))
    if (queue.inFlight === window && waitingIn(queue) > 0) queue.window = window + 1
  }

  const isPaused = (queue: Queue) => pausedSets.some((set) => set.has(queue))
  const unpause = (queue: Queue) => pausedSets.some((set) => set.delete(queue))

  function takeTurn(queue: Queue): void {
    const { party } = queue
    party.turns.add(queue)
    if (!full.has(party)) turns.add(party)
  }

  function giveTurn(queue: Queue | undefined): void {
    if (queue !== undefined && unpause(queue)) takeTurn(queue)
  }

  function giveTurnToFull(party: Party | undefined): void {
    if (party !== undefined && full.delete(party)) turns.add(party)
  }

  function clear(queue: Queue): void {
    if (waitingIn(queue) > 0) return
    const { party, subscriptionId } = queue
    party.turns.delete(queue)
    unpause(queue)
    if (party.turns.size === 0) {
      turns.delete(party)
      full.delete(party)
    }
    if (queue.inFlight > 0) return
    queues.delete(subscriptionId)
    party.queues -= 1
    if (party.queues === 0 && party.tenant !== null) tenants.delete(party.tenant)
  }

  function withdraw(which: (lease: Lease) => boolean): Lease[] {
    return [...queues.values()].flatMap((queue) => {
      const taken = withdrawFrom(queue, which)
      countWaiting(queue, -taken.length)
      clear(queue)
      return taken
    })
  }

  function isSaturated(queue: Queue): boolean {
    const count = waitingIn(queue)
    if (count === 0) return false
    return queue.party.waiting >= SATURATED_AT || count >= saturatedAt(responsivenessOf(queue.subscriptionId))
  }

  return {
    add(lease) {
      const queue = queueOf(lease.subscriptionId)
      put(queue, lease)
      countWaiting(queue, 1)
      if (!isPaused(queue)) takeTurn(queue)
      advance()
    },
    ended({ subscriptionId }, isAnswered) {
      const queue = queues.get(subscriptionId)
      if (queue === undefined) return
      if (isAnswered !== undefined) resize(queue, isAnswered)
      countInFlight(queue, -1)
      giveTurn(queue)
      for (const [longestPaused] of pausedSets) giveTurn(longestPaused)
      const [longestFull] = full
      for (const party of [queue.party, longestFull]) giveTurnToFull(party)
      clear(queue)
      advance()
    },
    withdraw,
    close: () => withdraw(() => true),
    saturated: () => [...queues.values()].filter(isSaturated).map(({ subscriptionId }) => subscriptionId),
    inFlightOf: (subscriptionId) => queues.get(subscriptionId)?.inFlight ?? 0,
    get waiting() {
      return waiting
    },
    get inFlight() {
      return inFlight
    },
  }
}

const createParty = (tenant: string | null): Party => ({
  ...{ tenant, turns: new Set(), queues: 0 },
  ...{ waiting: 0, inFlight: 0 },
})
