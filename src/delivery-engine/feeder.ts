/**
 * The feeder: puts deliveries that wait in the table on the queue when they are due: retries whose time has
 * come, what a subscription's share had no room for, and what was held for a subscription that is enabled
 * again. It is also the reconciler: a lease that ran out is taken back, so whatever the queue lost is fed anew,
 * and what waits for a subscription that was deleted is given up.
 *
 * It visits only the subscriptions that have something waiting, three index probes each, however much waits. It
 * keeps each to its limit of requests a second, which the database counts for all processes.
 */
import { giveUpDeletedDeliveries } from '../deliveries/cancel.js'
import type { Database } from '../platform/database.js'
import type { Happenings } from '../platform/happenings.js'
import { createPump, type Pump } from '../platform/pump.js'
import { type Lease, leaseColumns, sqlLeaseEnd, sqlRoom, sqlWaiting, toLease } from './lease.js'

/** SQL: the delivery `d` of a subscription waits, for its first attempt or for a retry. */
const sqlWaitingAs = (status: 'PENDING' | 'FAILED', subscriptionId: string) =>
  `d."subscriptionId" = ${subscriptionId} and d."queuedUntil" is null and d.status = '${status}'`

const sqlEarliest = (status: 'PENDING' | 'FAILED') => `
  (select d."nextRunAt" from deliveries d where ${sqlWaitingAs(status, 's.id')} order by d."nextRunAt" limit 1)`

const sqlDue = (status: 'PENDING' | 'FAILED', limit: string) => `
  (select d.id from deliveries d
   where ${sqlWaitingAs(status, 'r."subscriptionId"')} and d."nextRunAt" <= now()
   order by d."nextRunAt" limit ${limit} for update skip locked)`

/** How much of a subscription's limit a second may be spent at once: a tenth, and one at least. */
const sqlBurst = (rate: string) => `greatest(1, ${rate} / 10.0)`

/** GCRA: a limit's time that is spent, which is never left further behind than a burst. */
const sqlSpentUntil = (limit: string, rate: string) =>
  `greatest(${limit}."spentUntil", now() - ${sqlBurst(rate)} / ${rate} * interval '1 second')`

/**
 * `$1`: most leases at once; `$2`, `$3`, `$4`: allowances, see the dispatcher. First attempts go first; retries may
 * take an eighth more while any wait, so they come through all the same.
 */
const leaseDue = {
  name: 'lease-due',
  text: `
    with recursive backlog as (
      (select d."subscriptionId" from deliveries d where ${sqlWaiting('d')} order by d."subscriptionId" limit 1)
      union all
      select next.* from backlog b cross join lateral (
        select d."subscriptionId" from deliveries d
        where ${sqlWaiting('d')} and d."subscriptionId" > b."subscriptionId"
        order by d."subscriptionId" limit 1
      ) as next
    ), enabled as materialized (
      select s.id as "subscriptionId", s."maxRequestsPerSecond"::float8 as rate,
             ${sqlEarliest('PENDING')} as "firstsFrom", ${sqlEarliest('FAILED')} as "retriesFrom"
      from backlog b join subscriptions s on s.id = b."subscriptionId" where s."isEnabled"
    ), started as (
      insert into "rateLimits" ("subscriptionId", "spentUntil")
      select e."subscriptionId", now() from enabled e
      where e.rate is not null and not exists (select from "rateLimits" l where l."subscriptionId" = e."subscriptionId")
      on conflict do nothing
    ), paced as materialized (
      -- Locked, so that all feeders together keep to the limit.
      select e."subscriptionId", e.rate,
             floor(extract(epoch from now() - ${sqlSpentUntil('l', 'e.rate')}) * e.rate + 1e-6)::int as allowed
      from enabled e join "rateLimits" l on l."subscriptionId" = e."subscriptionId"
      where e.rate is not null
      for update of l skip locked
    ), rooms as materialized (
      select e."subscriptionId", e.rate is not null as "isPaced",
             coalesce(e."firstsFrom" <= now(), false) as "hasFirsts",
             least(p.allowed, ${sqlRoom('e."subscriptionId"', 'coalesce(a.allowance, $4)')}) as room
      from enabled e
      left join paced p using ("subscriptionId")
      left join unnest($2::uuid[], $3::int[]) as a ("subscriptionId", allowance) using ("subscriptionId")
      where least(e."firstsFrom", e."retriesFrom") <= now() and (e.rate is null or p.allowed > 0)
    ), due as materialized (
      select picked.id, r."subscriptionId" from rooms r cross join lateral (
        select * from (
          select * from ${sqlDue('PENDING', 'r.room')} as first
          union all
          select * from ${sqlDue('FAILED', `case when r."hasFirsts" then ceil(r.room / 8.0) else r.room end`)} as retry
        ) as candidate
        limit case when r."isPaced" then r.room end
      ) as picked
      limit $1
    ), spent as (
      update "rateLimits" l
      set "spentUntil" = ${sqlSpentUntil('l', 'taken.rate')} + taken.count / taken.rate * interval '1 second'
      from (select "subscriptionId", rate, count(*) as count from due join paced using ("subscriptionId")
            group by "subscriptionId", rate) as taken
      where l."subscriptionId" = taken."subscriptionId"
    ), leased as (
      update deliveries d set "queuedUntil" = ${sqlLeaseEnd}
      from due where d.id = due.id
      returning d.id as "deliveryId", d."subscriptionId", d."queuedUntil", d.status = 'FAILED' as "isRetry"
    )
    select leased.*, seen."isBacklogged", seen."nextDueInMs"
    from (
      select coalesce(bool_or(at <= now()), false) as "isBacklogged",
             min(case when at > now() then extract(epoch from at - now()) * 1000
                      when rate is not null then 1000 / rate end)::float8 as "nextDueInMs"
      from (select rate, least("firstsFrom", "retriesFrom") as at from enabled) as e
    ) as seen left join leased on true`,
}

