/**
 * Operational events: what the service publishes about itself. The statement that makes a change also stores the event
 * that reports it and an entry of the outbox, so both are committed or neither is, and a statement that is repeated
 * reports nothing, because it changes nothing. From the outbox on it is an event like any other.
 *
 * Only what a subscription asks for by name or pattern is stored. A change that an operational event brings about is
 * not reported: see docs/decisions/0053-operational-events.md.
 */
import { sqlNow } from '../platform/postgres/sql-now.js'
import { OPERATIONAL_PREFIX, patternsOf } from './event-type.js'
import type { RowKind } from './row-kinds.js'

export const operationalTypes = [
  'service.delivery.dead',
  'service.endpoint.failing',
  'service.endpoint.recovered',
  'service.replay.finished',
  'service.subscription.disabled',
] as const
export type OperationalType = (typeof operationalTypes)[number]

/** SQL: whether the type is that of an operational event. */
export const sqlIsOperational = (type: string): string => `starts_with(${type}, '${OPERATIONAL_PREFIX}')`

/** SQL: a time as REST and GraphQL show it. */
export const sqlIsoTime = (time: string): string =>
  `to_char(${time} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`

const sqlArray = (texts: readonly string[]): string => `'{${texts.join(',')}}'::text[]`

/** Of all types: the condition of the index `subscriptions_operational_idx`, word for word. */
const allPatterns = [...new Set(operationalTypes.flatMap(patternsOf))].toSorted()
export const sqlWantsAny = (s: string): string =>
  `${s}."isEnabled" and ${s}."eventTypes" && ${sqlArray(allPatterns)}`

/** A report: what has happened to a subscription, or to what belongs to one. */
export interface Report {
  type: OperationalType
  /** SQL: a table or a part of a `with`, with its alias, and what follows `from`: a row for each report. */
  from: string
  /** SQL: of the subscription that it is about. */
  tenant: string
  /** SQL: the members of `data`, each with its name. */
  data: Readonly<Record<string, string>>
  /** SQL: a subscription that can't get it, because it is disabled by the same statement. */
  exceptFor?: string
}

const sqlReport = ({ type, from, tenant, data, exceptFor = 'null' }: Report): string => `
  select '${type}' as type, ${sqlArray(patternsOf(type))} as patterns, ${tenant} as tenant, ${exceptFor}::uuid as "exceptFor",
         ${sqlObject(data)} as data
  from ${from}`

/** SQL: a JSON object, with its members in this order. */
export const sqlObject = (members: Readonly<Record<string, string>>): string => {
  const columns = Object.entries(members).map(([name, value]) => `${value} as "${name}"`)
  return `(select row_to_json(o) from (select ${columns.join(', ')}) as o)`
}

/** SQL: the subscriptions that want the report `r`, of those that fit `condition`. */
const sqlWanting = (condition: string): string => `
  select from subscriptions s
  where ${sqlWantsAny('s')} and s."eventTypes" && r.patterns and ${condition} and s.id is distinct from r."exceptFor"`

/** SQL: parts of a `with` that publish reports; `reported` has the events that were stored. */
export const sqlReportParts = (...reports: Report[]): string => `
  reports as (${reports.map(sqlReport).join('\n  union all\n')}
  ), reported as (
    insert into events (id, type, tenant, data, "createdAt")
    select uuid_v7(), r.type, r.tenant, r.data, ${sqlNow}
    -- A look-up for each report, and none where there is no report.
    from reports r cross join lateral (
      ${sqlWanting('s.tenant is null')}
      union all
      ${sqlWanting('s.tenant = r.tenant')}
      limit 1
    ) as wanting
    returning id
  ), "reportedOutbox" as (
    insert into outbox ("eventId") select id from reported
  ), "reportedTallies" as (
    insert into tallies (events, accepted) select count(*), count(*) from reported having count(*) > 0
  )`

/** The row of a statement with `sqlReportParts` that says how many events it has put into the outbox, if any. */
export const reportedRowKind = {
  columns: { reported: 'int' },
  from: '(select count(*)::int as reported from reported having count(*) > 0) as reported',
} satisfies RowKind

export interface ReportedRow {
  kind: 'reported'
  reported: number
}

/** A delivery that has become DEAD. `d` is its row or snapshot, `eventType` SQL for the type of its event. */
export const deliveryDead = (d: string, eventType: string, from: string): Report => ({
  type: 'service.delivery.dead',
  from: `${from} where ${d}.status = 'DEAD' and not ${sqlIsOperational(eventType)}`,
  tenant: `${d}.tenant`,
  data: {
    ...{ deliveryId: `${d}.id`, eventId: `${d}."eventId"`, eventType },
    ...{ subscriptionId: `${d}."subscriptionId"`, tenant: `${d}.tenant`, attempts: `${d}.attempts` },
    ...{ lastError: `${d}."lastError"`, lastStatusCode: `${d}."lastStatusCode"` },
  },
})

/** A subscription `s` that was disabled. */
export const subscriptionDisabled = (s: string, from: string): Report => ({
  type: 'service.subscription.disabled',
  from,
  tenant: `${s}.tenant`,
  data: {
    ...{ subscriptionId: `${s}.id`, tenant: `${s}.tenant` },
    ...{ disabledReason: `${s}."disabledReason"`, disabledAt: sqlIsoTime(`${s}."disabledAt"`) },
  },
  exceptFor: `${s}.id`,
})
