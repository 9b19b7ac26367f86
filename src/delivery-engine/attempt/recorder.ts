/**
 * The recorder: writes the results of attempts, many in one statement: the delivery's new status, its log, the
 * event's counts and status, the metrics, the health of the endpoint. It also disables a subscription whose endpoint
 * answered 410, or has failed for too long, and reports what has gone wrong in operational events.
 *
 * A result counts only for the attempt that the delivery waits for. When the lease expired and another worker
 * recorded that attempt first, the late result changes nothing.
 */

import { sqlMetricsDeltas } from '../../delivery-metrics/record.js'
import type { DeliveryStatus } from '../../generated/prisma/enums.js'
import { type BreakerBounds, breakerBounds } from '../../model/breaker.js'
import { sqlAttemptDeltas, sqlOpenStatus } from '../../model/counter-deltas.js'
import {
  finalEventStates,
  finalStates,
  sqlEventStatus,
  sqlIsOpen,
  sqlStates,
} from '../../model/delivery-states.js'
import {
  deliveryDead,
  type ReportedRow,
  reportedRowKind,
  sqlReportParts,
  subscriptionDisabled,
} from '../../model/operational-event.js'
import { sqlRowsOfKinds } from '../../model/row-kinds.js'
import { createBatcher } from '../../platform/batcher.js'
import type { Database, Statement } from '../../platform/postgres/database.js'
import { isConflictOfTransactions } from '../../platform/postgres/database-errors.js'
import { sqlNow } from '../../platform/postgres/sql-now.js'
import { announceChanges, announceReported } from '../../telemetry/changes.js'
import type { ServiceEvents } from '../../telemetry/service-events.js'
import type { AttemptColumns } from './attempt-columns.js'
import {
  breakerParameters,
  type EndpointRow,
  endpointFailing,
  endpointRowKind,
  sqlHealthParts,
} from './endpoint-health.js'
import type { DeliverySubject } from './loader.js'
import type { AttemptOutcome } from './outcome.js'
import { type FinishedEvent, type RecordedAttempts, recordedChanges } from './recorded-changes.js'

export interface AttemptResult {
  deliveryId: string
  /** The event and the subscription of the delivery. */
  subject: DeliverySubject
  /** The version of the subscription's endpoint that was called; null where a consumer took the delivery. */
  endpointVersion: number | null
  /** The number of the attempt, from 1, over all budgets. */
  attempt: number
  /** Attempts before the current budget: the outcome was decided for this budget. */
  budgetFrom: number
  outcome: AttemptOutcome
  statusCode: number | null
  responseTimeMs: number
  /** What the log keeps of the exchange. */
  columns: AttemptColumns
}

export interface Recorded {
  status: DeliveryStatus
  nextRunAt: Date | null
  /** Present while the breaker of its endpoint is not closed. */
  endpoint?: Pick<EndpointRow, 'probeInMs' | 'isProbe'> | undefined
}

export interface Recorder {
  /** `undefined` when the result did not count. @throws DatabaseUnavailableError */
  record(result: AttemptResult): Promise<Recorded | undefined>
  idle(): Promise<void>
}

/** What a statement with failed attempts has beside the others, so that a success costs nothing more. */
const reporting = {
  changed: ', d.tenant',
  disabled: `
      returning s.id, s.tenant, s."disabledReason", s."disabledAt"`,
  reports: `, ${sqlReportParts(
    deliveryDead('c', 'c."eventType"', 'changed c'),
    subscriptionDisabled('s', 'disabled s'),
    endpointFailing('changed'),
  )}`,
}
const notReporting: typeof reporting = { changed: '', disabled: '', reports: '' }

const sent = 'e."sentCount" + locked.sent'
const dead = 'e."deadCount" + locked.dead'

