/**
 * Turns for work that holds up nothing else. Each turn is a turn of the event loop of its own, so what the process has
 * to do besides comes in between. While the process has its hands full, the turns are further apart.
 */
import { setImmediate as immediate, setTimeout as pause } from 'node:timers/promises'
import { createEventLoopLoad } from './event-loop-load.js'

/** Between two turns, when several wait for theirs and the process has its hands full. */
const CROWDED_TURN_MS = 8
/** A rest is so many times as long as the work before it, within these bounds. */
const REST_FACTOR = 4
const MIN_REST_MS = 10
const MAX_REST_MS = 25
/** While the process has its hands full. */
const BUSY_REST_MS = 100
/** The process has its hands full when it worked for this share of so much time: not for a moment only. */
const BUSY = 0.95
const BUSY_FOR_MS = 500

export interface Turns {
  /** Resolves in the next free turn. Those that wait get their turns one after the other. */
  next(): Promise<void>
  /** Resolves after a pause in which further work may gather. @param workedMs how long the work took before */
  rest(workedMs: number): Promise<void>
}

export function createTurns(isBusy: () => boolean = createEventLoopLoad(BUSY, BUSY_FOR_MS)): Turns {
  const wait = (ms: number) => pause(ms, undefined, { ref: false })
  let last: Promise<void> = Promise.resolve()
  let asked = 0

  async function take(): Promise<void> {
    await (asked > 1 && isBusy() ? wait(CROWDED_TURN_MS) : immediate())
    asked -= 1
  }

  return {
    next() {
      asked += 1
      last = last.then(take)
      return last
    },
    rest(workedMs) {
      const restMs = Math.min(Math.max(workedMs * REST_FACTOR, MIN_REST_MS), MAX_REST_MS)
      return wait(isBusy() ? BUSY_REST_MS : restMs)
    },
  }
}
