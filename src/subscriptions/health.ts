/**
 * The health of endpoints: how attempts ended lately. Failures in a row and the breaker are kept by the recorder; the
 * rates are those of the metrics of the last hour.
 */
import { type LatencyHistogram, latencyPercentile } from '../delivery-metrics/latency-histogram.js'
import { ALL_TYPES } from '../delivery-metrics/merge.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'
import { forViewer } from '../tenants/visible-statement.js'

/** PAUSED: only probes are sent. FAILING: the last attempt failed, or it recovers from a pause. */
export const healthStates = ['HEALTHY', 'FAILING', 'PAUSED'] as const
export type HealthState = (typeof healthStates)[number]

export interface EndpointHealth {
  state: HealthState
  /** Failed attempts since the last success. */
  consecutiveFailures: number
  /** When the first of them was recorded; null without any. */
  failingSince: Date | null
  /** At most ten seconds too old while it is healthy. */
  lastSuccessAt: Date | null
  lastFailureAt: Date | null
  /** From 0 to 1: the attempts of the last hour that succeeded; null without any. */
  successRate: number | null
  /** 95 % of the attempts of the last hour took at most this long; null without any. */
  latencyP95Ms: number | null
}

/** `$1` ids of subscriptions. What was kept of another version of the endpoint counts for nothing. */
const readHealth = forViewer(
  { name: 'read-health', parameters: 1 },
  ({ isVisible }) => `
    select s.id, h."consecutiveFailures", h."failingSince", h."lastSuccessAt", h."lastFailureAt",
           h."probeAt" is not null as "isPaused", h.pace is not null as "isRecovering",
           attempts.*, latencies.*
    from unnest($1::uuid[]) as asked (id)
    cross join lateral (
      select id, "endpointVersion" from subscriptions own where id = asked.id and ${isVisible('own')} limit 1
    ) as s
    left join lateral (
      select * from "endpointHealth" k
      where k."subscriptionId" = s.id and k."endpointVersion" = s."endpointVersion" limit 1
    ) as h on true
    cross join lateral (
      select sum(m.sent)::float8 as sent, sum(m.failed + m.dead)::float8 as failed from ${sqlLastHour()}
    ) as attempts
    cross join lateral (
      select array_agg(bucket order by bucket) as buckets, array_agg(count order by bucket) as counts
      from (
        select bucket, sum(count)::float8 as count
        from (select m."latencyBuckets", m."latencyCounts" from ${sqlLastHour()}) as minute
        cross join unnest(minute."latencyBuckets", minute."latencyCounts") as b (bucket, count) group by bucket
      ) as histogram
    ) as latencies`,
)

function sqlLastHour(): string {
  return `
    "deliveryMetrics" m
    where m."interval" = 'MINUTE' and m."subscriptionId" = s.id and m."eventType" = '${ALL_TYPES}'
      and m."startsAt" > now() - interval '1 hour'`
}

interface ReadHealthRow {
  id: string
  consecutiveFailures: number | null
  failingSince: Date | null
  lastSuccessAt: Date | null
  lastFailureAt: Date | null
  isPaused: boolean
  isRecovering: boolean
  sent: number | null
  failed: number | null
  buckets: number[] | null
  counts: number[] | null
}

/** @returns by the id of the subscription */
export async function findHealth(
  { query }: Pick<VisibleDatabase, 'query'>,
  subscriptionIds: string[],
): Promise<Map<string, EndpointHealth>> {
  if (subscriptionIds.length === 0) return new Map()
  const rows = await query<ReadHealthRow>(readHealth, [subscriptionIds])
  return new Map(rows.map((row) => [row.id, toHealth(row)]))
}

/** Of an endpoint that was never called. */
const unknownHealth: EndpointHealth = {
  ...{ state: 'HEALTHY', consecutiveFailures: 0, failingSince: null },
  ...{ lastSuccessAt: null, lastFailureAt: null, successRate: null, latencyP95Ms: null },
}

/** Subscriptions as they are shown, with their health. */
export async function withHealth<Row extends { id: string }>(
  database: VisibleDatabase,
  rows: Row[],
): Promise<(Row & { health: EndpointHealth })[]> {
  const health = await findHealth(
    database,
    rows.map(({ id }) => id),
  )
  return rows.map((row) => ({ ...row, health: health.get(row.id) ?? unknownHealth }))
}

function toHealth(row: ReadHealthRow): EndpointHealth {
  const { failingSince, lastSuccessAt, lastFailureAt } = row
  const consecutiveFailures = row.consecutiveFailures ?? 0
  const attempts = (row.sent ?? 0) + (row.failed ?? 0)
  const isFailing = consecutiveFailures > 0 || row.isRecovering
  const histogram: LatencyHistogram = { buckets: row.buckets ?? [], counts: row.counts ?? [] }
  return {
    state: row.isPaused ? 'PAUSED' : isFailing ? 'FAILING' : 'HEALTHY',
    ...{ consecutiveFailures, failingSince, lastSuccessAt, lastFailureAt },
    successRate: attempts === 0 ? null : (row.sent ?? 0) / attempts,
    latencyP95Ms: attempts === 0 ? null : latencyPercentile(histogram, 0.95),
  }
}