const takeBackExpired = {
  name: 'take-back-expired-leases',
  text: `update deliveries set "queuedUntil" = null where "queuedUntil" < now() returning id`,
}

const takeBackAll = {
  name: 'take-back-all-leases',
  text: `update deliveries set "queuedUntil" = null where "queuedUntil" is not null`,
}

const giveBack = {
  name: 'give-back-leases',
  text: `
    update deliveries d set "queuedUntil" = null
    from unnest($1::uuid[], $2::timestamptz[]) as held (id, "queuedUntil")
    where d.id = held.id and d."queuedUntil" = held."queuedUntil"`,
}

interface LeasedRow {
  deliveryId: string | null
  subscriptionId: string
  queuedUntil: Date
  isRetry: boolean
  isBacklogged: boolean
  nextDueInMs: number | null
}

export interface Feeder extends Pump {
  /** Tells that something waits in the table, or soon may, for reasons that the feeder can't see by itself. */
  noteBacklog(): void
  /** Wakes the feeder if something waits: room may have been made for it. */
  madeRoom(): void
}

export interface FeederOptions {
  database: Database
  happenings: Happenings
  intervalMs: number
  /** See the dispatcher's. */
  allowances(): [subscriptionIds: string[], allowances: number[], usual: number]
  enqueue(leases: Lease[]): Promise<void>
  onError(error: unknown): void
}

const MAX_LEASES_AT_ONCE = 2000
const GIVE_UP_AT_ONCE = 1000
/** Gathers the room that many small results make into one run. */
const REST_MS = 10

export function createFeeder(options: FeederOptions): Feeder {
  const { database, happenings, intervalMs, allowances, enqueue, onError } = options
  let isBacklogged = false
  let nextReconcileAt = 0

  async function run(): Promise<boolean> {
    if (performance.now() >= nextReconcileAt) {
      nextReconcileAt = performance.now() + intervalMs
      await database.query(takeBackExpired, [])
      while ((await giveUpDeletedDeliveries({ database, happenings }, GIVE_UP_AT_ONCE)) === GIVE_UP_AT_ONCE);
    }
    const rows = await database.query<LeasedRow>(leaseDue, [MAX_LEASES_AT_ONCE, ...allowances()])
    const leases = rows
      .filter(({ deliveryId }) => deliveryId !== null)
      .map((row) => toLease(row as LeasedRow & { deliveryId: string }))
    isBacklogged = rows[0]?.isBacklogged ?? false
    const nextDueInMs = rows[0]?.nextDueInMs ?? null
    if (nextDueInMs !== null) pump.wakeIn(Math.max(1, nextDueInMs))
    if (leases.length > 0) await enqueue(leases)
    return leases.length >= MAX_LEASES_AT_ONCE
  }

  const pump = createPump({ run, intervalMs, restMs: REST_MS, onError })
  return {
    ...pump,
    noteBacklog() {
      isBacklogged = true
      pump.wake()
    },
    madeRoom() {
      if (isBacklogged) pump.wake()
    },
  }
}

/** Puts deliveries back to waiting, as far as they are still held by these very leases. */
export async function giveBackLeases(database: Database, leases: Iterable<Lease>): Promise<void> {
  await database.query(giveBack, leaseColumns(leases))
}

/** For a start at which no other worker lives: whatever is leased was lost with those who held it. */
export async function takeBackAllLeases(database: Database): Promise<void> {
  await database.query(takeBackAll, [])
}
