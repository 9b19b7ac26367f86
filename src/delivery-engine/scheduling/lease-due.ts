/**
 * Leases deliveries that wait in the table and are due: as many for each subscription as it has room for, first
 * attempts before retries, and no faster than its limit of requests a second.
 *
 * The limit is kept by the generic cell rate algorithm (GCRA). A row for each limited subscription says until when
 * its time is spent; whoever leases locks that row, so all processes together keep to the limit.
 */
import { sqlIsWaiting } from '../../model/delivery-states.js'
import { sqlLeaseEnd } from '../../model/lease-end.js'
import { sqlRowsOfKinds } from '../../model/row-kinds.js'
import type { Database, Statement } from '../../platform/postgres/database.js'
import type { LeaseQuotaParameters } from '../fairness/lease-quotas.js'
import { type Lease, sqlRoom, toLease } from './lease.js'

/** What a look at the table has found. */
export interface DueLeases {
  leases: Lease[]
  /** Subscriptions with something due, leased now or not: they may have more when there is room for it. */
  backlogged: Set<string>
  /** Those of them with a limit of requests a second, and after how long their next request may be made. */
  pacedInMs: Map<string, number>
  /** When something becomes due for a subscription that has nothing due yet; null for never. */
  nextDueInMs: number | null
  /** Whether everything was leased that there was room for. */
  isComplete: boolean
}

const SECOND_MS = 1000
const MAX_LEASES_AT_ONCE = 2000

/**
 * The waiting delivery that comes first, of each subscription: a loose index scan, one probe each, however much
 * waits. In the index PENDING comes before FAILED.
 */
const sqlFirstOfEach = `
  (select d."subscriptionId", d.status, d."nextRunAt" from deliveries d where ${sqlIsWaiting('d')}
   order by d."subscriptionId", d.status, d."nextRunAt" limit 1)
  union all
  select next.* from waiting w cross join lateral (
    select d."subscriptionId", d.status, d."nextRunAt" from deliveries d
    where ${sqlIsWaiting('d')} and d."subscriptionId" > w."subscriptionId"
    order by d."subscriptionId", d.status, d."nextRunAt" limit 1
  ) as next`

const sqlFirstOfSome = `
  select asked.id as "subscriptionId", first.* from unnest($5::uuid[]) as asked (id) cross join lateral (
    select d.status, d."nextRunAt" from deliveries d
    where ${sqlIsWaiting('d')} and d."subscriptionId" = asked.id
    order by d.status, d."nextRunAt" limit 1
  ) as first`

const sqlWaitingAs = (status: 'PENDING' | 'FAILED', subscriptionId: string) =>
  `d."subscriptionId" = ${subscriptionId} and d."queuedUntil" is null and d.status = '${status}'`

const sqlDue = (status: 'PENDING' | 'FAILED', limit: string) => `
  (select d.id from deliveries d
   where ${sqlWaitingAs(status, 'r."subscriptionId"')} and d."nextRunAt" <= now()
   order by d."nextRunAt" limit ${limit} for update skip locked)`

/**
 * GCRA: until when a limit is spent. No more than a tenth of a second's requests, and one at least, is saved up. A
 * time that is still to come was written before the clock was set back, and holds nobody up.
 */
const sqlSpentUntil = (rate: string) => `
  greatest(case when l."spentUntil" < now() + interval '1 second' then l."spentUntil" end,
           now() - greatest(0.1, 1 / ${rate}) * interval '1 second')`

/**
 * Retries are leased only while half of the quota is free, so that a new event finds room; while first attempts
 * wait, an eighth of what is leased is retries, so that they come through as well.
 */
const sqlRetries = `
  case when r."hasFirsts" then floor(r.room / 8.0 + random()) else least(r.room, r.free - r.quota / 2) end`

