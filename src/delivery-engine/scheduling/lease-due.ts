/**
 * Leases deliveries that wait in the table and are due: for each subscription as many as its quota allows, first
 * attempts before retries, no faster than its rate limit, and no more at a time than its `maxInFlight`.
 *
 * The rate limit is a generic cell rate algorithm (GCRA). Each limited subscription has a row in `rateLimits`,
 * which the leasing statement locks, so the limit holds over all processes. `maxInFlight` limits the leases, which the
 * statement counts as they were when it began. So it skips a subscription whose row has changed since: another process
 * has leased some.
 *
 * A breaker works by the same means: a paused endpoint is due when its probe is, and then has a `maxInFlight` of one;
 * one that recovers has that of its pace.
 *
 * Deliveries of a subscription of kind PULL are left: `src/pull` leases them to its consumer. That they are due is
 * reported.
 *
 * Of deliveries that wait in line, only the first of each line is looked at: a long line costs no more than a short
 * one.
 */
import { sqlBreakerPace, sqlJoinBreaker } from '../../model/breaker.js'
import { sqlIsWaiting } from '../../model/delivery-states.js'
import { sqlDue, sqlHeads, sqlReleased, sqlStartOfLines, sqlWaitingAs } from '../../model/lease-candidates.js'
import { sqlLeaseEnd } from '../../model/lease-end.js'
import { sqlRoom } from '../../model/lease-room.js'
import { sqlCredit, sqlSpentUntil } from '../../model/rate-limit.js'
import { sqlRowsOfKinds } from '../../model/row-kinds.js'
import type { Database, Statement } from '../../platform/postgres/database.js'
import { sqlNow } from '../../platform/postgres/sql-now.js'
import type { LeaseQuotaParameters } from '../fairness/lease-quotas.js'
import { type Lease, toLease } from './lease.js'

/** What a scan has found. */
export interface DueLeases {
  leases: Lease[]
  /** Subscriptions with due deliveries, leased now or not. They may have more. */
  backlogged: Set<string>
  /** Subscriptions with a limit of their own, and the time until their next request may be made. */
  pacedInMs: Map<string, number>
  /** Subscriptions of kind PULL with due deliveries: their consumers take them. */
  pullable: string[]
  /** Time until the next delivery of a subscription without due deliveries is due; null if there is none. */
  nextDueInMs: number | null
  /** Whether all due deliveries with room were leased. */
  isComplete: boolean
}

const SECOND_MS = 1000
const MAX_LEASES_AT_ONCE = 2000
/** After another process was found to be leasing deliveries of a subscription with `maxInFlight`. */
const LOOK_AGAIN_MS = 20

/**
 * The first waiting delivery of each subscription, by a loose index scan: one probe for each subscription, however
 * many deliveries wait. In the index PENDING comes before FAILED.
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

/** Neither these nor first attempts without a line may keep the others from their turn. */
const sqlInLine = `case when r."hasFirsts" then (r.room + 1) / 2 else r.room end`

/**
 * Retries are leased only while half of the quota is free, so that new events find room. While first attempts wait,
 * an eighth of the leases are retries.
 */
const sqlRetries = `
  case when r."hasFirsts" then floor(r.room / 8.0 + random()) else least(r.room, r.free - r.quota / 2) end`

