/** The judge's look into the tables: whether what they say fits together, whoever wrote it. */
import { ALL_SUBSCRIPTIONS, ALL_TYPES } from '../../src/delivery-metrics/merge.js'
import type { Find } from './findings.js'
import type { BreakablePostgres } from './postgres.js'
import { MAX_ATTEMPTS } from './world.js'

type Tables = Pick<BreakablePostgres, 'query'>

/** How much is still under way. All zero once everything has settled. */
export interface Open {
  outbox: number
  deliveries: number
  leases: number
}

export async function countOpen(postgres: Tables): Promise<Open> {
  const [row] = await postgres.query<Open>(`
    select (select count(*)::int from outbox) as outbox,
           (select count(*)::int from deliveries where status in ('PENDING', 'FAILED')) as deliveries,
           (select count(*)::int from deliveries where "queuedUntil" is not null) as leases`)
  return row as Open
}

interface Check {
  promise: 'stuck' | 'status' | 'logs'
  /** Gives a row of `id` and `detail` for each thing that is wrong. */
  text: string
}

const checks: Check[] = [
  { promise: 'stuck', text: `select "eventId" as id, 'still in the outbox' as detail from outbox` },
  {
    promise: 'stuck',
    text: `
      select id, concat('delivery still ', status, ', due ', "nextRunAt", ', leased until ', "queuedUntil") as detail
      from deliveries where status in ('PENDING', 'FAILED') or "queuedUntil" is not null`,
  },
  {
    promise: 'status',
    text: `
      with counted as (
        select "eventId" as id, count(*)::int as total,
               (count(*) filter (where status = 'SENT'))::int as sent,
               (count(*) filter (where status = 'DEAD'))::int as dead
        from deliveries group by 1
      ), seen as (
        select e.id, e.status, e."deliveryCount", e."sentCount", e."deadCount",
               coalesce(total, 0) as total, coalesce(sent, 0) as sent, coalesce(dead, 0) as dead
        from events e left join counted using (id)
      )
      select id, concat(status, ' with ', "sentCount", ' sent, ', "deadCount", ' dead of ', "deliveryCount",
                        '; its deliveries: ', sent, ' sent, ', dead, ' dead of ', total) as detail
      from seen
      where ("deliveryCount", "sentCount", "deadCount") is distinct from (total, sent, dead)
         or status::text <> case
              when total = 0 and status = 'PENDING' then 'PENDING'
              when total = 0 then 'UNMATCHED'
              when sent + dead < total then 'PROCESSING'
              when dead = 0 then 'DELIVERED'
              when sent = 0 then 'DEAD'
              else 'PARTIALLY_DELIVERED'
            end`,
  },
  {
    promise: 'logs',
    text: `
      with told as (
        select "deliveryId" as id, count(*)::int as logs, min(attempt) as first, max(attempt) as last,
               (array_agg(status::text order by attempt desc))[1] as "lastStatus",
               (array_agg("statusCode" order by attempt desc))[1] as "lastAnswer",
               count(*) filter (where (status = 'SENT') is distinct from (coalesce("statusCode", 0) between 200 and 299))
                 as "misjudged",
               count(*) filter (where status <> 'FAILED') as "final"
        from "deliveryLogs" group by 1
      )
      select d.id, concat(d.status, ' after ', d.attempts, ' attempts; logs: ', coalesce(logs, 0), ', from ', first,
                          ' to ', last, ', the last ', "lastStatus", ' ', "lastAnswer") as detail
      from deliveries d left join told using (id) join events e on e.id = d."eventId"
      join subscriptions s on s.id = d."subscriptionId"
      cross join lateral (
        select case when e."isTest" then 1
                    else coalesce((s."retryPolicy"->>'maxAttempts')::int, ${MAX_ATTEMPTS}) end as "most"
      ) as allowed
      where d.attempts <> coalesce(logs, 0)
         or (d.attempts > 0 and (first, last) is distinct from (1, d.attempts))
         or (d.status <> 'PENDING' and d.status::text is distinct from "lastStatus")
         or d."lastStatusCode" is distinct from "lastAnswer"
         or misjudged > 0
         or final > 1
         or (d.status = 'DEAD' and d.attempts <> most)
         or d.attempts > most`,
  },
]

