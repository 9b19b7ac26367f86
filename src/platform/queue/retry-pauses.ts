/** Pauses after failures of a queue. BullMQ itself would try again at once, in a tight loop, or after 15 seconds. */
import { setTimeout as pause } from 'node:timers/promises'

/** The pause after a failure. */
export const RETRY_PAUSE_MS = 1000
/** The queue counts as failing for this long after a failure, unless a call succeeds meanwhile. */
const FAILURE_COUNTS_FOR_MS = 3 * RETRY_PAUSE_MS

export interface RetryPauses {
  /** The same call, but its promise rejects only after the pause. */
  pauseAfterFailure<Args extends unknown[], Result>(
    call: (...args: Args) => Promise<Result>,
  ): (...args: Args) => Promise<Result>
  /** @throws the error of the last call, if it was recent */
  check(): void
  /** Ends the current pause and all later ones. */
  stop(): void
}

export function createRetryPauses(): RetryPauses {
  const stopped = new AbortController()
  let lastFailure: { error: unknown; at: number } | undefined

  return {
    pauseAfterFailure:
      (call) =>
      async (...args) => {
        try {
          const result = await call(...args)
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
