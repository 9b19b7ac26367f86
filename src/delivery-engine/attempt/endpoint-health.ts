/**
 * What recorded attempts say about the health of their endpoints: parts of the recorder's statement. They count
 * failures in a row, and move the breaker: see `src/model/breaker.ts`.
 *
 * An endpoint that is healthy costs a look-up. Its row is written every ten seconds.
 */
import type { BreakerBounds } from '../../model/breaker.js'
import { type Report, sqlIsOperational, sqlIsoTime, sqlObject } from '../../model/operational-event.js'
import { sqlNow } from '../../platform/postgres/sql-now.js'

/** How old `lastSuccessAt` of a healthy endpoint may become. */
const SUCCESS_NOTED_EVERY = `interval '10 seconds'`
/** Of doubled waits, so that their number stays small. */
const MAX_PAUSES = 30
const MAX_JITTER = 0.2

/** Parameters of the statement, see `sqlHealthParts`. */
export const breakerParameters = (bounds: BreakerBounds): number[] => [
  bounds.pauseAfterFailures,
  bounds.pauseAfterMs,
  bounds.probeWaitMs,
  bounds.maxProbeWaitMs,
  bounds.fullPace,
  bounds.pauseAgainAfterFailures,
]

/** An endpoint whose breaker is not closed, or was not before. */
export interface EndpointRow {
  kind: 'endpoint'
  /** Of its subscription. */
  id: string
  /** Time until the next probe; null when it is not paused. */
  probeInMs: number | null
  /** Whether the attempt was a probe. */
  isProbe: boolean
}

/** The rows of `EndpointRow`. */
export const endpointRowKind = {
  columns: { id: 'uuid', probeInMs: 'float8', isProbe: 'bool' },
  from: `(
    select "subscriptionId" as id, extract(epoch from "probeAt" - now()) * 1000 as "probeInMs", "isProbe"
    from moved where "isRecovering" or "probeAt" is not null
  ) as endpoint`,
} as const

/** Of the endpoints that these attempts pause. @param attempts as of `sqlHealthParts`, with columns of deliveries */
export const endpointFailing = (attempts: string): Report => ({
  type: 'service.endpoint.failing',
  from: `(select * from moved where "isReported") as m
    cross join lateral (select tenant from subscriptions where id = m."subscriptionId" limit 1) as s
    cross join lateral (
      select "lastError", "lastStatusCode" from ${attempts} a
      where a."subscriptionId" = m."subscriptionId" and status <> 'SENT' order by place desc limit 1
    ) as failure`,
  tenant: 's.tenant',
  data: {
    ...{ subscriptionId: 'm."subscriptionId"', tenant: 's.tenant' },
    health: sqlObject({
      ...{ state: `'PAUSED'`, consecutiveFailures: 'm."consecutiveFailures"' },
      failingSince: sqlIsoTime('m."failingSince"'),
      lastSuccessAt: sqlIsoTime(`case when m.sent > 0 then ${sqlNow} else m."lastSuccessAt" end`),
      lastFailureAt: sqlIsoTime(sqlNow),
    }),
    ...{ lastError: 'failure."lastError"', lastStatusCode: 'failure."lastStatusCode"' },
  },
})

/**
 * What a statement with failed attempts has beside the others. Each report takes a failed delivery of an event that is
 * none itself, so reports can't bring about reports.
 */
const reporting = {
  attempted: `, status <> 'SENT' and not ${sqlIsOperational('"eventType"')} as "isOrdinaryFailure"`,
  seen: `, bool_or("isOrdinaryFailure") as "hasOrdinaryFailure"`,
  known: `, h."reportedFailingSince"`,
  moved: `, move in ('pause', 'stay') and "reportedFailingSince" is null and "hasOrdinaryFailure" as "isReported"`,
  kept: `, "reportedFailingSince" = case when m."isReported" then m."failingSince" else h."reportedFailingSince" end`,
}
const notReporting: typeof reporting = { attempted: '', seen: '', known: '', moved: '', kept: '' }

const sqlWait = (pauses: string, wait: string, maxWait: string): string => `
  least(${wait} * 2 ^ (${pauses} - 1), ${maxWait}) * (1 + ${MAX_JITTER} * random()) * interval '1 millisecond'`

/**
 * SQL: parts of a `with`. `moved` has a row for each endpoint of which something is to be written: how it is now.
 *
 * @param attempts a part with a row for each attempt: "subscriptionId", "endpointVersion", "eventType", status, and its
 * `place`
 * @param parameters the names of the parameters of `breakerParameters`
 * @param isReporting whether `endpointFailing` is used
 */
