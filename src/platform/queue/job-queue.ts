/**
 * The job queue: BullMQ on Redis, or on PostgreSQL without Redis. Every job can be made again from the tables of the
 * service. So a job is removed as soon as a worker has taken it, and a queue that loses its data loses no event.
 */
import { QUEUE_MS } from '../../budgets.js'
import { ExpectedStartError } from '../../errors.js'
import { withTimeout } from '../timeout.js'
import type { JobQueueOptions } from './backend.js'
import { onPostgres } from './on-postgres.js'
import { onRedis } from './on-redis.js'

/** The jobs were not added. After any other error of an addition, the queue may hold them. */
export class QueueAwayError extends Error {
  override readonly name = 'QueueAwayError'
}

export interface JobQueue<Job> extends AsyncDisposable {
  /** Resolves when the queue holds the jobs. @throws QueueAwayError */
  add(jobs: Job[]): Promise<void>
  /** Gives jobs to `take`. Other processes that work on the queue get the others. */
  work(take: (job: Job) => Promise<void>): Intake
  /** How many jobs are in which state (`waiting`, `active`, …). */
  counts(): Promise<Record<string, number>>
  /** Resolves when jobs can be added and taken. @throws Error that says why not */
  check(): Promise<void>
}

export interface Intake extends AsyncDisposable {
  /** Resolves when jobs arrive. From then on the intake survives an outage of the queue. */
  ready: Promise<unknown>
}

/** Without an answer in this time, the queue counts as away. */
const ADD_TIMEOUT_MS = 2000
/** For each of the two steps of a stop, which do not wait for a queue that is away. */
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
      if (!backend.isThere()) throw new QueueAwayError('The queue is away.')
      const added = queue.addBulk(jobs.map((data) => ({ name, data, opts: jobOptions })))
      await withTimeout(added, ADD_TIMEOUT_MS, 'The queue')
    },
    work(take) {
      const worker = backend.createWorker(name, ({ data }) => take(data as Job))
      worker.on('error', onError)
      const ready = inReadyTime(Promise.all([queue, worker].map(backend.whenReady)))
      // The start awaits it, unless it has failed before.
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

/** Does not wait for a queue that is away: PostgreSQL has everything that it holds. */
const inTime = (closing: Promise<void>): Promise<void> =>
  withTimeout(closing, CLOSE_TIMEOUT_MS, 'The queue').catch(() => {})

/** BullMQ waits for ever after a failed first connection. `onError` has logged its errors. */
const inReadyTime = (getting: Promise<unknown>): Promise<unknown> =>
  withTimeout(getting, READY_TIMEOUT_MS, 'The queue').catch(() => {
    throw new ExpectedStartError(
      `Node Event Service can't start: its queue was not ready within ${READY_TIMEOUT_MS / 1000} s. The log has the reason.`,
    )
  })