/** `$1` most leases at once; `$2`, `$3`, `$4` lease quotas; `$5` the subscriptions of a partial scan. */
const leaseDueSql = (waiting: string) => `
  with recursive waiting as (${waiting}), "startOfLines" as materialized (${sqlStartOfLines}), enabled as materialized (
    select w."subscriptionId", s.kind, s."isOrdered", s."maxRequestsPerSecond"::float8 as rate, own."maxInFlight",
           coalesce(s."maxRequestsPerSecond", own."maxInFlight") is not null as "isLimited",
           coalesce(w.status = 'PENDING' and w."nextRunAt" <= now(), false) as "hasFirsts",
           greatest(breaker."probeAt", case
             -- Some wait in line.
             when w."nextRunAt" is null then now()
             when w.status = 'FAILED' or w."nextRunAt" <= now() then w."nextRunAt"
             else least(w."nextRunAt", (
               select d."nextRunAt" from deliveries d where ${sqlWaitingAs('FAILED', 's.id')}
               order by d."nextRunAt" limit 1
             ))
           end) as "dueAt"
    from waiting w join subscriptions s on s.id = w."subscriptionId"
    ${sqlJoinBreaker('s')}
    cross join lateral (select least(s."maxInFlight", ${sqlBreakerPace}) as "maxInFlight") as own
    where s."isEnabled"
  ), limited as (
    insert into "rateLimits" ("subscriptionId", "spentUntil")
    select e."subscriptionId", '-infinity' from enabled e
    where e."isLimited" and not exists (select from "rateLimits" l where l."subscriptionId" = e."subscriptionId")
    on conflict do nothing
  ), paced as materialized (
    -- Rows that another process has locked are skipped: that process is leasing these deliveries.
    select e."subscriptionId", e.rate, ${sqlCredit('e.rate')} as credit
    from enabled e join "rateLimits" l on l."subscriptionId" = e."subscriptionId"
    left join "rateLimits" seen on seen."subscriptionId" = e."subscriptionId" and e."maxInFlight" is not null
    where e."isLimited" and e."dueAt" <= now()
      and (e."maxInFlight" is null or seen."spentUntil" = l."spentUntil")
    for update of l skip locked
  ), free as materialized (
    select e."subscriptionId", e."isOrdered", e.rate, e."hasFirsts", own.quota,
           case when e."isLimited" then coalesce(p.credit, 0) end as credit,
           ${sqlRoom('e."subscriptionId"', 'own.quota')} as free
    from enabled e
    left join paced p using ("subscriptionId")
    left join unnest($2::uuid[], $3::int[]) as a ("subscriptionId", quota) using ("subscriptionId")
    cross join lateral (select least(coalesce(a.quota, $4), e."maxInFlight") as quota) as own
    where e."dueAt" <= now() and e.kind = 'WEBHOOK'
  ), rooms as materialized (
    select *, greatest(0, least(free, floor(credit + 1e-6)))::int as room from free
  ), due as materialized (
    select picked.id, r."subscriptionId" from rooms r cross join lateral (
      select * from (
        select * from ${sqlDue('FAILED', `greatest(0, ${sqlRetries})`)} as retry
        union all
        select * from ${sqlHeads(sqlInLine)} as head
        union all
        select * from ${sqlReleased(sqlInLine)} as released
        union all
        select * from ${sqlDue('PENDING', 'r.room')} as first
      ) as candidate
      limit r.room
    ) as picked
    where r.room > 0
    limit $1
  ), spent as (
    update "rateLimits" l
    set "spentUntil" = coalesce(${sqlSpentUntil('taken.rate')} + taken.count / taken.rate * interval '1 second',
                                clock_timestamp())
    from (select "subscriptionId", rate, count(*) as count from due join paced using ("subscriptionId")
          group by "subscriptionId", rate) as taken
    where l."subscriptionId" = taken."subscriptionId"
  ), leased as (
    update deliveries d set "queuedUntil" = ${sqlLeaseEnd}, "nextRunAt" = coalesce(d."nextRunAt", ${sqlNow})
    from due where d.id = due.id
    returning d.id as "deliveryId", d."subscriptionId", d."queuedUntil", d.status = 'FAILED' as "isRetry",
              d."orderingHash" is not null as "isInLine"
  )
  ${sqlRowsOfKinds({
    due: {
      columns: {
        ...{ subscriptionId: 'uuid', rate: 'float8', credit: 'float8', free: 'int' },
        ...{ deliveryId: 'uuid', queuedUntil: 'timestamptz', isRetry: 'bool', isInLine: 'bool' },
      },
      from: '(select * from rooms left join leased using ("subscriptionId")) as due_subscription',
    },
    pull: {
      columns: { subscriptionId: 'uuid' },
      from: `(select "subscriptionId" from enabled where "dueAt" <= now() and kind = 'PULL') as pull`,
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

type LeaseDueRow =
  | DueRow
  | { kind: 'pull'; subscriptionId: string }
  | { kind: 'later'; nextDueInMs: number | null }

/** A subscription with due deliveries, and one delivery that was leased for it, or none. */
interface DueRow {
  kind: 'due'
  subscriptionId: string
  /** Requests a second; null for no limit. */
  rate: number | null
  /** Requests that the limits allowed before these leases; null for none. 0 as well where the row was not to be had. */
  credit: number | null
  /** Room for leases before these. */
  free: number
  deliveryId: string | null
  queuedUntil: Date
  isRetry: boolean
  isInLine: boolean
}

/** Scans every subscription with waiting deliveries. */
export async function leaseDue(database: Database, leaseQuotas: LeaseQuotaParameters): Promise<DueLeases> {
  return toDueLeases(await database.query<LeaseDueRow>(leaseDueOfAll, [MAX_LEASES_AT_ONCE, ...leaseQuotas]))
}

/** Scans these subscriptions only. */
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
  const pullable: string[] = []
  let nextDueInMs: number | null = null
  for (const row of rows) {
    if (row.kind === 'later') {
      nextDueInMs = row.nextDueInMs
      continue
    }
    if (row.kind === 'pull') {
      pullable.push(row.subscriptionId)
      continue
    }
    const { subscriptionId, deliveryId, queuedUntil, isRetry, isInLine, rate, credit, free } = row
    backlogged.add(subscriptionId)
    if (deliveryId !== null) {
      leases.push(
        toLease({
          ...{ deliveryId, subscriptionId, queuedUntil, isRetry },
          ...{ isOrdered: isInLine, isPaced: rate !== null },
        }),
      )
    }
    if (credit === 0 && rate === null) pacedInMs.set(subscriptionId, LOOK_AGAIN_MS)
    // The end of an attempt makes room again, not time.
    if (rate === null || credit === null || free === 0) continue
    const left = (creditLeft.get(subscriptionId) ?? credit) - (deliveryId === null ? 0 : 1)
    creditLeft.set(subscriptionId, left)
    pacedInMs.set(subscriptionId, (Math.max(0, 1 - left) / rate) * SECOND_MS)
  }
  return {
    leases,
    backlogged,
    pullable,
    pacedInMs,
    nextDueInMs,
    isComplete: leases.length < MAX_LEASES_AT_ONCE,
  }
}
