/**
 * The worker: takes jobs off the queue and attempts what they carry.
 *
 * A job is done with as soon as its leases are in the fairQueue: from then on the lease keeps the delivery, not the
 * queue's lock, so no attempt can outlast a lock and be made twice. Leases of long requests are renewed.
 */
import { LEASE_RENEWED_EVERY_MS } from '../budgets.js'
import { sqlLeaseEnd } from '../model/lease-end.js'
import { createPoller } from '../platform/poller.js'
import type { Database } from '../platform/postgres/database.js'
import type { JobQueue } from '../platform/queue/job-queue.js'
import type { Attempt } from './attempt/attempt.js'
import { createFairQueue } from './fairness/fair-queue.js'
import type { LeaseQuotas } from './fairness/lease-quotas.js'
import type { ResponsiveEndpoints } from './fairness/responsive-endpoints.js'
import { type DeliveryJob, type Lease, leaseColumns, sqlHolds } from './scheduling/lease.js'
import { giveBackLeases } from './scheduling/scheduler.js'

export interface Worker {
  /** Resolves when jobs reach it. */
  readonly ready: Promise<unknown>
  readonly inFlight: number
  /** Deliveries in its hands, waiting or in flight. */
  readonly held: number
  /** Deliveries that wait for their turn. */
  readonly waiting: number
  /** Attempts deliveries, each in its turn. */
  take(leases: Lease[]): void
  /** Subscriptions of which enough waits here; undefined when that is so of all together, or at the end. */
  saturated(): string[] | undefined
  /**
   * Takes no more jobs, gives back what waits, and lets what is in flight end until `cutOffAt` (`performance.now()`).
   * Then it cuts off the rest, gives that back too, and says how many those were.
   */
  stop(cutOffAt: number, cutOff: AbortController): Promise<number>
}

export interface WorkerOptions {
  database: Database
  queue: JobQueue<DeliveryJob>
  /** Requests in flight, of all subscriptions and of one. */
  concurrency: number
  concurrencyPerSubscription: number
  /** How long an exchange may take. */
  timeoutMs: number
  leaseQuotas: LeaseQuotas
  responsiveEndpoints: ResponsiveEndpoints
  attempt: Attempt
  /** Called when an attempt has ended: its subscription has room for another. */
  onRoom(subscriptionId: string): void
  /** Called when deliveries of these subscriptions went back to the table, because they waited too long here. */
  onGivenBack(subscriptionIds: Iterable<string>): void
  onError(error: unknown): void
}

const renew = {
  name: 'renew-leases',
  text: `
    update deliveries d set "queuedUntil" = ${sqlLeaseEnd}
    from unnest($1::uuid[], $2::timestamptz[]) as held (id, "queuedUntil")
    where d.id = held.id and ${sqlHolds('held', 'd')}
    returning d.id as "deliveryId", d."queuedUntil"`,
}

/** A lease of a subscription with a limit goes back when it was not its turn in this time: those would add up. */
const PACED_LEASE_WAITS_MS = 1000

/** Deliveries that wait here, of all subscriptions: with so many there is nothing to gain from taking more. */
const MAX_WAITING_FOR_FAST_PATH = 2000

interface Held {
  lease: Lease
  sinceMs: number
}

