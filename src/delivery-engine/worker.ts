/**
 * The worker: takes jobs off the queue and attempts the deliveries that they carry.
 *
 * A job is finished as soon as its leases are in the fair queue. From then on the lease protects the delivery, not
 * the lock of the job, so an attempt that outlasts that lock is not made twice. The worker renews the leases of
 * long attempts.
 */
import { LEASE_RENEWED_EVERY_MS } from '../budgets.js'
import { sqlLeaseEnd } from '../model/lease-end.js'
import { createPoller, type Poller } from '../platform/poller.js'
import type { Database, Statement } from '../platform/postgres/database.js'
import type { Intake, JobQueue } from '../platform/queue/job-queue.js'
import type { Attempt } from './attempt/attempt.js'
import { createFairQueue } from './fairness/fair-queue.js'
import type { LeaseQuotas } from './fairness/lease-quotas.js'
import type { ResponsiveEndpoints } from './fairness/responsive-endpoints.js'
import type { DeliveryJob } from './scheduling/delivery-job.js'
import { type Lease, leaseColumns, sqlIsHeld } from './scheduling/lease.js'
import { giveBackLeases } from './scheduling/scheduler.js'

export interface Worker {
  readonly inFlight: number
  /** Deliveries that this worker holds, waiting or in flight. */
  readonly held: number
  /** Deliveries that wait for their turn. */
  readonly waiting: number
  /** Starts to take jobs. Resolves when jobs reach it. */
  start(collaborators: WorkerCollaborators): Promise<void>
  /** Attempts deliveries, each in its turn. Before the start and during the stop it gives the leases back. */
  take(leases: Lease[]): void
  /**
   * Subscriptions with as many deliveries waiting here as the worker takes of one. `undefined` when it takes no more
   * deliveries of any subscription.
   */
  saturated(): string[] | undefined
  /**
   * Takes no more jobs, gives back what waits, and lets attempts in flight end until `cutOffAt`
   * (`performance.now()`). Then it aborts `cutOff`, gives the remaining leases back and returns their number.
   */
  stop(cutOffAt: number, cutOff: AbortController): Promise<number>
}

export interface WorkerOptions {
  database: Database
  queue: JobQueue<DeliveryJob>
  /** Most requests in flight, of all subscriptions and of one. */
  concurrency: number
  concurrencyPerSubscription: number
  leaseQuotas: LeaseQuotas
  responsiveEndpoints: ResponsiveEndpoints
  tenantOf(subscriptionId: string): string | null
  onError(error: unknown): void
}

/** What the worker calls. */
export interface WorkerCollaborators {
  attempt: Attempt
  /** Called when an attempt has ended: its subscription has room for another delivery. */
  onCapacityFreed(subscriptionId: string): void
  /** Called with a job that carries what first attempts need, before they begin. */
  prepare(job: Required<DeliveryJob>): void
  /** Called when deliveries of these subscriptions went back to the table, because they had waited too long here. */
  onGivenBack(subscriptionIds: Iterable<string>): void
}

/** `$1` delivery ids, `$2` the ends of their leases: `leaseColumns`. */
const renewLeases: Statement = {
  name: 'renew-leases',
  text: `
    update deliveries d set "queuedUntil" = ${sqlLeaseEnd}
    from unnest($1::uuid[], $2::timestamptz[]) as held (id, "queuedUntil")
    where d.id = held.id and ${sqlIsHeld('held', 'd')}
    returning d.id as "deliveryId", d."queuedUntil"`,
}

interface RenewLeasesRow {
  deliveryId: string
  queuedUntil: Date
}

/**
 * A lease of a subscription with a rate limit goes back when it has waited this long for its turn. Late leases would
 * otherwise pile up and be sent in a burst above the limit.
 */
const MAX_PACED_WAIT_MS = 1000

/** Above this number of waiting deliveries, of all subscriptions, the fast path brings no advantage. */
const MAX_WAITING_FOR_FAST_PATH = 2000

interface HeldDelivery {
  lease: Lease
  /** When it came here or its lease was last renewed, by `performance.now()`. */
  sinceMs: number
}

interface Running extends WorkerCollaborators {
  intake: Intake
  renewals: Poller
}

