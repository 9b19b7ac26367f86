/**
 * Lanes: who is next. Each subscription has a lane of its own, and the lanes take turns, so that none waits
 * for another's backlog. A lane may have only so many requests in flight: the share that an endpoint which
 * hangs can hold on to.
 */
import type { Lease } from './lease.js'

export interface Lanes {
  /** Puts a delivery at the end of its lane, and starts it if its turn is now. */
  add(lease: Lease): void
  /** Tells that a started delivery has ended, and starts the next. */
  ended(lease: Lease): void
  /** Starts nothing more; answers with what was waiting. */
  close(): Lease[]
  readonly waiting: number
  readonly inFlight: number
}

export interface LanesOptions {
  maxInFlight: number
  maxInFlightPerLane: number
  start(lease: Lease): void
}

interface Lane {
  waiting: Lease[]
  inFlight: number
}

export function createLanes({ maxInFlight, maxInFlightPerLane, start }: LanesOptions): Lanes {
  const lanes = new Map<string, Lane>()
  /** The lanes that may start a delivery, in the order of their turns. */
  let turns: Lane[] = []
  let waiting = 0
  let inFlight = 0

  const mayStart = (lane: Lane) => lane.waiting.length > 0 && lane.inFlight < maxInFlightPerLane

  function advance(): void {
    while (inFlight < maxInFlight) {
      const lane = turns.shift()
      const lease = lane?.waiting.shift()
      if (lane === undefined || lease === undefined) return
      lane.inFlight += 1
      inFlight += 1
      waiting -= 1
      if (mayStart(lane)) turns.push(lane)
      start(lease)
    }
  }

  return {
    add(lease) {
      const lane = lanes.get(lease.subscriptionId) ?? { waiting: [], inFlight: 0 }
      lanes.set(lease.subscriptionId, lane)
      lane.waiting.push(lease)
      waiting += 1
      if (lane.waiting.length === 1 && mayStart(lane)) turns.push(lane)
      advance()
    },
    ended({ subscriptionId }) {
      const lane = lanes.get(subscriptionId)
      if (lane === undefined) return
      const wasFull = lane.inFlight === maxInFlightPerLane
      lane.inFlight -= 1
      inFlight -= 1
      if (wasFull && mayStart(lane)) turns.push(lane)
      if (lane.inFlight === 0 && lane.waiting.length === 0) lanes.delete(subscriptionId)
      advance()
    },
    close() {
      const left = [...lanes.values()].flatMap((lane) => lane.waiting.splice(0))
      turns = []
      waiting = 0
      return left
    },
    get waiting() {
      return waiting
    },
    get inFlight() {
      return inFlight
    },
  }
}
