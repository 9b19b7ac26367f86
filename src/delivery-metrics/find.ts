/**
 * The metrics of deliveries: attempts by outcome and response times, for each minute, hour or day. Each row of an
 * answer is a row of the table, so a query costs the same however many deliveries there were.
 */
import { badInput } from '../errors.js'
import { Prisma } from '../generated/prisma/client.js'
import { MetricsInterval } from '../generated/prisma/enums.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'
import { latencyPercentile } from './latency-histogram.js'
import { ALL_SUBSCRIPTIONS, ALL_TYPES } from './merge.js'

export const metricsIntervals = Object.values(MetricsInterval)

export const metricsGroups = ['SUBSCRIPTION', 'TYPE'] as const
export type MetricsGroup = (typeof metricsGroups)[number]

interface MetricsPeriod {
  /** The first bucket is the one that holds this moment. */
  from: Date
  /** Exclusive; without it, now. */
  to?: Date | undefined
  interval: MetricsInterval
}

export interface MetricsRequest extends MetricsPeriod {
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

const lengthsMs: Record<MetricsInterval, number> = { MINUTE: 60_000, HOUR: 3_600_000, DAY: 86_400_000 }

/** The most buckets of one answer: a day of minutes. */
export const MAX_METRICS_BUCKETS = 1440
/** The most rows of one answer. */
export const MAX_METRICS_ROWS = 5000

/** How many buckets are asked for. @throws ServiceError BAD_USER_INPUT when they are none, or too many */
export function countBuckets({ from, to = new Date(), interval }: MetricsPeriod): number {
  const buckets = Math.ceil((to.getTime() - from.getTime()) / lengthsMs[interval])
  if (buckets <= 0) throw badInput([{ path: 'to', message: 'must be later than `from`' }])
  if (buckets <= MAX_METRICS_BUCKETS) return buckets
  const message = `is ${buckets} times ${interval} before \`to\`; at most ${MAX_METRICS_BUCKETS} may be asked for at once`
  throw badInput([{ path: 'from', message: `${message}, so ask for less time or a longer interval` }])
}

interface FindMetricsRow {
  startsAt: Date
  subscriptionId: string
  eventType: string
  sent: bigint
  failed: bigint
  dead: bigint
  latencyBuckets: number[]
  latencyCounts: bigint[]
}

/**
 * In the order of time. A bucket without attempts has no row.
 *
 * @throws ServiceError BAD_USER_INPUT when more would be answered than one answer may hold
 */
export async function findDeliveryMetrics(
  { prisma, tenant }: VisibleDatabase,
  request: MetricsRequest,
): Promise<DeliveryMetrics[]> {
  countBuckets(request)
  // These stand for all in the table, and are nobody's id or type.
  if (request.subscriptionId === ALL_SUBSCRIPTIONS || request.eventType === ALL_TYPES) return []
  const rows = await prisma.$queryRaw<FindMetricsRow[]>(findMetrics(request, tenant))
  if (rows.length <= MAX_METRICS_ROWS) return rows.map((row) => toMetrics(row, request.groupBy))
  const message = `leads to more than ${MAX_METRICS_ROWS} rows; ask for less time, or for one subscription or type`
  throw badInput([{ path: 'groupBy', message }])
}

function findMetrics(request: MetricsRequest, tenant: string | null): Prisma.Sql {
  const { interval, from, to, groupBy, subscriptionId, eventType } = request
  // The rows for all subscriptions are those of all tenants. What a tenant has together is added up from its own.
  const isAddedUp = tenant !== null && subscriptionId === undefined && !groupBy.includes('SUBSCRIPTION')
  const start = new Date(Math.floor(from.getTime() / lengthsMs[interval]) * lengthsMs[interval])
  const ofSubscription =
    groupBy.includes('SUBSCRIPTION') || isAddedUp
      ? Prisma.sql`"subscriptionId" <> ${ALL_SUBSCRIPTIONS}::uuid`
      : Prisma.sql`"subscriptionId" = ${ALL_SUBSCRIPTIONS}::uuid`
  const ofType = groupBy.includes('TYPE')
    ? Prisma.sql`"eventType" <> ${ALL_TYPES}`
    : Prisma.sql`"eventType" = ${ALL_TYPES}`
  const isVisible =
    tenant === null
      ? Prisma.sql`true`
      : Prisma.sql`"subscriptionId" in (select id from subscriptions where tenant = ${tenant})`
  const rows = Prisma.sql`
    select "startsAt", "subscriptionId", "eventType", sent, failed, dead, "latencyBuckets", "latencyCounts"
    from "deliveryMetrics"
    where "interval" = ${interval}::"MetricsInterval"
      and "startsAt" >= ${start} and "startsAt" < coalesce(${to ?? null}::timestamptz, statement_timestamp())
      and ${subscriptionId === undefined ? ofSubscription : Prisma.sql`"subscriptionId" = ${subscriptionId}::uuid`}
      and ${eventType === undefined ? ofType : Prisma.sql`"eventType" = ${eventType}`}
      and ${isVisible}`
  return Prisma.sql`
    select * from (${isAddedUp ? addUp(rows) : rows}) as answer
    order by "startsAt", "subscriptionId", "eventType"
    limit ${MAX_METRICS_ROWS + 1}`
}

/** SQL: the rows of several subscriptions, added up for each bucket and type. */
const addUp = (rows: Prisma.Sql): Prisma.Sql => Prisma.sql`
  with part as materialized (${rows}), counted as (
    select "startsAt", "eventType", bucket, sum(count)::bigint as count
    from part cross join unnest("latencyBuckets", "latencyCounts") as b (bucket, count) group by 1, 2, 3
  ), histogram as (
    select "startsAt", "eventType", array_agg(bucket order by bucket) as "latencyBuckets",
           array_agg(count order by bucket) as "latencyCounts"
    from counted group by 1, 2
  ), total as (
    select "startsAt", "eventType", sum(sent)::bigint as sent, sum(failed)::bigint as failed, sum(dead)::bigint as dead
    from part group by 1, 2
  )
  select "startsAt", ${ALL_SUBSCRIPTIONS}::uuid as "subscriptionId", "eventType", sent, failed, dead,
         coalesce("latencyBuckets", '{}') as "latencyBuckets", coalesce("latencyCounts", '{}') as "latencyCounts"
  from total left join histogram using ("startsAt", "eventType")`

function toMetrics(row: FindMetricsRow, groupBy: readonly MetricsGroup[]): DeliveryMetrics {
  const sent = Number(row.sent)
  const failed = Number(row.failed)
  const dead = Number(row.dead)
  const histogram = { buckets: row.latencyBuckets, counts: row.latencyCounts.map(Number) }
  return {
    startsAt: row.startsAt,
    subscriptionId: groupBy.includes('SUBSCRIPTION') ? row.subscriptionId : null,
    eventType: groupBy.includes('TYPE') ? row.eventType : null,
    ...{ attempts: sent + failed + dead, sent, failed, dead },
    latencyP50Ms: latencyPercentile(histogram, 0.5),
    latencyP95Ms: latencyPercentile(histogram, 0.95),
    latencyP99Ms: latencyPercentile(histogram, 0.99),
  }
}
