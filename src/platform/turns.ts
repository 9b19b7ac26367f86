/**
 * Turns for work that holds up nothing else. Each turn is a turn of the event loop of its own, so what the process has
 * to do besides comes in between. While the process has its hands full, the turns are further apart.
 */
import { setImmediate as immediate, setTimeout as pause } from 'node:timers/promises'
import { createEventLoopLoad } from './event-loop-load.js'

/** Between two turns, when several wait for theirs and the process has its hands full. */
const CROWDED_TURN_MS = 8
/** Between the end of a piece of work and the next piece. */
const REST_MS = 25
const BUSY_REST_MS = 100
/** Of the time, from which on the process has its hands full: hardly a moment is left. */
const BUSY = 0.95

export interface Turns {
  /** Resolves in the next free turn. Those that wait get their turns one after the other. */
  next(): Promise<void>
  /** Resolves after a pause in which further work may gather. */
  rest(): Promise<void>
}

export function createTurns(isBusy: () => boolean = createEventLoopLoad(BUSY)): Turns {
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
    rest: () => wait(isBusy() ? BUSY_REST_MS : REST_MS),
  }
}