export async function checkTables(postgres: Tables, find: Find): Promise<void> {
  for (const { promise, text } of checks) {
    const rows = await postgres.query<{ id: string; detail: string }>(text)
    for (const { id, detail } of rows) find(promise, id, detail)
  }
}

/** `GET /v1/stats` against what it stands for, counted. */
export async function checkStats(postgres: Tables, stats: Record<string, number>, find: Find): Promise<void> {
  const [counted = {}] = await postgres.query<Record<string, number>>(`
    select (select count(*)::int from events) as "eventsTotal",
           count(*)::int as "deliveriesTotal",
           (count(*) filter (where status = 'PENDING'))::int as "deliveriesPending",
           (count(*) filter (where status = 'SENT'))::int as "deliveriesSent",
           (count(*) filter (where status = 'FAILED'))::int as "deliveriesFailed",
           (count(*) filter (where status = 'DEAD'))::int as "deliveriesDead"
    from deliveries`)
  for (const [name, count] of Object.entries(counted)) {
    if (stats[name] !== count) find('stats', name, `says ${stats[name]}, there are ${count}`)
  }
}

/** The metrics of deliveries, whether they were merged or still wait for it, against the logs. */
export async function checkMetrics(postgres: Tables, find: Find): Promise<void> {
  const rows = await postgres.query<{ status: string; measured: number; logged: number }>(`
    with measured as (
      select sent, failed, dead from "deliveryMetrics" where "interval" = 'HOUR' and "subscriptionId" = '${ALL_SUBSCRIPTIONS}' and "eventType" = '${ALL_TYPES}'
      union all
      select sent, failed, dead from "deliveryMetricsDeltas"
    )
    select status, (select sum(case status when 'SENT' then sent when 'FAILED' then failed else dead end) from measured)::int
                     as measured,
           count(*)::int as logged
    from "deliveryLogs" group by status`)
  for (const { status, measured, logged } of rows)
    if (measured !== logged) find('stats', `metrics of ${status}`, `say ${measured}, there are ${logged}`)
}

/** Deliveries of these events in whose logs an attempt got no answer. */
export function exchangesWithoutAnswer(postgres: Tables, eventIds: string[]) {
  return postgres.query<{ eventId: string; subscriptionId: string }>(
    `select d."eventId", d."subscriptionId" from deliveries d
     where d."eventId" = any($1)
       and exists (select from "deliveryLogs" l where l."deliveryId" = d.id and l."statusCode" is null)`,
    [eventIds],
  )
}

/** The deliveries of events with an ordering key that have come to their end. */
export function endsOfOrdered(postgres: Tables) {
  return postgres.query<{ eventId: string; subscriptionId: string; status: 'SENT' | 'DEAD' }>(
    `select d."eventId", d."subscriptionId", d.status::text
     from events e join deliveries d on d."eventId" = e.id
     where e."orderingKey" is not null and d.status in ('SENT', 'DEAD')`,
  )
}

/** An event as the tables have it. */
export interface StoredEvent {
  id: string
  number: number
  type: string
  status: string
  idempotencyKey: string | null
  /** Status by subscription. */
  deliveries: Record<string, 'PENDING' | 'SENT' | 'FAILED' | 'DEAD'>
}

const PAGE = 5000

export async function* storedEvents(postgres: Tables): AsyncGenerator<StoredEvent> {
  let after = '00000000-0000-0000-0000-000000000000'
  for (;;) {
    const page = await postgres.query<StoredEvent>(
      `select e.id, (e.data->>'number')::int as number, e.type, e.status::text, e."idempotencyKey",
              (select coalesce(json_object_agg(d."subscriptionId", d.status), '{}')
               from deliveries d where d."eventId" = e.id) as deliveries
       from events e where e.id > $1 order by e.id limit ${PAGE}`,
      [after],
    )
    yield* page
    if (page.length < PAGE) return
    after = page.at(-1)?.id as string
  }
}
