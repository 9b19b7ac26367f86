/**
 * Counts the events that the schema of their type does not allow, so that its owner sees them. They are collected and
 * written together, once a second at most: what a process that dies has not written is lost.
 */
import { createPoller } from '../platform/poller.js'
import type { Database, Statement } from '../platform/postgres/database.js'
import { sqlNow } from '../platform/postgres/sql-now.js'
import type { Resource } from '../platform/resources.js'
import type { Violation } from './schemas/schema.js'

export interface ViolationCounts extends Resource {
  /** One event. */
  add(typeId: string, violations: Violation[]): void
}

/** `$1` ids of types, `$2` how many events of each, `$3` what is wrong with the last one of each. */
const countViolations: Statement = {
  name: 'count-schema-violations',
  text: `
    insert into schema_violations as known ("typeId", count, "lastError", "lastAt")
    select "typeId", found.count, found."lastError", ${sqlNow}
    from unnest($1::uuid[], $2::int[], $3::text[]) as found ("typeId", count, "lastError")
    -- A type may have been removed meanwhile.
    where exists (select from event_types where id = "typeId")
    order by "typeId"
    on conflict ("typeId") do update
    set count = least(known.count::bigint + excluded.count, 2147483647)::int,
        "lastError" = excluded."lastError", "lastAt" = excluded."lastAt"`,
}

const WRITE_AFTER_MS = 1000
/** As the errors of attempts. */
const MAX_ERROR_LENGTH = 500

export function createViolationCounts(
  database: Database,
  onError: (error: unknown) => void,
): ViolationCounts {
  let waiting = new Map<string, { count: number; lastError: string }>()

  async function write(): Promise<boolean> {
    if (waiting.size === 0) return false
    const written = waiting
    waiting = new Map()
    const counts = [...written.values()]
    await database.query(countViolations, [
      [...written.keys()],
      counts.map(({ count }) => count),
      counts.map(({ lastError }) => lastError),
    ])
    return false
  }

  const poller = createPoller({ run: write, intervalMs: 60_000, restMs: WRITE_AFTER_MS, onError })
  poller.start()

  return {
    add(typeId, [first]) {
      if (first === undefined) return
      const count = (waiting.get(typeId)?.count ?? 0) + 1
      const lastError = `\`${first.path}\`: ${first.message}`.slice(0, MAX_ERROR_LENGTH)
      waiting.set(typeId, { count, lastError })
      poller.wake()
    },
    async [Symbol.asyncDispose]() {
      await poller[Symbol.asyncDispose]()
      await write().catch(onError)
    },
  }
}
