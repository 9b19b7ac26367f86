/** Rests between a queue's failures: BullMQ itself would ask again at once, as often as it can, or after 15 seconds. */
import { setTimeout as pause } from 'node:timers/promises'

/** Before a queue is asked again that failed. */
export const RETRY_PAUSE_MS = 1000
/** A failure counts for so long, if nothing that is asked succeeds meanwhile. */
const FAILURE_COUNTS_FOR_MS = 3 * RETRY_PAUSE_MS

export interface RetryPauses {
  /** The same question, whose failure is told after a rest. */
  pauseAfterFailure<Args extends unknown[], Result>(
    ask: (...args: Args) => Promise<Result>,
  ): (...args: Args) => Promise<Result>
  /** @throws what the last question failed with, if that is not long ago */
  check(): void
  /** Ends the rest that is taken now, and all that would follow. */
  stop(): void
}

export function createRetryPauses(): RetryPauses {
  const stopped = new AbortController()
  let lastFailure: { error: unknown; at: number } | undefined

  return {
    pauseAfterFailure:
      (ask) =>
      async (...args) => {
        try {
          const result = await ask(...args)
          lastFailure = undefined
          return result
        } catch (error) {
          if (stopped.signal.aborted) throw error
          lastFailure = { error, at: performance.now() }
          await pause(RETRY_PAUSE_MS, undefined, { signal: stopped.signal, ref: false }).catch(() => {})
          throw error
        }
      },
    check() {
      if (lastFailure !== undefined && performance.now() - lastFailure.at < FAILURE_COUNTS_FOR_MS)
        throw lastFailure.error
    },
    stop: () => stopped.abort(),
  }
}
