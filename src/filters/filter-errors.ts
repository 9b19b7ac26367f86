/**
 * Counts the errors of filters for each subscription, so that its owner sees them. They are collected and written
 * together, once a second at most: what a process that dies has not written is lost.
 */
import { createPoller } from '../platform/poller.js'
import type { Database, Statement } from '../platform/postgres/database.js'
import { sqlNow } from '../platform/postgres/sql-now.js'
import type { Resource } from '../platform/resources.js'
import type { FilterFailure } from './filter.js'

export interface FilterErrors extends Resource {
  add(failures: FilterFailure[]): void
}

/** `$1` subscriptions, `$2` how many errors of each, `$3` the last one of each. */
const countFilterErrors: Statement = {
  name: 'count-filter-errors',
  text: `
    insert into filter_errors as known ("subscriptionId", count, "lastError", "lastAt")
    select "subscriptionId", failed.count, failed."lastError", ${sqlNow}
    from unnest($1::uuid[], $2::int[], $3::text[]) as failed ("subscriptionId", count, "lastError")
    order by "subscriptionId"
    on conflict ("subscriptionId") do update
    set count = least(known.count::bigint + excluded.count, 2147483647)::int,
        "lastError" = excluded."lastError", "lastAt" = excluded."lastAt"`,
}

const WRITE_AFTER_MS = 1000
/** As the errors of attempts. */
const MAX_ERROR_LENGTH = 500

export function createFilterErrors(
  database: Database,
  { onCounted, onError }: { onCounted(count: number): void; onError(error: unknown): void },
): FilterErrors {
  let waiting = new Map<string, { count: number; lastError: string }>()

  async function write(): Promise<boolean> {
    if (waiting.size === 0) return false
    const written = waiting
    waiting = new Map()
    const counts = [...written.values()]
    await database.query(countFilterErrors, [
      [...written.keys()],
      counts.map(({ count }) => count),
      counts.map(({ lastError }) => lastError.slice(0, MAX_ERROR_LENGTH)),
    ])
    return false
  }

  const poller = createPoller({ run: write, intervalMs: 60_000, restMs: WRITE_AFTER_MS, onError })
  poller.start()

  return {
    add(failures) {
      if (failures.length === 0) return
      for (const { subscriptionId, error } of failures) {
        const count = (waiting.get(subscriptionId)?.count ?? 0) + 1
        waiting.set(subscriptionId, { count, lastError: error })
      }
      onCounted(failures.length)
      poller.wake()
    },
    async [Symbol.asyncDispose]() {
      await poller[Symbol.asyncDispose]()
      await write().catch(onError)
    },
  }
}
