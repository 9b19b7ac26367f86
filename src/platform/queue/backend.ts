/** BullMQ's queue and worker, as far as the service uses them, on Redis or on PostgreSQL. */
import type { Queue, Worker } from 'bullmq'
import type { RedisAccess } from '../redis/redis.js'

export interface JobQueueOptions {
  name: string
  /** Absent: the queue is on PostgreSQL. */
  redis: RedisAccess | undefined
  databaseUrl: string
  onError(error: Error): void
}

/** Jobs that may be in a worker's hands at once. Taking one is short: see the worker of the delivery engine. */
export const TAKEN_AT_ONCE = 16

interface ErrorEmitter {
  on(event: 'error', listener: (error: Error) => void): unknown
}

/** What BullMQ's classes have in common on both backends, as far as it is used here. */
export interface Backend {
  createQueue(
    name: string,
  ): Pick<Queue<object, void, string>, 'addBulk' | 'getJobCounts' | 'close' | 'waitUntilReady'> & ErrorEmitter
  createWorker(
    name: string,
    take: (job: { data: object }) => Promise<void>,
  ): Pick<Worker, 'close' | 'waitUntilReady'> & ErrorEmitter
  whenReady(resource: Pick<Worker | Queue, 'waitUntilReady'>): Promise<unknown>
  /** Whether it makes sense to add now; what is added to a Redis that is away would pile up in memory. */
  isThere(): boolean
  check(): Promise<void>
  /** Told at the beginning of the end: what rests now need not wait any longer. */
  stop(): void
  close(): Promise<void>
}
