/**
 * The scheduler: puts deliveries that wait in the table on the queue when they are due: retries whose time has
 * come, what a subscription's share had no room for, and what was held for a subscription that is enabled
 * again. It is also the reconciler: a lease that ran out is taken back, so whatever the queue lost is fed anew,
 * and what waits for a subscription that was deleted is given up.
 *
 * A round looks at every subscription that has something waiting, which takes the longer the more they are. So it
 * remembers which have more that is due, and between rounds visits only those that have got room for it since.
 */
import { giveUpDeletedDeliveries } from '../../deliveries/cancel.js'
import { createPoller } from '../../platform/poller.js'
import type { Database } from '../../platform/postgres/database.js'
import type { ServiceEvents } from '../../telemetry/service-events.js'
import type { LeaseQuotaParameters } from '../fairness/lease-quotas.js'
import { type Lease, leaseColumns, sqlHolds } from './lease.js'
import { type DueLeases, leaseDue, leaseDueOf } from './lease-due.js'

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
    where d.id = held.id and ${sqlHolds('held', 'd')}`,
}

export interface Scheduler extends AsyncDisposable {
  /** Since its last round. */
  readonly idleMs: number
  /** Tells that something may be due of which the scheduler can't know: it makes a round. */
  wake(): void
  /** The same, of a time to come. */
  wakeIn(delayMs: number): void
  /** Tells of subscriptions for which something had to be left in the table. */
  noteBacklog(subscriptionIds: Iterable<string>): void
  /** Tells that a subscription may have room for another delivery. */
  madeRoom(subscriptionId: string): void
}

export interface SchedulerOptions {
  database: Database
  serviceEvents: ServiceEvents
  intervalMs: number
  /** How much may be leased of which subscription. */
  leaseQuotas(): LeaseQuotaParameters
  enqueue(leases: Lease[]): Promise<void>
  onError(error: unknown): void
}

const GIVE_UP_AT_ONCE = 1000
/** A worker may hold many more, and a statement is to stay a short one. */
const GIVEN_BACK_AT_ONCE = 1000
/** Gathers the room that many small results make into one visit. */
const REST_MS = 10
/** After a round it rests for so many times as long as the round took, so that the database has more to do than that. */
const REST_PER_ROUND = 4

export function createScheduler(options: SchedulerOptions): Scheduler {
  const { database, serviceEvents, intervalMs, leaseQuotas, enqueue, onError } = options
  /** Subscriptions with more that is due, as far as it is known. */
  const backlogged = new Set<string>()
  /** Those of them that are to be visited. */
  const called = new Set<string>()
  /** Those that are being visited: what is told of them meanwhile may have come too late for it. */
  let visiting = new Set<string>()
  /** Those with a limit of requests a second, and when the next may be made. */
  const paced = new Map<string, number>()
  let lastRoundMs = 0
  let nextReconcileAt = 0

  async function round(): Promise<boolean> {
    await reconcile()
    const startedAt = performance.now()
    const found = await leaseDue(database, leaseQuotas())
    lastRoundMs = performance.now() - startedAt
    await feed(found)
    return !found.isComplete
  }

  async function visit(): Promise<boolean> {
    callPaced()
    if (called.size === 0) return false
    visiting = new Set(called)
    called.clear()
    const found = await leaseDueOf(database, leaseQuotas(), [...visiting])
    for (const subscriptionId of visiting) {
      if (!found.backlogged.has(subscriptionId)) backlogged.delete(subscriptionId)
      else if (!found.isComplete) called.add(subscriptionId)
    }
    visiting.clear()
    await feed(found)
    return !found.isComplete
  }

  function callPaced(): void {
    const now = performance.now()
    for (const [subscriptionId, at] of paced) {
      if (at > now) {
        visits.wakeIn(Math.ceil(at - now))
      } else {
        paced.delete(subscriptionId)
        called.add(subscriptionId)
      }
    }
  }

  async function feed(found: DueLeases): Promise<void> {
    for (const subscriptionId of found.backlogged) backlogged.add(subscriptionId)
    if (found.leases.length > 0) await enqueue(found.leases)
    const now = performance.now()
    for (const [subscriptionId, inMs] of found.pacedInMs) {
      paced.set(subscriptionId, now + inMs)
      visits.wakeIn(Math.ceil(inMs))
    }
    if (found.nextDueInMs !== null) rounds.wakeIn(found.nextDueInMs)
  }

  async function reconcile(): Promise<void> {
    if (performance.now() < nextReconcileAt) return
    nextReconcileAt = performance.now() + intervalMs
    await database.query(takeBackExpired, [])
    while ((await giveUpDeletedDeliveries({ database, serviceEvents }, GIVE_UP_AT_ONCE)) === GIVE_UP_AT_ONCE);
  }

  const restMs = () => Math.max(REST_MS, lastRoundMs * REST_PER_ROUND)
  const rounds = createPoller({ run: round, intervalMs, restMs, onError })
  const visits = createPoller({ run: visit, intervalMs, restMs: REST_MS, onError })
  return {
    get idleMs() {
      return rounds.idleMs
    },
    wake: () => rounds.wake(),
    wakeIn: (delayMs) => rounds.wakeIn(delayMs),
    noteBacklog(subscriptionIds) {
      // One that is known to have more than there is room for is visited when there is room, or its time has come.
      const news = [...subscriptionIds].filter((id) => !backlogged.has(id) || visiting.has(id))
      for (const subscriptionId of news) {
        backlogged.add(subscriptionId)
        called.add(subscriptionId)
      }
      if (news.length > 0) visits.wake()
    },
    madeRoom(subscriptionId) {
      if (!backlogged.has(subscriptionId)) return
      called.add(subscriptionId)
      visits.wake()
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([rounds, visits].map((poller) => poller[Symbol.asyncDispose]()))
    },
  }
}

/** Puts deliveries back to waiting, as far as they are still held by these very leases. */
export async function giveBackLeases(database: Database, leases: Iterable<Lease>): Promise<void> {
  const left = [...leases]
  while (left.length > 0) await database.query(giveBack, leaseColumns(left.splice(0, GIVEN_BACK_AT_ONCE)))
}

/** For a start at which no other worker lives: whatever is leased was lost with those who held it. */
export async function takeBackAllLeases(database: Database): Promise<void> {
  await database.query(takeBackAll, [])
}
