/**
 * The queue between those who find work and those who do it: BullMQ, on Redis, or on PostgreSQL where there
 * is no Redis. It holds nothing that PostgreSQL couldn't give again, so a job is removed as soon as it was
 * taken, and a queue that lost everything loses nothing.
 */
import type { Queue, Worker } from 'bullmq'
import { ExpectedStartError } from '../errors.js'
import { QUEUE_MS } from '../lifecycle/shutdown-budgets.js'
import { onPostgres } from './queue-on-postgres.js'
import { onRedis } from './queue-on-redis.js'
import type { RedisAccess } from './redis/redis.js'
import { withTimeout } from './timeout.js'

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

export interface JobQueueOptions {
  name: string
  /** Absent: the queue is on PostgreSQL. */
  redis: RedisAccess | undefined
  databaseUrl: string
  onError(error: Error): void
}

/** Jobs that may be in a worker's hands at once. Taking one is short: see the worker of the delivery engine. */
export const TAKEN_AT_ONCE = 16
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

interface Troubled {
  on(event: 'error', listener: (error: Error) => void): unknown
}

/** What BullMQ's classes have in common on both backends, as far as it is used here. */
export interface Backend {
  createQueue(
    name: string,
  ): Pick<Queue<object, void, string>, 'addBulk' | 'getJobCounts' | 'close' | 'waitUntilReady'> & Troubled
  createWorker(
    name: string,
    take: (job: { data: object }) => Promise<void>,
  ): Pick<Worker, 'close' | 'waitUntilReady'> & Troubled
  whenReady(part: Pick<Worker | Queue, 'waitUntilReady'>): Promise<unknown>
  /** Whether it makes sense to add now; what is added to a Redis that is away would pile up in memory. */
  isThere(): boolean
  check(): Promise<void>
  /** Told at the beginning of the end: what rests now need not wait any longer. */
  stop(): void
  close(): Promise<void>
}
