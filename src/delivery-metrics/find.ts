/**
 * The metrics of deliveries: attempts by status and response times, for each minute, hour or day. They are added up from
 * what was merged, so a query costs the same however many deliveries there were.
 */
import { badInput } from '../errors.js'
import { MetricsResolution } from '../generated/prisma/enums.js'
import type { Database, Statement } from '../platform/postgres/database.js'
import { type LatencyHistogram, latencyPercentile } from './latency-histogram.js'

export const metricsIntervals = ['MINUTE', 'HOUR', 'DAY'] as const
export type MetricsInterval = (typeof metricsIntervals)[number]

export const metricsGroups = ['SUBSCRIPTION', 'TYPE'] as const
export type MetricsGroup = (typeof metricsGroups)[number]

type MetricsPeriod = Pick<MetricsRequest, 'from' | 'to' | 'interval'>

export interface MetricsRequest {
  /** The first bucket is the one that holds this moment. */
  from: Date
  /** Exclusive; without it, now. */
  to?: Date | undefined
  interval: MetricsInterval
  /** Without any, a bucket has one row. */
  groupBy: readonly MetricsGroup[]
  subscriptionId?: string | undefined
  eventType?: string | undefined
}

/** The attempts of one bucket, or of one group in it. */
export interface DeliveryMetrics {
  startsAt: Date
  /** Null unless grouped by it; the same for the type. */
  subscriptionId: string | null
  eventType: string | null
  attempts: number
  /** Attempts, by what they made of their delivery. */
  sent: number
  failed: number
  dead: number
  /** Response times of the attempts: half, 95 % and 99 % took at most this long. */
  latencyP50Ms: number
  latencyP95Ms: number
  latencyP99Ms: number
}

const units: Record<MetricsInterval, { resolution: MetricsResolution; unit: string; ms: number }> = {
  MINUTE: { resolution: MetricsResolution.MINUTE, unit: 'minute', ms: 60_000 },
  HOUR: { resolution: MetricsResolution.HOUR, unit: 'hour', ms: 3_600_000 },
  DAY: { resolution: MetricsResolution.HOUR, unit: 'day', ms: 86_400_000 },
}

/** The most buckets of one answer: a day of minutes. */
export const MAX_METRICS_BUCKETS = 1440
/** The most rows of one answer. */
export const MAX_METRICS_ROWS = 5000

/**
 * `$1` resolution, `$2` unit, `$3` from, `$4` to or null, `$5` and `$6` whether it is grouped by subscription and by type,
 * `$7` and `$8` the only subscription and type or null, `$9` the limit.
 *
 * The session's time zone is UTC, and so is a day.
 */
const findMetrics: Statement = {
  name: 'find-delivery-metrics',
  text: `
    with chosen as materialized (
      select date_trunc($2::text, "startsAt") as "startsAt",
             case when $5::bool then "subscriptionId" end as "subscriptionId",
             case when $6::bool then "eventType" end as "eventType",
             sent, failed, dead, "latencyBuckets", "latencyCounts"
      from "deliveryMetrics"
      where resolution = $1::"MetricsResolution" and "startsAt" >= date_trunc($2::text, $3::timestamptz)
        and "startsAt" < coalesce($4::timestamptz, statement_timestamp())
        and ($7::uuid is null or "subscriptionId" = $7::uuid) and ($8::text is null or "eventType" = $8::text)
    ), attempts as (
      select "startsAt", "subscriptionId", "eventType", sum(sent) as sent, sum(failed) as failed, sum(dead) as dead
      from chosen group by 1, 2, 3
      order by 1, 2, 3 limit $9
    ), latencies as (
      select "startsAt", "subscriptionId", "eventType",
             array_agg(bucket order by bucket) as buckets, array_agg(count order by bucket) as counts
      from (
        select "startsAt", "subscriptionId", "eventType", bucket, sum(count)::float8 as count
        from chosen cross join unnest("latencyBuckets", "latencyCounts") as histogram (bucket, count)
        group by 1, 2, 3, 4
      ) as merged
      group by 1, 2, 3
    )
    select a.*, l.buckets, l.counts
    from attempts a join latencies l
      on l."startsAt" = a."startsAt" and l."subscriptionId" is not distinct from a."subscriptionId"
      and l."eventType" is not distinct from a."eventType"
    order by a."startsAt", a."subscriptionId", a."eventType"`,
}

/** PostgreSQL sums in more than 53 bits, which arrive as text. */
interface FindMetricsRow extends LatencyHistogram {
  startsAt: Date
  subscriptionId: string | null
  eventType: string | null
  sent: string
  failed: string
  dead: string
}

/** How many buckets are asked for. @throws ServiceError BAD_USER_INPUT when they are none, or too many */
export function countBuckets({ from, to = new Date(), interval }: MetricsPeriod): number {
  const buckets = Math.ceil((to.getTime() - from.getTime()) / units[interval].ms)
  if (buckets <= 0) throw badInput([{ path: 'to', message: 'must be later than `from`' }])
  if (buckets <= MAX_METRICS_BUCKETS) return buckets
  const message = `is ${buckets} times ${interval} before \`to\`; at most ${MAX_METRICS_BUCKETS} may be asked for at once`
  throw badInput([{ path: 'from', message: `${message}, so ask for less time or a longer interval` }])
}

/**
 * In the order of time. A bucket without attempts has no row.
 *
 * @throws ServiceError BAD_USER_INPUT when more would be answered than one answer may hold
 */
export async function findDeliveryMetrics(
  database: Database,
  request: MetricsRequest,
): Promise<DeliveryMetrics[]> {
  countBuckets(request)
  const { from, to = null, interval, groupBy, subscriptionId = null, eventType = null } = request
  const { resolution, unit } = units[interval]
  const rows = await database.query<FindMetricsRow>(findMetrics, [
    ...[resolution, unit, from, to],
    ...[groupBy.includes('SUBSCRIPTION'), groupBy.includes('TYPE'), subscriptionId, eventType],
    MAX_METRICS_ROWS + 1,
  ])
  if (rows.length <= MAX_METRICS_ROWS) return rows.map(toMetrics)
  const message = `leads to more than ${MAX_METRICS_ROWS} rows; ask for less time, or for one subscription or type`
  throw badInput([{ path: 'groupBy', message }])
}

function toMetrics({
  startsAt,
  subscriptionId,
  eventType,
  buckets,
  counts,
  ...sums
}: FindMetricsRow): DeliveryMetrics {
  const sent = Number(sums.sent)
  const failed = Number(sums.failed)
  const dead = Number(sums.dead)
  const percentile = (share: number) => latencyPercentile({ buckets, counts }, share)
  return {
    ...{ startsAt, subscriptionId, eventType, sent, failed, dead },
    attempts: sent + failed + dead,
    latencyP50Ms: percentile(0.5),
    latencyP95Ms: percentile(0.95),
    latencyP99Ms: percentile(0.99),
  }
}
