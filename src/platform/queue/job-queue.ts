/**
 * The queue between those who find work and those who do it: BullMQ, on Redis, or on PostgreSQL where there
 * is no Redis. It holds nothing that PostgreSQL couldn't give again, so a job is removed as soon as it was
 * taken, and a queue that lost everything loses nothing.
 */
import { QUEUE_MS } from '../../budgets.js'
import { ExpectedStartError } from '../../errors.js'
import { withTimeout } from '../timeout.js'
import type { JobQueueOptions } from './backend.js'
import { onPostgres } from './on-postgres.js'
import { onRedis } from './on-redis.js'

export interface JobQueue<Job> extends AsyncDisposable {
  /** Resolves when the queue holds the jobs. */
  add(jobs: Job[]): Promise<void>
  /** Hands each job to `take`, in this process or whichever one also works on the queue. */
  work(take: (job: Job) => Promise<void>): Intake
  /** How many jobs are in which state (`waiting`, `active`, …). */
  counts(): Promise<Record<string, number>>
  /** Resolves when jobs can be added and taken. @throws Error that says why not */
  check(): Promise<void>
}

export interface Intake extends AsyncDisposable {
  /** Once it is set, the intake survives whatever becomes of the queue. A start waits for it. */
  ready: Promise<unknown>
}

/** A queue that doesn't answer in this time counts as away. */
const ADD_TIMEOUT_MS = 2000
/** Of the two steps of a stop: nothing is waited for that is away, and it is not for the queue to say so. */
const CLOSE_TIMEOUT_MS = QUEUE_MS / 4
const READY_TIMEOUT_MS = 30_000
const jobOptions = { removeOnComplete: true, removeOnFail: true, attempts: 1 }

export function createJobQueue<Job extends object>(options: JobQueueOptions): JobQueue<Job> {
  const { name, onError } = options
  const backend = options.redis === undefined ? onPostgres(options) : onRedis(options.redis)
  const queue = backend.createQueue(name)
  queue.on('error', onError)

  return {
    async add(jobs) {
      if (!backend.isThere()) throw new Error('The queue is away.')
      const added = queue.addBulk(jobs.map((data) => ({ name, data, opts: jobOptions })))
      await withTimeout(added, ADD_TIMEOUT_MS, 'The queue')
    },
    work(take) {
      const worker = backend.createWorker(name, ({ data }) => take(data as Job))
      worker.on('error', onError)
      const ready = inReadyTime(Promise.all([queue, worker].map(backend.whenReady)))
      // Heard by whoever waits for it; nobody does where the start has failed before.
      ready.catch(() => {})
      return {
        ready,
        [Symbol.asyncDispose]() {
          backend.stop()
          return inTime(worker.close())
        },
      }
    },
    async counts() {
      if (!backend.isThere()) throw new Error('The queue is away.')
      return queue.getJobCounts('waiting', 'active', 'delayed', 'failed')
    },
    check: backend.check,
    async [Symbol.asyncDispose]() {
      await inTime(queue.close())
      await inTime(backend.close())
    },
  }
}

/** A queue that is away is not waited for: what it holds, PostgreSQL holds too. */
const inTime = (closing: Promise<void>): Promise<void> =>
  withTimeout(closing, CLOSE_TIMEOUT_MS, 'The queue').catch(() => {})

/** BullMQ waits for ever for a first connection that failed; its errors are logged as they come. */
const inReadyTime = (getting: Promise<unknown>): Promise<unknown> =>
  withTimeout(getting, READY_TIMEOUT_MS, 'The queue').catch(() => {
    throw new ExpectedStartError(
      `Node Event Service can't start: its queue was not ready within ${READY_TIMEOUT_MS / 1000} s, for the reason that the log gives.`,
    )
  })
