/** Counts the events that the schema of their type does not allow, so that its owner sees them. */
import { createErrorCounts } from '../platform/error-counts.js'
import type { Database, Statement } from '../platform/postgres/database.js'
import { sqlNow } from '../platform/postgres/sql-now.js'
import type { Resource } from '../platform/resources.js'
import type { Violation } from './schemas/schema.js'

export interface ViolationCounts extends Resource {
  /** One event. */
  add(typeId: string, violations: Violation[]): void
}

/** The parameters of `createErrorCounts`. */
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

export function createViolationCounts(
  database: Database,
  onError: (error: unknown) => void,
): ViolationCounts {
  const counts = createErrorCounts(database, countViolations, onError)
  return {
    add(typeId, [first]) {
      if (first !== undefined) counts.add(typeId, `\`${first.path}\`: ${first.message}`)
    },
    [Symbol.asyncDispose]: counts[Symbol.asyncDispose],
  }
}
