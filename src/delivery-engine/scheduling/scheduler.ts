/**
 * The scheduler: leases deliveries that wait in the table and are due, and puts them on the queue: retries whose
 * time has come, deliveries that the quota of their subscription had no room for, and deliveries of a subscription
 * that was enabled again. It also reconciles: it takes back expired leases, so that a job that the queue lost is
 * queued again, gives up deliveries of deleted subscriptions and of expired events, and reports recovered endpoints.
 *
 * A full scan looks at every subscription with something waiting, so it takes longer the more of them there are. The
 * scheduler therefore remembers the subscriptions with a backlog, and between full scans looks only at those of them
 * that may have got room for another delivery.
 */
import { giveUpDeletedDeliveries } from '../../deliveries/cancel.js'
import { expireDeliveries } from '../../deliveries/expire.js'
import { createPoller } from '../../platform/poller.js'
import type { Database, Statement } from '../../platform/postgres/database.js'
import type { ServiceEvents } from '../../telemetry/service-events.js'
import { reportRecoveredEndpoints } from '../attempt/report-recoveries.js'
import type { LeaseQuotaParameters } from '../fairness/lease-quotas.js'
import { type Lease, leaseColumns, sqlIsHeld } from './lease.js'
import { type DueLeases, leaseDue, leaseDueOf } from './lease-due.js'

/** SQL: whether a worker leases the delivery `d`, and not a consumer: the end of its lease then says something else. */
const sqlIsOfWorker = (d: string) => `
  (select kind from subscriptions where id = ${d}."subscriptionId") is distinct from 'PULL'`

/** A range counts as narrow before there are statistics. By one bound alone, the planner may read the whole table. */
const takeBackExpired: Statement = {
  name: 'take-back-expired-leases',
  text: `
    update deliveries set "queuedUntil" = null
    where "queuedUntil" > '-infinity' and "queuedUntil" < now() and ${sqlIsOfWorker('deliveries')} returning id`,
}

const takeBackAll: Statement = {
  name: 'take-back-all-leases',
  text: `update deliveries set "queuedUntil" = null where "queuedUntil" is not null and ${sqlIsOfWorker('deliveries')}`,
}

/** `$1` delivery ids, `$2` the ends of their leases: `leaseColumns`. */
const giveBack: Statement = {
  name: 'give-back-leases',
  text: `
    update deliveries d set "queuedUntil" = null
    from unnest($1::uuid[], $2::timestamptz[]) as held (id, "queuedUntil")
    where d.id = held.id and ${sqlIsHeld('held', 'd')}`,
}

export interface Scheduler extends AsyncDisposable {
  /** Milliseconds since the last full scan ended. */
  readonly idleMs: number
  start(): void
  /** Makes a full scan, because deliveries may be due that the scheduler does not know. */
  wake(): void
  /** Makes a full scan after this time. */
  wakeIn(delayMs: number): void
  /** Adds subscriptions with deliveries that had to stay in the table. */
  addBacklog(subscriptionIds: Iterable<string>): void
  /** Looks at these subscriptions at once: other lines of theirs may have a backlog, and these ones may not. */
  lookAt(subscriptionIds: Iterable<string>): void
  /** To be called when a subscription may have room for another delivery. */
  capacityFreed(subscriptionId: string): void
}

export interface SchedulerOptions {
  database: Database
  serviceEvents: ServiceEvents
  intervalMs: number
  /** How many deliveries of each subscription may be leased. */
  leaseQuotas(): LeaseQuotaParameters
  enqueue(leases: Lease[]): Promise<void>
  /** Called with subscriptions of kind PULL that have due deliveries. */
  onPullable(subscriptionIds: string[]): void
  onError(error: unknown): void
}

const MAX_GIVEN_UP_AT_ONCE = 1000
/** A worker may hold many more, and a statement must stay short. */
const MAX_GIVEN_BACK_AT_ONCE = 1000
/** The shortest rest between two scans, so that one scan serves many freed slots. */
const REST_MS = 10
/**
 * After a full scan it rests this many times as long as the scan took, so that scans take a fifth of the time at
 * most.
 */
const REST_PER_SCAN = 4

