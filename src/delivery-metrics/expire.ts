/** Removes metrics that are older than they are kept: minutes after two days, others after METRICS_RETENTION_DAYS. */
import { MetricsInterval } from '../generated/prisma/enums.js'
import { createPoller, type Poller } from '../platform/poller.js'
import type { Database, Statement } from '../platform/postgres/database.js'

const MINUTES_KEPT_DAYS = 2

/** `$1` the interval, `$2` the days to keep, `$3` the limit. */
const removeExpiredMetrics: Statement = {
  name: 'remove-expired-metrics',
  text: `
    with removed as (
      delete from "deliveryMetrics"
      where ctid = any (array(
        select ctid from "deliveryMetrics"
        where "interval" = $1::"MetricsInterval"
          and "startsAt" < statement_timestamp() - $2::float8 * interval '24 hours'
        order by "startsAt" limit $3
        for update skip locked
      ))
      returning 1
    )
    select count(*)::int as removed from removed`,
}

interface RemoveExpiredMetricsRow {
  removed: number
}

const REMOVED_AT_ONCE = 1000
const HOUR_MS = 3_600_000

/** @returns whether there may be more */
export async function removeExpired(database: Database, days: number): Promise<boolean> {
  const removed = await Promise.all(
    Object.values(MetricsInterval).map(async (interval) => {
      const keptDays = interval === MetricsInterval.MINUTE ? Math.min(MINUTES_KEPT_DAYS, days) : days
      const parameters = [interval, keptDays, REMOVED_AT_ONCE]
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
