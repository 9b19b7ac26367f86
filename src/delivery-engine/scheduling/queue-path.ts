/**
 * The queue path: the fast path of a process that delivers nothing itself (`ROLE=api`). The statement that accepts an
 * event leases its deliveries to the queue, and a job takes what the first attempt needs to a worker, which asks the
 * database for nothing. Outbox, dispatcher and loader have no part in it.
 *
 * It changes no guarantee. A job that gets lost, and one of which nobody knows whether the queue has it, leaves a lease
 * that runs out. What the queue has no room for goes through the outbox.
 */
import { acceptedChanges } from '../../events/accepted-changes.js'
import type { FastPath } from '../../events/publish.js'
import type { Database } from '../../platform/postgres/database.js'
import { type JobQueue, QueueAwayError } from '../../platform/queue/job-queue.js'
import { announceChanges, type Changes } from '../../telemetry/changes.js'
import type { ServiceEvents } from '../../telemetry/service-events.js'
import { DEFAULT_QUOTA } from '../fairness/lease-quotas.js'
import { type DeliveryJob, toPreparedJobs } from './delivery-job.js'
import { firstAttempts } from './first-attempts.js'
import { giveBackLeases } from './scheduler.js'

export interface QueuePathOptions {
  queue: JobQueue<DeliveryJob>
  database: Database
  serviceEvents: ServiceEvents
  /** Called when deliveries stay in the table: those of a queue that is away. */
  onDue(): void
  onError(error: unknown): void
}

/** While more jobs wait than this, workers get no more than they can do, and the outbox holds the rest. */
const MAX_WAITING_JOBS = 100
/** How often the waiting jobs are counted, while events are accepted. */
const COUNT_EVERY_MS = 100
/** After a failure the outbox is used for this long. */
const FAILURE_COUNTS_FOR_MS = 1000
/** Deliveries on their way to the queue. */
const MAX_ON_THE_WAY = 2000

export function createQueuePath(options: QueuePathOptions): FastPath & AsyncDisposable {
  const { queue, database, serviceEvents, onDue, onError } = options
  const depth = createQueueDepth(queue)
  const adding = new Set<Promise<void>>()
  let onTheWay = 0
  let isStopping = false

  async function add(jobs: DeliveryJob[], changes: Changes): Promise<void> {
    try {
      await queue.add(jobs)
    } catch (error) {
      onError(error)
      depth.noteFailure()
      announceChanges(serviceEvents, changes)
      // A worker may have the jobs although the answer was lost. Their leases then keep others from an attempt.
      if (!(error instanceof QueueAwayError)) return
      const leases = jobs.flatMap((job) => job.leases)
      await giveBackLeases(database, leases).catch(onError)
      onDue()
    }
  }

  return {
    // Another process makes the attempts. Only there is a delivery announced before its first one for sure.
    announcesDeliveries: true,
    quota: DEFAULT_QUOTA,
    saturated: () =>
      isStopping || onTheWay > MAX_ON_THE_WAY || depth.read() > MAX_WAITING_JOBS ? undefined : [],
    restMs: () => 0,
    take(candidates, accepted) {
      const { prepared } = firstAttempts(candidates, accepted)
      onTheWay += prepared.length
      const jobs = toPreparedJobs(prepared, accepted.at)
      const added = add(jobs, acceptedChanges(candidates, accepted)).finally(() => {
        onTheWay -= prepared.length
        adding.delete(added)
      })
      adding.add(added)
    },
    async [Symbol.asyncDispose]() {
      isStopping = true
      await Promise.all(adding)
    },
  }
}

/** The number of waiting jobs as it was a moment ago; infinite while the queue doesn't say. */
function createQueueDepth(queue: JobQueue<DeliveryJob>) {
  let waiting = Number.POSITIVE_INFINITY
  let countedAtMs = Number.NEGATIVE_INFINITY
  let failsUntilMs = Number.NEGATIVE_INFINITY

  async function count(): Promise<void> {
    try {
      waiting = (await queue.counts()).waiting ?? 0
    } catch {
      waiting = Number.POSITIVE_INFINITY
    }
  }

  return {
    read(): number {
      const nowMs = performance.now()
      if (nowMs - countedAtMs >= COUNT_EVERY_MS) {
        countedAtMs = nowMs
        void count()
      }
      return nowMs < failsUntilMs ? Number.POSITIVE_INFINITY : waiting
    },
    noteFailure(): void {
      failsUntilMs = performance.now() + FAILURE_COUNTS_FOR_MS
    },
  }
}