/** `$1`: most leases at once; `$2`, `$3`, `$4`: leaseQuotas; `$5`: subscriptions, where only some are looked at. */
const leaseDueSql = (waiting: string) => `
  with recursive waiting as (${waiting}), enabled as materialized (
    select w."subscriptionId", s."maxRequestsPerSecond"::float8 as rate,
           w.status = 'PENDING' and w."nextRunAt" <= now() as "hasFirsts",
           case when w.status = 'FAILED' or w."nextRunAt" <= now() then w."nextRunAt" else least(w."nextRunAt", (
             select d."nextRunAt" from deliveries d where ${sqlWaitingAs('FAILED', 's.id')}
             order by d."nextRunAt" limit 1
           )) end as "dueAt"
    from waiting w join subscriptions s on s.id = w."subscriptionId" where s."isEnabled"
  ), limited as (
    insert into "rateLimits" ("subscriptionId", "spentUntil")
    select e."subscriptionId", '-infinity' from enabled e
    where e.rate is not null and not exists (select from "rateLimits" l where l."subscriptionId" = e."subscriptionId")
    on conflict do nothing
  ), paced as materialized (
    -- One that another process has locked gets nothing here: its deliveries are being leased by that one.
    select e."subscriptionId", e.rate,
           extract(epoch from now() - ${sqlSpentUntil('e.rate')})::float8 * e.rate as credit
    from enabled e join "rateLimits" l on l."subscriptionId" = e."subscriptionId"
    where e.rate is not null and e."dueAt" <= now()
    for update of l skip locked
  ), free as materialized (
    select e."subscriptionId", e.rate, e."hasFirsts", own.quota,
           case when e.rate is not null then coalesce(p.credit, 0) end as credit,
           ${sqlRoom('e."subscriptionId"', 'own.quota')} as free
    from enabled e
    left join paced p using ("subscriptionId")
    left join unnest($2::uuid[], $3::int[]) as a ("subscriptionId", quota) using ("subscriptionId")
    cross join lateral (select coalesce(a.quota, $4) as quota) as own
    where e."dueAt" <= now()
  ), rooms as materialized (
    select *, greatest(0, least(free, floor(credit + 1e-6)::int)) as room from free
  ), due as materialized (
    select picked.id, r."subscriptionId" from rooms r cross join lateral (
      select * from (
        select * from ${sqlDue('FAILED', `greatest(0, ${sqlRetries})`)} as retry
        union all
        select * from ${sqlDue('PENDING', 'r.room')} as first
      ) as candidate
      limit r.room
    ) as picked
    where r.room > 0
    limit $1
  ), spent as (
    update "rateLimits" l
    set "spentUntil" = ${sqlSpentUntil('taken.rate')} + taken.count / taken.rate * interval '1 second'
    from (select "subscriptionId", rate, count(*) as count from due join paced using ("subscriptionId")
          group by "subscriptionId", rate) as taken
    where l."subscriptionId" = taken."subscriptionId"
  ), leased as (
    update deliveries d set "queuedUntil" = ${sqlLeaseEnd}
    from due where d.id = due.id
    returning d.id as "deliveryId", d."subscriptionId", d."queuedUntil", d.status = 'FAILED' as "isRetry"
  )
  ${sqlRowsOfKinds({
    due: {
      columns: {
        ...{ subscriptionId: 'uuid', rate: 'float8', credit: 'float8' },
        ...{ deliveryId: 'uuid', queuedUntil: 'timestamptz', isRetry: 'bool' },
      },
      from: '(select * from rooms left join leased using ("subscriptionId")) as due_subscription',
    },
    later: {
      columns: { nextDueInMs: 'float8' },
      from: `(
        select extract(epoch from min("dueAt") - now()) * 1000 as "nextDueInMs" from enabled where "dueAt" > now()
      ) as later`,
    },
  })}`

const leaseDueOfAll: Statement = { name: 'lease-due-of-all', text: leaseDueSql(sqlFirstOfEach) }
const leaseDueOfSome: Statement = { name: 'lease-due-of-some', text: leaseDueSql(sqlFirstOfSome) }

type LeaseDueRow = DueRow | { kind: 'later'; nextDueInMs: number | null }

/** A subscription with something due, and one of the deliveries leased for it, or none. */
interface DueRow {
  kind: 'due'
  subscriptionId: string
  /** Requests a second; null for no limit. */
  rate: number | null
  /** How many of them were due, before any of these leases. */
  credit: number | null
  deliveryId: string | null
  queuedUntil: Date
  isRetry: boolean
}

/** Looks at every subscription that has something waiting. */
export async function leaseDue(database: Database, leaseQuotas: LeaseQuotaParameters): Promise<DueLeases> {
  return toDueLeases(await database.query<LeaseDueRow>(leaseDueOfAll, [MAX_LEASES_AT_ONCE, ...leaseQuotas]))
}

/** Looks at these subscriptions only. */
export async function leaseDueOf(
  database: Database,
  leaseQuotas: LeaseQuotaParameters,
  subscriptionIds: string[],
): Promise<DueLeases> {
  const values = [MAX_LEASES_AT_ONCE, ...leaseQuotas, subscriptionIds]
  return toDueLeases(await database.query<LeaseDueRow>(leaseDueOfSome, values))
}

function toDueLeases(rows: LeaseDueRow[]): DueLeases {
  const leases: Lease[] = []
  const creditLeft = new Map<string, number>()
  const pacedInMs = new Map<string, number>()
  const backlogged = new Set<string>()
  let nextDueInMs: number | null = null
  for (const row of rows) {
    if (row.kind === 'later') {
      nextDueInMs = row.nextDueInMs
      continue
    }
    const { subscriptionId, deliveryId, queuedUntil, isRetry, rate, credit } = row
    backlogged.add(subscriptionId)
    if (deliveryId !== null) {
      leases.push(toLease({ deliveryId, subscriptionId, queuedUntil, isRetry, isPaced: rate !== null }))
    }
    if (rate === null || credit === null) continue
    const left = (creditLeft.get(subscriptionId) ?? credit) - (deliveryId === null ? 0 : 1)
    creditLeft.set(subscriptionId, left)
    pacedInMs.set(subscriptionId, (Math.max(0, 1 - left) / rate) * SECOND_MS)
  }
  return { leases, backlogged, pacedInMs, nextDueInMs, isComplete: leases.length < MAX_LEASES_AT_ONCE }
}
