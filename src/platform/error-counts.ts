/**
 * Counts errors for whoever owns what they came from. They are collected and written together, once a second at most:
 * what a process that dies has not written is lost.
 */
import { createPoller } from './poller.js'
import type { Database, Statement } from './postgres/database.js'
import type { Resource } from './resources.js'

export interface ErrorCounts extends Resource {
  /** @param ownerId of the row that the error is counted for */
  add(ownerId: string, error: string): void
}

const WRITE_AFTER_MS = 1000
/** As the errors of attempts. */
const MAX_ERROR_LENGTH = 500

/** @param statement `$1` owners, `$2` how many errors of each, `$3` the last one of each */
export function createErrorCounts(
  database: Database,
  statement: Statement,
  onError: (error: unknown) => void,
): ErrorCounts {
  let waiting = new Map<string, { count: number; lastError: string }>()

  async function write(): Promise<boolean> {
    if (waiting.size === 0) return false
    const written = waiting
    waiting = new Map()
    const counts = [...written.values()]
    await database.query(statement, [
      [...written.keys()],
      counts.map(({ count }) => count),
      counts.map(({ lastError }) => lastError),
    ])
    return false
  }

  const poller = createPoller({ run: write, intervalMs: 60_000, restMs: WRITE_AFTER_MS, onError })
  poller.start()

  return {
    add(ownerId, error) {
      const count = (waiting.get(ownerId)?.count ?? 0) + 1
      waiting.set(ownerId, { count, lastError: error.slice(0, MAX_ERROR_LENGTH) })
      poller.wake()
    },
    async [Symbol.asyncDispose]() {
      await poller[Symbol.asyncDispose]()
      await write().catch(onError)
    },
  }
}
