/** BullMQ's queue and worker, as far as the service uses them, on Redis or on PostgreSQL. */
import type { Queue, Worker } from 'bullmq'
import type { RedisAccess } from '../redis/redis.js'

export interface JobQueueOptions {
  name: string
  /** Without it, the queue is on PostgreSQL. */
  redis: RedisAccess | undefined
  databaseUrl: string
  onError(error: Error): void
}

/** Jobs that a BullMQ worker processes at once. Each takes little time: see the worker of the delivery engine. */
export const TAKEN_AT_ONCE = 16

interface ErrorEmitter {
  on(event: 'error', listener: (error: Error) => void): unknown
}

/** The methods of BullMQ's classes that are used on both backends. */
export interface Backend {
  createQueue(
    name: string,
  ): Pick<Queue<object, void, string>, 'addBulk' | 'getJobCounts' | 'close' | 'waitUntilReady'> & ErrorEmitter
  createWorker(
    name: string,
    take: (job: { data: object }) => Promise<void>,
  ): Pick<Worker, 'close' | 'waitUntilReady'> & ErrorEmitter
  whenReady(resource: Pick<Worker | Queue, 'waitUntilReady'>): Promise<unknown>
  /** Whether jobs can be added now. While Redis is away they would pile up in memory. */
  isThere(): boolean
  check(): Promise<void>
  /** Ends all pauses, at the beginning of a stop. */
  stop(): void
  close(): Promise<void>
}