export function sqlHealthParts(
  attempts: string,
  parameters: readonly string[],
  isReporting: boolean,
): string {
  const further = isReporting ? reporting : notReporting
  const [pauseAfterFailures, pauseAfterMs, probeWait, maxProbeWait, fullPace, pauseAgainAfterFailures] =
    parameters.map((name) => `${name}::float8`)
  return `
    attempted as (
      select "subscriptionId", "endpointVersion", status = 'SENT' as "isSent", place,
             max(place) filter (where status = 'SENT') over (partition by "subscriptionId", "endpointVersion") as "lastSent"${further.attempted}
      -- A consumer that takes its deliveries is no endpoint.
      from ${attempts} where "endpointVersion" is not null
    ), seen as (
      -- Of each endpoint the newest version that was called.
      select distinct on ("subscriptionId") "subscriptionId", "endpointVersion",
             count(*) filter (where "isSent")::int as sent, count(*) filter (where not "isSent")::int as failed,
             count(*) filter (where place > coalesce("lastSent", 0))::int as "failedLast"${further.seen}
      from attempted group by 1, 2 order by 1, 2 desc
    ), noted as materialized (
      select seen.*, known."subscriptionId" is null as "isNew"
      from seen left join lateral (
        select * from "endpointHealth" h where h."subscriptionId" = seen."subscriptionId" limit 1
      ) as known on true
      where failed > 0 or known."subscriptionId" is null or known."endpointVersion" <> seen."endpointVersion"
        or known."consecutiveFailures" > 0 or known."probeAt" is not null or known.pace is not null
        or known."lastSuccessAt" < now() - ${SUCCESS_NOTED_EVERY}
    ), begun as (
      insert into "endpointHealth"
        ("subscriptionId", "endpointVersion", "consecutiveFailures", "failingSince", "lastSuccessAt", "lastFailureAt")
      select "subscriptionId", "endpointVersion", "failedLast", case when "failedLast" > 0 then ${sqlNow} end,
             case when sent > 0 then ${sqlNow} end, case when failed > 0 then ${sqlNow} end
      from noted where "isNew" order by "subscriptionId"
      on conflict do nothing
    ), known as (
      -- As they are at this moment, locked in the order of the ids, so that two recorders can't deadlock.
      select noted.*, h."lastSuccessAt", h."lastFailureAt"${further.known}, own.*
      from (select * from noted where not "isNew" order by "subscriptionId") as noted
      cross join lateral (
        select * from "endpointHealth" h
        where h."subscriptionId" = noted."subscriptionId" and h."endpointVersion" <= noted."endpointVersion"
        for no key update
      ) as h
      cross join lateral (
        -- What is known of another version counts for nothing.
        select case when same then h."consecutiveFailures" else 0 end as failures,
               case when same then h."failingSince" end as since, case when same then h."probeAt" end as "probeBefore",
               case when same then h.pauses else 0 end as "pausesBefore", case when same then h.pace end as "paceBefore"
        from (select h."endpointVersion" = noted."endpointVersion" as same) as version
      ) as own
    ), counted_failures as (
      select *, case when sent = 0 then failures + failed else "failedLast" end as "consecutiveFailures",
             case when sent = 0 then coalesce(since, ${sqlNow}) when "failedLast" > 0 then ${sqlNow} end as "failingSince"
      from known
    ), judged as (
      select *, case
        -- Of attempts that had begun before the pause, a failure says nothing new.
        when "probeBefore" is not null and "failedLast" = 0 then 'recover'
        when "probeBefore" > now() then 'stay'
        when "probeBefore" is not null then 'pause'
        when "paceBefore" is not null and "consecutiveFailures" >= ${pauseAgainAfterFailures} then 'pause'
        when "paceBefore" is not null then 'adapt'
        when "consecutiveFailures" >= ${pauseAfterFailures}
          and "failingSince" <= now() - ${pauseAfterMs} * interval '1 millisecond' then 'pause'
        else 'close'
      end as move
      from counted_failures
    ), paced_anew as (
      select *, case move when 'recover' then 1
                          when 'adapt' then nullif(least(greatest("paceBefore" + sent - failed, 1), ${fullPace}), ${fullPace}) end
                as pace,
             -- Once it had begun to recover, it is probed as soon as the first time.
             case when move = 'pause' and "paceBefore" > 1 then 1
                  when move = 'pause' then least("pausesBefore" + 1, ${MAX_PAUSES}) else "pausesBefore" end as pauses
      from judged
    ), moved as materialized (
      select *, case move when 'stay' then "probeBefore"
                          when 'pause' then ${sqlNow} + ${sqlWait('pauses', probeWait as string, maxProbeWait as string)} end
                as "probeAt",
             coalesce("probeBefore" <= now(), false) as "isProbe",
             move in ('recover', 'adapt') as "isRecovering"${further.moved}
      from paced_anew
    ), kept as (
      update "endpointHealth" h
      set "endpointVersion" = m."endpointVersion", "consecutiveFailures" = m."consecutiveFailures",
          "failingSince" = m."failingSince", "probeAt" = m."probeAt", pace = m.pace,
          pauses = case when m."probeAt" is null and m.pace is null then 0 else m.pauses end,
          "lastSuccessAt" = case when m.sent > 0 then ${sqlNow} else m."lastSuccessAt" end,
          "lastFailureAt" = case when m.failed > 0 then ${sqlNow} else m."lastFailureAt" end${further.kept}
      from moved m where h."subscriptionId" = m."subscriptionId"
    )`
}
