/** Keeps current what a process holds in memory of the database, so that its work seldom meets what is out of date. */
import { createBatcher } from './batcher.js'
import { createPoller, type Poller } from './poller.js'

/** Many changes in a short time become few refreshes. */
const REST_MS = 50
/** Finds changes whose wake-up was lost. The view of the matcher is replaced because it names transactions. */
const INTERVAL_MS = 60_000

/** To be woken when there may be a change. */
export function createRefresher(
  held: { refresh(): Promise<void> },
  onError: (error: unknown) => void,
): Poller {
  async function run(): Promise<boolean> {
    await held.refresh()
    return false
  }
  return createPoller({ run, intervalMs: INTERVAL_MS, restMs: REST_MS, onError })
}

/** @returns a refresh that resolves when `load` has seen every change committed before the call */
export function shareRefreshes(load: () => Promise<void>): () => Promise<void> {
  // Calls that come during a refresh share the next one.
  const refreshes = createBatcher<undefined, void>({
    maxSize: Number.POSITIVE_INFINITY,
    maxConcurrent: 1,
    async run(callers) {
      await load()
      return callers.map(() => undefined)
    },
  })
  return () => refreshes.add(undefined)
}
