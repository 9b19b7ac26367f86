/**
 * Adds the deltas of many commits to the metrics of their minute, hour and day: of each subscription and event type, of
 * all subscriptions, of all types, and of both.
 */
import type { Database, Statement } from '../platform/postgres/database.js'
import { NIL_UUID } from '../platform/uuid.js'
import { sqlLatencyBucket } from './latency-histogram.js'

/** What the metrics of all subscriptions, and of all types, have instead of an id and a type. */
export const ALL_SUBSCRIPTIONS = NIL_UUID
export const ALL_TYPES = ''

const KEY = '"interval", "subscriptionId", "eventType", "startsAt"'

/** Each row of a part for its minute, hour and day, and each of these for its subscription and type and for all. */
const sqlSpread = (part: string, columns: string): string => `(
  select i."interval", s."subscriptionId", t."eventType", date_trunc(lower(i."interval"::text), minute) as "startsAt",
         ${columns}
  from ${part}
  cross join unnest(enum_range(null::"MetricsInterval")) as i ("interval")
  cross join lateral (values (${part}."subscriptionId"), ('${ALL_SUBSCRIPTIONS}'::uuid)) as s ("subscriptionId")
  cross join lateral (values (${part}."eventType"), ('${ALL_TYPES}')) as t ("eventType")
)`

/**
 * `$1` the limit. The rows are written in the order of their key, so two processes that merge at once can't deadlock.
 */
const mergeDeliveryMetrics: Statement = {
  name: 'merge-delivery-metrics',
  text: `
    with taken as materialized (
      delete from "deliveryMetricsDeltas"
      where id = any (array(select id from "deliveryMetricsDeltas" order by id limit $1 for update skip locked))
      returning *
    ), attempted as (
      select minute, "subscriptionId", "eventType", sum(sent) as sent, sum(failed) as failed, sum(dead) as dead
      from taken group by 1, 2, 3
    ), measured as (
      -- Counted before they are spread: there are few buckets, and thousands of response times.
      select minute, "subscriptionId", "eventType", ${sqlLatencyBucket('ms')} as bucket, count(*) as count
      from taken cross join unnest("responseTimesMs") as ms
      group by 1, 2, 3, 4
    ), attempts as (
      select ${KEY}, sum(sent) as sent, sum(failed) as failed, sum(dead) as dead
      from ${sqlSpread('attempted', 'sent, failed, dead')} as spread group by ${KEY}
    ), latencies as (
      select ${KEY}, array_agg(bucket order by bucket) as buckets, array_agg(count order by bucket) as counts
      from (
        select ${KEY}, bucket, sum(count)::bigint as count
        from ${sqlSpread('measured', 'bucket, count')} as spread group by ${KEY}, bucket
      ) as histogram
      group by ${KEY}
    ), merged as (
      insert into "deliveryMetrics" as m (${KEY}, sent, failed, dead, "latencyBuckets", "latencyCounts")
      select ${KEY}, sent, failed, dead, buckets, counts from attempts join latencies using (${KEY})
      order by ${KEY}
      on conflict (${KEY}) do update set
        sent = m.sent + excluded.sent, failed = m.failed + excluded.failed, dead = m.dead + excluded.dead,
        ("latencyBuckets", "latencyCounts") = (
          select array_agg(bucket order by bucket), array_agg(count order by bucket)
          from (
            select bucket, sum(count)::bigint as count
            from (
              select * from unnest(m."latencyBuckets", m."latencyCounts")
              union all
              select * from unnest(excluded."latencyBuckets", excluded."latencyCounts")
            ) as histograms (bucket, count)
            group by bucket
          ) as histogram
        )
    )
    select count(*)::int as merged from taken`,
}

interface MergeDeliveryMetricsRow {
  merged: number
}

const MERGED_AT_ONCE = 1000

/** @returns whether there may be more */
export async function mergeMetricsDeltas(database: Database): Promise<boolean> {
  const [row] = await database.query<MergeDeliveryMetricsRow>(mergeDeliveryMetrics, [MERGED_AT_ONCE])
  return row?.merged === MERGED_AT_ONCE
}