/** @param isReporting whether operational events report what has gone wrong, for which an attempt must have failed */
const recordText = (isReporting: boolean): string => {
  const further = isReporting ? reporting : notReporting
  return `
    with result as (
      select * from unnest(
        $1::uuid[], $2::int[], $3::int[], $4::"DeliveryStatus"[], $5::int[], $6::text[], $7::int[], $8::float8[], $9::bool[],
        $10::int[], $11::text[], $12::text[], $13::text[], $14::bytea[]
      ) with ordinality as r (id, attempt, "budgetFrom", status, "statusCode", error, "responseTimeMs", "delayMs", "isGone",
              "endpointVersion", "eventType", connection, headers, "responseBody", place)
    ), changed as (
      update deliveries d
      set status = r.status,
          attempts = r.attempt,
          "nextRunAt" = ${sqlNow} + r."delayMs" * interval '1 millisecond',
          "queuedUntil" = null,
          "lastError" = r.error,
          "lastStatusCode" = r."statusCode",
          "updatedAt" = ${sqlNow}
      from result r
      where d.id = r.id and d.attempts = r.attempt - 1 and d."budgetFrom" = r."budgetFrom"
        -- One that was cancelled and retried meanwhile may wait in line: a late failure must not take it out of that.
        and ${sqlIsOpen('d')} and d."nextRunAt" is not null
      returning d.id, d."eventId", d."subscriptionId", d.status, d.attempts, d."lastStatusCode", d."lastError",
                d."nextRunAt", r."responseTimeMs", r."isGone", r."endpointVersion", r."eventType",
                r.connection, r.headers, r."responseBody", r.place,
                ${sqlOpenStatus('r.attempt - 1', 'r."budgetFrom"')} as before${further.changed}
    ), logged as (
      insert into "deliveryLogs" ("deliveryId", attempt, status, "statusCode", error, "responseTimeMs", connection, headers, "responseBody")
      select id, attempts, status, "lastStatusCode", "lastError", "responseTimeMs", connection, headers, "responseBody"
      from changed
    ), deltas as (
      ${sqlAttemptDeltas('select before, status as after from changed')}
    ), measured as (
      ${sqlMetricsDeltas('changed')}
    ), ended as (
      select "eventId",
             (count(*) filter (where status = 'SENT'))::int as sent,
             (count(*) filter (where status = 'DEAD'))::int as dead
      from changed where status in (${sqlStates(finalStates)})
      group by "eventId" order by "eventId"
    ), locked as (
      -- Always in the order of the ids, so that two recorders can't deadlock.
      select ended.* from ended
      cross join lateral (select from events where id = ended."eventId" for no key update) as event
    ), counted as (
      update events e
      set "sentCount" = ${sent}, "deadCount" = ${dead},
          status = ${sqlEventStatus('e."deliveryCount"', `(${sent})`, `(${dead})`)},
          "updatedAt" = ${sqlNow}
      from locked where e.id = locked."eventId"
      returning e.id, e.status, e."deliveryCount", e."sentCount", e."deadCount"
    ), ${sqlHealthParts('changed', ['$15', '$16', '$17', '$18', '$19', '$20'], isReporting)}, given_up as (
      select distinct on ("subscriptionId", "endpointVersion") * from (
        select "subscriptionId", "endpointVersion", 'GONE'::"DisabledReason" as reason from changed where "isGone"
        union all
        select "subscriptionId", "endpointVersion", 'FAILING' from moved
        where "failedLast" > 0 and "failingSince" <= now() - $21::float8 * interval '1 millisecond'
      ) as reasons
      order by "subscriptionId", "endpointVersion", reason
    ), disabled as (
      update subscriptions s
      set "isEnabled" = false, "disabledReason" = g.reason, "disabledAt" = ${sqlNow}, "updatedAt" = ${sqlNow}
      from given_up g
      -- An answer counts only for the version that gave it: the endpoint may have been changed or enabled since.
      where s.id = g."subscriptionId" and s."endpointVersion" = g."endpointVersion" and s."isEnabled"${further.disabled}
    )${further.reports}
    ${sqlRowsOfKinds({
      delivery: { columns: { id: 'uuid', nextRunAt: 'timestamptz' }, from: 'changed' },
      event: {
        columns: { id: 'uuid', status: 'text', deliveryCount: 'int', sentCount: 'int', deadCount: 'int' },
        from: `(select * from counted where status in (${sqlStates(finalEventStates)})) as finished`,
      },
      endpoint: endpointRowKind,
      ...(isReporting && { reported: reportedRowKind }),
      moment: { columns: { at: 'timestamptz' }, from: `(select ${sqlNow} as at) as moment` },
    })}`
}

