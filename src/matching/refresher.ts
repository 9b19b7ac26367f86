/** Keeps the matcher of a process current, so that events seldom meet one that is out of date. */
import { createPoller, type Poller } from '../platform/poller.js'
import type { Matcher } from './matcher.js'

/** Many changes in a short time become few refreshes. */
const REST_MS = 50
/** Replaces the view from time to time, because it names transactions that were open then. */
const INTERVAL_MS = 60_000

/** To be woken when a subscription may have changed. */
export function createRefresher(matcher: Matcher, onError: (error: unknown) => void): Poller {
  async function run(): Promise<boolean> {
    await matcher.refresh()
    return false
  }
  return createPoller({ run, intervalMs: INTERVAL_MS, restMs: REST_MS, onError })
}