export function createWorker(options: WorkerOptions): Worker {
  const { database, queue, leaseQuotas, responsiveEndpoints, onError } = options
  const held = new Map<string, HeldDelivery>()
  let running: Running | undefined
  let onIdle: (() => void) | undefined
  let isStopping = false

  const fairQueue = createFairQueue({
    maxInFlight: options.concurrency,
    maxInFlightPerSubscription: options.concurrencyPerSubscription,
    responsivenessOf: responsiveEndpoints.of,
    tenantOf: options.tenantOf,
    start: (lease) => void runAttempt(lease),
  })

  async function runAttempt(lease: Lease): Promise<void> {
    const { deliveryId, subscriptionId } = lease
    const startedAt = performance.now()
    let isSlotFree = false
    // The slot is free as soon as the exchange has ended: recording the attempt does not involve the endpoint.
    const freeSlot = (isAnswered?: boolean) => {
      if (isSlotFree) return
      isSlotFree = true
      const tookMs = performance.now() - startedAt
      if (isAnswered !== undefined) responsiveEndpoints.noteEnded(subscriptionId, tookMs, isAnswered)
      fairQueue.ended(lease, isAnswered)
    }
    try {
      await (isTooLate(lease) ? giveBack([lease]) : running?.attempt(lease, freeSlot))
    } catch (error) {
      // The lease runs out, and the delivery is attempted again.
      onError(error)
    } finally {
      freeSlot()
      held.delete(deliveryId)
      leaseQuotas.ended(subscriptionId)
      running?.onCapacityFreed(subscriptionId)
      if (held.size === 0) onIdle?.()
    }
  }

  function isTooLate({ deliveryId, isPaced }: Lease): boolean {
    const sinceMs = held.get(deliveryId)?.sinceMs
    return isPaced && sinceMs !== undefined && performance.now() - sinceMs > MAX_PACED_WAIT_MS
  }

  async function giveBack(leases: Lease[]): Promise<void> {
    await giveBackLeases(database, leases)
    running?.onGivenBack(new Set(leases.map(({ subscriptionId }) => subscriptionId)))
  }

  function take(leases: Lease[]): void {
    // An event may be committed, or a job taken, just as the stop begins.
    if (running === undefined || isStopping) return void giveBackLeases(database, leases).catch(onError)
    for (const lease of leases) {
      const known = held.get(lease.deliveryId)
      if (known) {
        // Its lease ran out because the renewal came too late, and it was leased again while it was here.
        known.lease.queuedUntil = lease.queuedUntil
        continue
      }
      held.set(lease.deliveryId, { lease, sinceMs: performance.now() })
      fairQueue.add(lease)
    }
  }

  /**
   * Of the deliveries that have been here for long, gives back those that wait and renews the leases of the others.
   */
  async function reviewOld(): Promise<boolean> {
    const oldest = performance.now() - LEASE_RENEWED_EVERY_MS
    await giveBackWaiting(oldest)
    const old = [...held.values()].filter(({ sinceMs }) => sinceMs <= oldest)
    if (old.length === 0) return false
    for (const { lease } of old) responsiveEndpoints.noteWaiting(lease.subscriptionId, LEASE_RENEWED_EVERY_MS)
    const columns = leaseColumns(old.map(({ lease }) => lease))
    for (const { deliveryId, queuedUntil } of await database.query<RenewLeasesRow>(renewLeases, columns)) {
      const renewed = held.get(deliveryId)
      if (renewed === undefined) continue
      renewed.lease.queuedUntil = queuedUntil.toISOString()
      renewed.sinceMs = performance.now()
    }
    return false
  }

  /** Gives back what has waited since before `oldest`, and lowers the lease quotas of those subscriptions. */
  async function giveBackWaiting(oldest: number): Promise<void> {
    const isOld = ({ deliveryId }: Lease) => (held.get(deliveryId)?.sinceMs ?? oldest) <= oldest
    const overdue = fairQueue.withdraw(isOld)
    for (const { deliveryId } of overdue) held.delete(deliveryId)
    const subscriptionIds = overdue.map(({ subscriptionId }) => subscriptionId)
    leaseQuotas.review(subscriptionIds, fairQueue.inFlightOf)
    if (overdue.length > 0) await giveBack(overdue)
  }

  return {
    get inFlight() {
      return fairQueue.inFlight
    },
    get held() {
      return held.size
    },
    get waiting() {
      return fairQueue.waiting
    },
    async start(collaborators) {
      running = {
        ...collaborators,
        renewals: createPoller({ run: reviewOld, intervalMs: LEASE_RENEWED_EVERY_MS / 2, onError }),
        intake: queue.work(async ({ leases, prepared }) => {
          if (prepared !== undefined) collaborators.prepare({ leases, prepared })
          take(leases)
        }),
      }
      running.renewals.start()
      await running.intake.ready
    },
    take,
    saturated: () =>
      isStopping || fairQueue.waiting >= MAX_WAITING_FOR_FAST_PATH ? undefined : fairQueue.saturated(),
    async stop(cutOffAt, cutOff) {
      isStopping = true
      await running?.intake[Symbol.asyncDispose]()
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
      await running?.renewals[Symbol.asyncDispose]()
      cutOff.abort()
      const rest = [...held.values()].map(({ lease }) => lease)
      if (rest.length > 0) await giveBackLeases(database, rest).catch(onError)
      return rest.length
    },
  }
}
