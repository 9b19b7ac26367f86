/**
 * Turns for work that holds up nothing else. Each turn is a turn of the event loop of its own, so what the process has
 * to do besides comes in between. While the process has its hands full, the turns are further apart.
 */
import { setImmediate as immediate, setTimeout as pause } from 'node:timers/promises'
import { createEventLoopLoad } from './event-loop-load.js'

/** Between two turns, while the process has its hands full. */
const BUSY_TURN_MS = 8
/** Between the end of a piece of work and the next piece. */
const REST_MS = 15
const BUSY_REST_MS = 100

export interface Turns {
  /** Resolves in the next free turn. Those that wait get their turns one after the other. */
  next(): Promise<void>
  /** Resolves after a pause in which further work may gather. */
  rest(): Promise<void>
}

export function createTurns(isBusy: () => boolean = createEventLoopLoad()): Turns {
  const wait = (ms: number) => pause(ms, undefined, { ref: false })
  let last: Promise<void> = Promise.resolve()
  return {
    next() {
      last = last.then(() => (isBusy() ? wait(BUSY_TURN_MS) : immediate()))
      return last
    },
    rest: () => wait(isBusy() ? BUSY_REST_MS : REST_MS),
  }
}