/** Of attempts that have all succeeded: most of them. */
export const recordAttempts: Statement = { name: 'record-attempts', text: recordText(false) }
const recordFailures: Statement = { name: 'record-failed-attempts', text: recordText(true) }

type RecordAttemptsRow =
  | { kind: 'delivery'; id: string; nextRunAt: Date | null }
  | ({ kind: 'event' } & FinishedEvent)
  | EndpointRow
  | ReportedRow
  | { kind: 'moment'; at: Date }

const MAX_BATCH = 200
/** One commit waits for the disk while the next one is prepared. */
const COMMITS_UNDER_WAY = 2
/** No request waits for a record, so commits may be few and large. */
const REST_MS = 20

export interface RecorderOptions {
  breaker?: BreakerBounds | undefined
  /** How long an endpoint may fail without a success before its subscription is disabled; without it, for ever. */
  disableAfterMs?: number | undefined
}

export function createRecorder(
  database: Database,
  serviceEvents: ServiceEvents,
  { breaker = breakerBounds, disableAfterMs }: RecorderOptions = {},
): Recorder {
  const batcher = createBatcher<AttemptResult, Recorded | undefined>({
    maxSize: MAX_BATCH,
    maxConcurrent: COMMITS_UNDER_WAY,
    restMs: REST_MS,
    isItemsFault: isConflictOfTransactions,
    async run(results) {
      const isAllSent = results.every(({ outcome }) => outcome.status === 'SENT')
      const statement = isAllSent ? recordAttempts : recordFailures
      const rows = await database.query<RecordAttemptsRow>(statement, [
        results.map(({ deliveryId }) => deliveryId),
        results.map(({ attempt }) => attempt),
        results.map(({ budgetFrom }) => budgetFrom),
        results.map(({ outcome }) => outcome.status),
        results.map(({ statusCode }) => statusCode),
        results.map(({ outcome }) => outcome.error),
        results.map(({ responseTimeMs }) => responseTimeMs),
        results.map(({ outcome }) => outcome.delayMs),
        results.map(({ outcome }) => outcome.isGone),
        results.map(({ endpointVersion }) => endpointVersion),
        results.map(({ subject }) => subject.event.type),
        results.map(({ columns }) => columns.connection),
        results.map(({ columns }) => columns.headers),
        results.map(({ columns }) => columns.responseBody),
        ...breakerParameters(breaker),
        disableAfterMs ?? null,
      ])
      const attempts = toRecordedAttempts(results, rows)
      announceChanges(serviceEvents, recordedChanges(attempts))
      announceReported(serviceEvents, rows)
      const recorded = new Map(attempts.recorded.map(({ result, nextRunAt }) => [result, nextRunAt]))
      const endpoints = new Map(rows.flatMap((row) => (row.kind === 'endpoint' ? [[row.id, row]] : [])))
      return results.map((result) => {
        const nextRunAt = recorded.get(result)
        if (nextRunAt === undefined) return undefined
        const endpoint = endpoints.get(result.subject.subscriptionId)
        return { status: result.outcome.status, nextRunAt, endpoint }
      })
    },
  })
  return { record: (result) => batcher.add(result), idle: () => batcher.idle() }
}

function toRecordedAttempts(results: AttemptResult[], rows: RecordAttemptsRow[]): RecordedAttempts {
  const attempts: RecordedAttempts = { recorded: [], finishedEvents: [], at: new Date(0) }
  const nextRuns = new Map<string, Date | null>()
  for (const row of rows) {
    if (row.kind === 'delivery') nextRuns.set(row.id, row.nextRunAt)
    else if (row.kind === 'event') attempts.finishedEvents.push(row)
    else if (row.kind === 'moment') attempts.at = row.at
  }
  for (const result of results) {
    const nextRunAt = nextRuns.get(result.deliveryId)
    if (nextRunAt !== undefined) attempts.recorded.push({ result, nextRunAt })
  }
  return attempts
}
