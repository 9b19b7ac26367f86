/** Removes metrics that are older than they are kept: minutes after two days, hours after METRICS_RETENTION_DAYS. */
import { createPoller, type Poller } from '../platform/poller.js'
import type { Database, Statement } from '../platform/postgres/database.js'

const MINUTES_KEPT_DAYS = 2

/** `$1` the resolution, `$2` the days to keep, `$3` the limit. */
const removeExpiredMetrics: Statement = {
  name: 'remove-expired-metrics',
  text: `
    with expired as materialized (
      select resolution, "startsAt", "subscriptionId", "eventType" from "deliveryMetrics"
      where resolution = $1::"MetricsResolution"
        and "startsAt" < statement_timestamp() - $2::float8 * interval '24 hours'
      order by "startsAt" limit $3
      for update skip locked
    ), removed as (
      delete from "deliveryMetrics" m using expired e
      where (m.resolution, m."startsAt", m."subscriptionId", m."eventType")
        = (e.resolution, e."startsAt", e."subscriptionId", e."eventType")
    )
    select count(*)::int as removed from expired`,
}

interface RemoveExpiredMetricsRow {
  removed: number
}

const REMOVED_AT_ONCE = 1000
const HOUR_MS = 3_600_000

/** @returns whether there may be more */
export async function removeExpired(database: Database, days: number): Promise<boolean> {
  const kept = [
    ['MINUTE', Math.min(MINUTES_KEPT_DAYS, days)],
    ['HOUR', days],
  ] as const
  const removed = await Promise.all(
    kept.map(async ([resolution, daysKept]) => {
      const parameters = [resolution, daysKept, REMOVED_AT_ONCE]
      const [row] = await database.query<RemoveExpiredMetricsRow>(removeExpiredMetrics, parameters)
      return row?.removed
    }),
  )
  return removed.includes(REMOVED_AT_ONCE)
}

interface MetricsExpiryOptions {
  database: Database
  days: number
  onError(error: unknown): void
}

export const createMetricsExpiry = ({ database, days, onError }: MetricsExpiryOptions): Poller =>
  createPoller({ run: () => removeExpired(database, days), intervalMs: HOUR_MS, onError })