export function createWorker(options: WorkerOptions): Worker {
  const {
    database,
    queue,
    leaseQuotas,
    responsiveEndpoints,
    timeoutMs,
    attempt,
    onRoom,
    onGivenBack,
    onError,
  } = options
  const held = new Map<string, Held>()
  let onIdle: (() => void) | undefined
  let isStopping = false

  const fairQueue = createFairQueue({
    maxInFlight: options.concurrency,
    maxInFlightPerSubscription: options.concurrencyPerSubscription,
    isResponsive: responsiveEndpoints.has,
    start: (lease) => void carryOut(lease),
  })

  async function carryOut(lease: Lease): Promise<void> {
    const { deliveryId, subscriptionId } = lease
    const startedAt = performance.now()
    let isEnded = false
    // Its slot is for another as soon as the endpoint is done with it: what is left is between us and the database.
    const end = () => {
      if (isEnded) return
      isEnded = true
      const tookMs = performance.now() - startedAt
      responsiveEndpoints.note(subscriptionId, tookMs)
      fairQueue.ended(lease, tookMs < timeoutMs)
    }
    try {
      await (isTooLate(lease) ? giveBack([lease]) : attempt(lease, end))
    } catch (error) {
      // The lease runs out, and the delivery is attempted again.
      onError(error)
    } finally {
      end()
      held.delete(deliveryId)
      leaseQuotas.ended(subscriptionId)
      onRoom(subscriptionId)
      if (held.size === 0) onIdle?.()
    }
  }

  function isTooLate({ deliveryId, isPaced }: Lease): boolean {
    const sinceMs = held.get(deliveryId)?.sinceMs
    return isPaced && sinceMs !== undefined && performance.now() - sinceMs > PACED_LEASE_WAITS_MS
  }

  async function giveBack(leases: Lease[]): Promise<void> {
    await giveBackLeases(database, leases)
    onGivenBack(new Set(leases.map(({ subscriptionId }) => subscriptionId)))
  }

  function take(leases: Lease[]): void {
    // An event may be committed, or a job taken, just as the stop begins.
    if (isStopping) return void giveBackLeases(database, leases).catch(onError)
    for (const lease of leases) {
      const known = held.get(lease.deliveryId)
      if (known) {
        // Leased anew while it was here, because the renewal came too late.
        known.lease.queuedUntil = lease.queuedUntil
        continue
      }
      held.set(lease.deliveryId, { lease, sinceMs: performance.now() })
      fairQueue.add(lease)
    }
  }

  /** Renews what is in flight for long. What still waits for its turn goes back, and less is leased from then on. */
  async function reviewOld(): Promise<boolean> {
    const oldest = performance.now() - LEASE_RENEWED_EVERY_MS
    const isOld = ({ deliveryId }: Lease) => (held.get(deliveryId)?.sinceMs ?? oldest) <= oldest
    const late = fairQueue.withdraw(isOld)
    for (const { deliveryId } of late) held.delete(deliveryId)
    leaseQuotas.review(
      late.map(({ subscriptionId }) => subscriptionId),
      fairQueue.inFlightOf,
    )
    if (late.length > 0) await giveBack(late)

    const old = [...held.values()].filter(({ sinceMs }) => sinceMs <= oldest)
    if (old.length === 0) return false
    for (const { lease } of old) responsiveEndpoints.note(lease.subscriptionId, LEASE_RENEWED_EVERY_MS)
    const columns = leaseColumns(old.map(({ lease }) => lease))
    const rows = await database.query<{ deliveryId: string; queuedUntil: Date }>(renew, columns)
    for (const { deliveryId, queuedUntil } of rows) {
      const renewed = held.get(deliveryId)
      if (renewed === undefined) continue
      renewed.lease.queuedUntil = queuedUntil.toISOString()
      renewed.sinceMs = performance.now()
    }
    return false
  }

  const reviews = createPoller({ run: reviewOld, intervalMs: LEASE_RENEWED_EVERY_MS / 2, onError })
  const intake = queue.work(async ({ leases }) => take(leases))

  return {
    ready: intake.ready,
    get inFlight() {
      return fairQueue.inFlight
    },
    get held() {
      return held.size
    },
    get waiting() {
      return fairQueue.waiting
    },
    take,
    saturated: () =>
      isStopping || fairQueue.waiting >= MAX_WAITING_FOR_FAST_PATH ? undefined : fairQueue.saturated(),
    async stop(cutOffAt, cutOff) {
      isStopping = true
      await intake[Symbol.asyncDispose]()
      const waiting = fairQueue.close()
      for (const { deliveryId } of waiting) held.delete(deliveryId)
      if (waiting.length > 0) await giveBackLeases(database, waiting).catch(onError)
      if (held.size > 0) {
        const idle = new Promise<void>((resolve) => {
          onIdle = resolve
        })
        const timer = setTimeout(() => onIdle?.(), Math.max(0, cutOffAt - performance.now()))
        await idle
        clearTimeout(timer)
      }
      await reviews[Symbol.asyncDispose]()
      cutOff.abort()
      const rest = [...held.values()].map(({ lease }) => lease)
      if (rest.length > 0) await giveBackLeases(database, rest).catch(onError)
      return rest.length
    },
  }
}
