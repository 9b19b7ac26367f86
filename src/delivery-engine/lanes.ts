/**
 * Lanes: who is next. Each subscription has a lane of its own, and the lanes take turns, so that none waits
 * for another's backlog.
 *
 * A lane may start another request while it has fewer in flight than a third of the slots that are still free (the
 * dynamic threshold by which Choudhury and Hahne share a switch's buffer). One alone can so hold a quarter of the
 * slots, and k that hang hold 1/(k + 3) each. The last eighth of the slots is not for those known to be slow: however
 * many they are, some slots stay free for those that answer.
 *
 * In a lane first attempts go before retries, which get a turn now and then.
 */
import type { Lease } from './lease.js'

export interface Lanes {
  /** Puts a delivery at the end of its lane, and starts it if its turn is now. */
  add(lease: Lease): void
  /** Tells that a started delivery has ended, and starts the next. */
  ended(lease: Lease): void
  /** Takes out what waits and answers to a description. */
  withdraw(which: (lease: Lease) => boolean): Lease[]
  /** Starts nothing more; answers with what was waiting. */
  close(): Lease[]
  readonly waiting: number
  readonly inFlight: number
}

export interface LanesOptions {
  maxInFlight: number
  /** However many slots are free. */
  maxInFlightPerLane: number
  /** Whether deliveries of this subscription had to wait too long for their turn. */
  isSlow(subscriptionId: string): boolean
  start(lease: Lease): void
}

const SHARE_OF_FREE_SLOTS = 1 / 3
const NOT_FOR_SLOW_ONES = 1 / 8
/** So many first attempts before one retry, while both wait. */
const FIRSTS_BEFORE_A_RETRY = 7

interface Lane {
  subscriptionId: string
  firsts: Lease[]
  retries: Lease[]
  firstsInARow: number
  inFlight: number
}

const newLane = (subscriptionId: string): Lane => ({
  subscriptionId,
  ...{ firsts: [], retries: [], firstsInARow: 0, inFlight: 0 },
})

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
  const { maxInFlight, maxInFlightPerLane, isSlow, start } = options
  const lanes = new Map<string, Lane>()
  /** Lanes with something waiting, in the order of their turns. */
  const turns = new Set<Lane>()
  /** Those whose turn came when they held their share. Each end of a request calls one back, and its own lane. */
  const paused = new Set<Lane>()
  let waiting = 0
  let inFlight = 0

  function mayStart(lane: Lane): boolean {
    const free = maxInFlight - inFlight
    if (free <= maxInFlight * NOT_FOR_SLOW_ONES && isSlow(lane.subscriptionId)) return false
    const share = Math.max(1, Math.floor(free * SHARE_OF_FREE_SLOTS))
    return lane.inFlight < Math.min(share, maxInFlightPerLane)
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

  function callBack(lane: Lane | undefined): void {
    if (lane !== undefined && paused.delete(lane)) turns.add(lane)
  }

  function clear(subscriptionId: string, lane: Lane): void {
    if (waitingIn(lane) > 0) return
    turns.delete(lane)
    paused.delete(lane)
    if (lane.inFlight === 0) lanes.delete(subscriptionId)
  }

  return {
    add(lease) {
      const lane = lanes.get(lease.subscriptionId) ?? newLane(lease.subscriptionId)
      lanes.set(lease.subscriptionId, lane)
      const queue = lease.isRetry ? lane.retries : lane.firsts
      queue.push(lease)
      waiting += 1
      if (!paused.has(lane)) turns.add(lane)
      advance()
    },
    ended({ subscriptionId }) {
      const lane = lanes.get(subscriptionId)
      if (lane === undefined) return
      lane.inFlight -= 1
      inFlight -= 1
      callBack(lane)
      // The free slot has raised the share of all: one after the other they are asked again.
      const [longestPaused] = paused
      callBack(longestPaused)
      clear(subscriptionId, lane)
      advance()
    },
    withdraw(which) {
      const taken: Lease[] = []
      for (const [subscriptionId, lane] of lanes) {
        taken.push(...lane.firsts.filter(which), ...lane.retries.filter(which))
        lane.firsts = lane.firsts.filter((lease) => !which(lease))
        lane.retries = lane.retries.filter((lease) => !which(lease))
        clear(subscriptionId, lane)
      }
      waiting -= taken.length
      return taken
    },
    close() {
      return this.withdraw(() => true)
    },
    get waiting() {
      return waiting
    },
    get inFlight() {
      return inFlight
    },
  }
}
