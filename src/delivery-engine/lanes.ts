/**
 * Lanes: who is next. Each subscription has a lane of its own, and the lanes take turns, so that none waits
 * for another's backlog. What a lane may have in flight keeps an endpoint that hangs from holding up the others:
 *
 * - Less than a third of the slots that are still free: the dynamic threshold by which Choudhury and Hahne share a
 *   switch's buffer. Alone it can so hold a quarter of the slots; k that hang hold 1/(k + 3) each.
 * - Its window, small at first and larger by one with each answer, as TCP starts slowly. What is in flight can't be
 *   called back, so those that come first must not take much before it is known that they answer.
 * - The last eighth of the slots is for endpoints that have answered lately, however many others there are.
 *
 * In a lane first attempts go before retries, which get a turn now and then.
 */
import type { Lease } from './lease.js'

export interface Lanes {
  /** Puts a delivery at the end of its lane, and starts it if its turn is now. */
  add(lease: Lease): void
  /** Tells that a started delivery has ended, and whether with an answer or for want of one; starts the next. */
  ended(lease: Lease, isAnswered: boolean): void
  /** Takes out what waits and answers to a description. */
  withdraw(which: (lease: Lease) => boolean): Lease[]
  /** Starts nothing more; answers with what was waiting. */
  close(): Lease[]
  /** Subscriptions of which as much waits as should. */
  crowded(): string[]
  readonly waiting: number
  readonly inFlight: number
  inFlightOf(subscriptionId: string): number
}

export interface LanesOptions {
  maxInFlight: number
  /** However many slots are free. */
  maxInFlightPerLane: number
  /** Whether the endpoint of this subscription has answered lately. */
  isAnswering(subscriptionId: string): boolean
  start(lease: Lease): void
}

const SHARE_OF_FREE_SLOTS = 1 / 3
const FOR_THOSE_THAT_ANSWER = 1 / 8
const FIRST_WINDOW = 1 / 64
const LEAST_WINDOW = 4
/** Deliveries that may wait in a lane before it is crowded: where answers come, and where none came lately. */
const CROWD = 1000
const CROWD_OF_THE_SILENT = 8
/** So many first attempts before one retry, while both wait. */
const FIRSTS_BEFORE_A_RETRY = 7

interface Lane {
  subscriptionId: string
  firsts: Lease[]
  retries: Lease[]
  firstsInARow: number
  inFlight: number
  window: number
}

const waitingIn = ({ firsts, retries }: Lane) => firsts.length + retries.length

function takeNext(lane: Lane): Lease | undefined {
  const isRetrysTurn = lane.firsts.length === 0 || lane.firstsInARow >= FIRSTS_BEFORE_A_RETRY
  if (isRetrysTurn && lane.retries.length > 0) {
    lane.firstsInARow = 0
    return lane.retries.shift()
  }
  lane.firstsInARow += 1
  return lane.firsts.shift()
}

export function createLanes(options: LanesOptions): Lanes {
  const { maxInFlight, maxInFlightPerLane, isAnswering, start } = options
  const firstWindow = Math.max(LEAST_WINDOW, Math.ceil(maxInFlight * FIRST_WINDOW))
  const lanes = new Map<string, Lane>()
  /** Lanes with something waiting, in the order of their turns. */
  const turns = new Set<Lane>()
  /** Those whose turn came when they held their share. Each end of a request calls one back, and its own lane. */
  const paused = new Set<Lane>()
  let waiting = 0
  let inFlight = 0

  function laneOf(subscriptionId: string): Lane {
    const known = lanes.get(subscriptionId)
    if (known !== undefined) return known
    const queues = { firsts: [], retries: [], firstsInARow: 0 }
    const lane = { subscriptionId, ...queues, inFlight: 0, window: firstWindow }
    lanes.set(subscriptionId, lane)
    return lane
  }

  function mayStart({ subscriptionId, window, inFlight: own }: Lane): boolean {
    const free = maxInFlight - inFlight
    if (free <= maxInFlight * FOR_THOSE_THAT_ANSWER && !isAnswering(subscriptionId)) return false
    const share = Math.max(1, Math.floor(free * SHARE_OF_FREE_SLOTS))
    return own < Math.min(share, window, maxInFlightPerLane)
  }

  function advance(): void {
    for (const lane of turns) {
      if (inFlight >= maxInFlight) return
      turns.delete(lane)
      if (!mayStart(lane)) {
        paused.add(lane)
        continue
      }
      const lease = takeNext(lane)
      if (lease === undefined) continue
      lane.inFlight += 1
      inFlight += 1
      waiting -= 1
      // At the end of the turns: the loop comes to it again.
      if (waitingIn(lane) > 0) turns.add(lane)
      start(lease)
    }
  }

  /** The window grows only while it is what holds the lane back, so it stays as small as the lane's load allows. */
  function resize(lane: Lane, isAnswered: boolean): void {
    if (!isAnswered) lane.window = Math.max(firstWindow, Math.floor(lane.window / 2))
    else if (lane.inFlight === lane.window && waitingIn(lane) > 0) lane.window += 1
  }

  function callBack(lane: Lane | undefined): void {
    if (lane !== undefined && paused.delete(lane)) turns.add(lane)
  }

  function clear(lane: Lane): void {
    if (waitingIn(lane) > 0) return
    turns.delete(lane)
    paused.delete(lane)
    if (lane.inFlight === 0) lanes.delete(lane.subscriptionId)
  }

  function withdraw(which: (lease: Lease) => boolean): Lease[] {
    const taken: Lease[] = []
    const isLeft = (lease: Lease) => !which(lease) || taken.push(lease) === 0
    for (const lane of lanes.values()) {
      lane.firsts = lane.firsts.filter(isLeft)
      lane.retries = lane.retries.filter(isLeft)
      clear(lane)
    }
    waiting -= taken.length
    return taken
  }

  return {
    add(lease) {
      const lane = laneOf(lease.subscriptionId)
      const queue = lease.isRetry ? lane.retries : lane.firsts
      queue.push(lease)
      waiting += 1
      if (!paused.has(lane)) turns.add(lane)
      advance()
    },
    ended({ subscriptionId }, isAnswered) {
      const lane = lanes.get(subscriptionId)
      if (lane === undefined) return
      resize(lane, isAnswered)
      lane.inFlight -= 1
      inFlight -= 1
      callBack(lane)
      // The free slot has raised the share of all: one after the other they are asked again.
      const [longestPaused] = paused
      callBack(longestPaused)
      clear(lane)
      advance()
    },
    withdraw,
    close: () => withdraw(() => true),
    crowded() {
      const isCrowded = (lane: Lane) =>
        waitingIn(lane) >= (isAnswering(lane.subscriptionId) ? CROWD : CROWD_OF_THE_SILENT)
      return [...paused, ...turns].filter(isCrowded).map(({ subscriptionId }) => subscriptionId)
    },
    inFlightOf: (subscriptionId) => lanes.get(subscriptionId)?.inFlight ?? 0,
    get waiting() {
      return waiting
    },
    get inFlight() {
      return inFlight
    },
  }
}