export function createScheduler(options: SchedulerOptions): Scheduler {
  const { database, serviceEvents, intervalMs, leaseQuotas, enqueue, onError } = options
  /** Subscriptions that have more deliveries due, as far as the scheduler knows. */
  const backlogged = new Set<string>()
  /** Those of them that the next partial scan looks at. */
  const toScan = new Set<string>()
  /** Those that a partial scan is looking at now: it may have missed what is reported meanwhile. */
  let scanning = new Set<string>()
  /** Subscriptions with a rate limit, and when the next request of each may be made, by `performance.now()`. */
  const pacedUntil = new Map<string, number>()
  let lastFullScanMs = 0
  let nextReconcileAt = 0

  async function scanAll(): Promise<boolean> {
    await reconcile()
    const startedAt = performance.now()
    const found = await leaseDue(database, leaseQuotas())
    lastFullScanMs = performance.now() - startedAt
    await enqueueFound(found)
    return !found.isComplete
  }

  async function scanBacklogged(): Promise<boolean> {
    addPaced()
    if (toScan.size === 0) return false
    scanning = new Set(toScan)
    toScan.clear()
    const found = await leaseDueOf(database, leaseQuotas(), [...scanning])
    for (const subscriptionId of scanning) {
      if (!found.backlogged.has(subscriptionId)) backlogged.delete(subscriptionId)
      else if (!found.isComplete) toScan.add(subscriptionId)
    }
    scanning.clear()
    await enqueueFound(found)
    return !found.isComplete
  }

  /** Adds the subscriptions with a rate limit whose next request may be made now. */
  function addPaced(): void {
    const now = performance.now()
    for (const [subscriptionId, at] of pacedUntil) {
      if (at > now) {
        partialScans.wakeIn(Math.ceil(at - now))
      } else {
        pacedUntil.delete(subscriptionId)
        toScan.add(subscriptionId)
      }
    }
  }

  async function enqueueFound(found: DueLeases): Promise<void> {
    for (const subscriptionId of found.backlogged) backlogged.add(subscriptionId)
    if (found.leases.length > 0) await enqueue(found.leases)
    if (found.pullable.length > 0) options.onPullable(found.pullable)
    const now = performance.now()
    for (const [subscriptionId, inMs] of found.pacedInMs) {
      pacedUntil.set(subscriptionId, now + inMs)
      partialScans.wakeIn(Math.ceil(inMs))
    }
    if (found.nextDueInMs !== null) fullScans.wakeIn(found.nextDueInMs)
  }

  async function reconcile(): Promise<void> {
    if (performance.now() < nextReconcileAt) return
    nextReconcileAt = performance.now() + intervalMs
    await database.query(takeBackExpired, [])
    const giveUp = () => giveUpDeletedDeliveries({ database, serviceEvents }, MAX_GIVEN_UP_AT_ONCE)
    while ((await giveUp()) === MAX_GIVEN_UP_AT_ONCE);
    await expireDeliveries({ database, serviceEvents })
    await reportRecoveredEndpoints(database, serviceEvents)
  }

  const restMs = () => Math.max(REST_MS, lastFullScanMs * REST_PER_SCAN)
  const fullScans = createPoller({ run: scanAll, intervalMs, restMs, onError })
  const partialScans = createPoller({ run: scanBacklogged, intervalMs, restMs: REST_MS, onError })
  return {
    get idleMs() {
      return fullScans.idleMs
    },
    start() {
      fullScans.start()
      partialScans.start()
    },
    wake: fullScans.wake,
    wakeIn: fullScans.wakeIn,
    addBacklog(subscriptionIds) {
      // One that is known to have a backlog is scanned when it has room or its rate limit allows.
      const added = [...subscriptionIds].filter((id) => !backlogged.has(id) || scanning.has(id))
      for (const subscriptionId of added) {
        backlogged.add(subscriptionId)
        toScan.add(subscriptionId)
      }
      if (added.length > 0) partialScans.wake()
    },
    lookAt(subscriptionIds) {
      for (const subscriptionId of subscriptionIds) {
        backlogged.add(subscriptionId)
        toScan.add(subscriptionId)
      }
      partialScans.wake()
    },
    capacityFreed(subscriptionId) {
      if (!backlogged.has(subscriptionId)) return
      toScan.add(subscriptionId)
      partialScans.wake()
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([fullScans, partialScans].map((poller) => poller[Symbol.asyncDispose]()))
    },
  }
}

/** Gives up these leases, as far as they are still valid: their deliveries wait in the table again. */
export async function giveBackLeases(database: Database, leases: Iterable<Lease>): Promise<void> {
  const rest = [...leases]
  while (rest.length > 0) {
    await database.query(giveBack, leaseColumns(rest.splice(0, MAX_GIVEN_BACK_AT_ONCE)))
  }
}

/** For a start at which no other worker is alive: every lease was lost with the worker that held it. */
export async function takeBackAllLeases(database: Database): Promise<void> {
  await database.query(takeBackAll, [])
}
