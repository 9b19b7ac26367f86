import { sqlNow } from '../platform/postgres/sql-now.js'

/**
 * The body of a `with` part that records attempts for the metrics of deliveries, in the commit that records them.
 * Each commit adds rows of its own, so no commit waits for another; `merge.ts` adds them up.
 *
 * @param attempts a query or a part with a row for each attempt: "subscriptionId", "eventType", status,
 * "responseTimeMs"
 */
export const sqlMetricsDeltas = (attempts: string): string => `
  insert into "deliveryMetricsDeltas" (minute, "subscriptionId", "eventType", sent, failed, dead, "responseTimesMs")
  select date_trunc('minute', ${sqlNow}), "subscriptionId", "eventType", count(*) filter (where status = 'SENT'),
         count(*) filter (where status = 'FAILED'), count(*) filter (where status = 'DEAD'), array_agg("responseTimeMs")
  from ${attempts}
  group by "subscriptionId", "eventType"`
