/** Whether this process has its hands full: its event loop found hardly a moment without work lately. */
import { performance } from 'node:perf_hooks'

const LOOKED_AT_EVERY_MS = 100
const FULL = 0.85

/**
 * @param full the share of time with work from which on the process counts as busy
 * @param lookedAtEveryMs the time over which the share is taken
 */
export function createEventLoopLoad(full = FULL, lookedAtEveryMs = LOOKED_AT_EVERY_MS): () => boolean {
  let before = performance.eventLoopUtilization()
  let nextLookAt = 0
  let isBusy = false
  return () => {
    const now = performance.now()
    if (now < nextLookAt) return isBusy
    nextLookAt = now + lookedAtEveryMs
    const after = performance.eventLoopUtilization()
    isBusy = performance.eventLoopUtilization(after, before).utilization > full
    before = after
    return isBusy
  }
}
