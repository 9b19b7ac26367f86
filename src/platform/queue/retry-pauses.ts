/** Rests between a queue's failures: BullMQ itself would ask again at once, as often as it can, or after 15 seconds. */
import { setTimeout as pause } from 'node:timers/promises'

/** Before a queue is asked again that failed. */
export const REST_MS = 1000
/** A failure counts for so long, if nothing that is asked succeeds meanwhile. */
const TROUBLE_MS = 3 * REST_MS

export interface Rests {
  /** The same question, whose failure is told after a rest. */
  unhurried<Args extends unknown[], Result>(
    ask: (...args: Args) => Promise<Result>,
  ): (...args: Args) => Promise<Result>
  /** @throws what the last question failed with, if that is not long ago */
  check(): void
  /** Ends the rest that is taken now, and all that would follow. */
  stop(): void
}

export function createRests(): Rests {
  const stopped = new AbortController()
  let trouble: { error: unknown; at: number } | undefined

  return {
    unhurried:
      (ask) =>
      async (...args) => {
        try {
          const result = await ask(...args)
          trouble = undefined
          return result
        } catch (error) {
          if (stopped.signal.aborted) throw error
          trouble = { error, at: performance.now() }
          await pause(REST_MS, undefined, { signal: stopped.signal, ref: false }).catch(() => {})
          throw error
        }
      },
    check() {
      if (trouble !== undefined && performance.now() - trouble.at < TROUBLE_MS) throw trouble.error
    },
    stop: () => stopped.abort(),
  }
}
