/** Counts the errors of filters for each subscription, so that its owner sees them. */
import { createErrorCounts } from '../platform/error-counts.js'
import type { Database, Statement } from '../platform/postgres/database.js'
import { sqlNow } from '../platform/postgres/sql-now.js'
import type { Resource } from '../platform/resources.js'
import type { FilterFailure } from './filter.js'

export interface FilterErrors extends Resource {
  add(failures: FilterFailure[]): void
}

/** The parameters of `createErrorCounts`. */
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

export function createFilterErrors(
  database: Database,
  { onCounted, onError }: { onCounted(count: number): void; onError(error: unknown): void },
): FilterErrors {
  const counts = createErrorCounts(database, countFilterErrors, onError)
  return {
    add(failures) {
      if (failures.length === 0) return
      for (const { subscriptionId, error } of failures) counts.add(subscriptionId, error)
      onCounted(failures.length)
    },
    [Symbol.asyncDispose]: counts[Symbol.asyncDispose],
  }
}
