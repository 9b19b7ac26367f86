/**
 * The feeder: puts deliveries that wait in the table on the queue when they are due: retries whose time has
 * come, what a subscription's share had no room for, and what was held for a subscription that is enabled
 * again. It is also the reconciler: a lease that ran out is taken back, so whatever the queue lost is fed anew,
 * and what waits for a subscription that was deleted is given up.
 *
 * It visits only the subscriptions that have something waiting, one index probe each, however much waits.
 */
import { giveUpDeletedDeliveries } from '../deliveries/cancel.js'
import type { Database } from '../platform/database.js'
import type { Happenings } from '../platform/happenings.js'
import { createPump, type Pump } from '../platform/pump.js'
import { type Lease, leaseColumns, sqlLeaseEnd, sqlRoom, sqlWaiting, toLease } from './lease.js'

const leaseDue = {
  name: 'lease-due',
  text: `
    with recursive backlog as (
      (select d."subscriptionId", d."nextRunAt" from deliveries d where ${sqlWaiting('d')}
       order by d."subscriptionId", d."nextRunAt" limit 1)
      union all
      select next.* from backlog b cross join lateral (
        select d."subscriptionId", d."nextRunAt" from deliveries d
        where ${sqlWaiting('d')} and d."subscriptionId" > b."subscriptionId"
        order by d."subscriptionId", d."nextRunAt" limit 1
      ) as next
    ), enabled as materialized (
      select b.* from backlog b join subscriptions s on s.id = b."subscriptionId" where s."isEnabled"
    ), due as materialized (
      select picked.id from enabled e cross join lateral (
        select d.id from deliveries d
        where d."subscriptionId" = e."subscriptionId" and ${sqlWaiting('d')} and d."nextRunAt" <= now()
        order by d."nextRunAt" limit ${sqlRoom('e."subscriptionId"')} for update skip locked
      ) as picked
      where e."nextRunAt" <= now()
      limit $1
    ), leased as (
      update deliveries d set "queuedUntil" = ${sqlLeaseEnd}
      from due where d.id = due.id
      returning d.id as "deliveryId", d."subscriptionId", d."queuedUntil"
    )
    select leased.*, seen."isBacklogged", seen."nextDueInMs"
    from (
      select coalesce(bool_or("nextRunAt" <= now()), false) as "isBacklogged",
             (extract(epoch from min("nextRunAt") filter (where "nextRunAt" > now()) - now()) * 1000)::float8
               as "nextDueInMs"
      from enabled
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
  enqueue(leases: Lease[]): Promise<void>
  onError(error: unknown): void
}

const MAX_LEASES_AT_ONCE = 2000
const GIVE_UP_AT_ONCE = 1000
/** Gathers the room that many small results make into one run. */
const REST_MS = 10

export function createFeeder(options: FeederOptions): Feeder {
  const { database, happenings, intervalMs, enqueue, onError } = options
  let isBacklogged = false
  let nextReconcileAt = 0

  async function run(): Promise<boolean> {
    if (performance.now() >= nextReconcileAt) {
      nextReconcileAt = performance.now() + intervalMs
      await database.query(takeBackExpired, [])
      while ((await giveUpDeletedDeliveries({ database, happenings }, GIVE_UP_AT_ONCE)) === GIVE_UP_AT_ONCE);
    }
    const rows = await database.query<LeasedRow>(leaseDue, [MAX_LEASES_AT_ONCE])
    const leases = rows
      .filter(({ deliveryId }) => deliveryId !== null)
      .map((row) => toLease(row as Lease & LeasedRow))
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
