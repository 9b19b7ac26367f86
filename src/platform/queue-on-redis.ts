/** BullMQ on Redis, made to bear what a Redis that people have does: being demoted, full, or refusing the password. */
import { setTimeout as pause } from 'node:timers/promises'
import { createRedisBackend, Queue, type RedisQueueBackend, Worker } from 'bullmq'
import { type Backend, TAKEN_AT_ONCE } from './queue.js'
import type { RedisAccess } from './redis/redis.js'

/** Before Redis is asked again after an error: BullMQ itself would do so at once, or after 15 seconds. */
const RETRY_MS = 1000
/** An error of the worker counts for so long, if nothing that it asks for succeeds meanwhile. */
const TROUBLE_MS = 3 * RETRY_MS

export function onRedis(redis: RedisAccess): Backend {
  const stopped = new AbortController()
  let trouble: { error: unknown; at: number } | undefined

  /** Asks Redis, and rests when that failed. */
  const unhurried =
    <Args extends unknown[], Result>(ask: (...args: Args) => Promise<Result>) =>
    async (...args: Args): Promise<Result> => {
      try {
        const result = await ask(...args)
        trouble = undefined
        return result
      } catch (error) {
        if (stopped.signal.aborted) throw error
        trouble = { error, at: performance.now() }
        await pause(RETRY_MS, undefined, { signal: stopped.signal, ref: false }).catch(() => {})
        throw error
      }
    }

  const createBackend: typeof createRedisBackend = (...args) => {
    const backend: RedisQueueBackend = createRedisBackend(...args)
    backend.moveToActive = unhurried(backend.moveToActive.bind(backend))
    backend.waitForJob = unhurried(backend.waitForJob.bind(backend))
    return backend
  }

  // What BullMQ would learn and warn of at its first connection, redis/ does at each.
  const shared = { prefix: redis.prefix, skipVersionCheck: true }
  return {
    createQueue: (name) =>
      new Queue<object, void, string>(name, {
        ...shared,
        connection: redis.commands,
        skipWaitingForReady: true,
      }),
    createWorker: (name, take) =>
      new Worker<object, void, string>(
        name,
        take,
        {
          ...shared,
          connection: redis.openPatient(),
          concurrency: TAKEN_AT_ONCE,
          runRetryDelay: RETRY_MS,
        },
        createBackend,
      ),
    // Redis may well be away at the start: BullMQ connects when it comes.
    whenReady: () => Promise.resolve(),
    isThere: redis.isThere,
    async check() {
      await redis.check()
      if (trouble !== undefined && performance.now() - trouble.at < TROUBLE_MS) throw trouble.error
    },
    // The connections end with the access to Redis.
    async close() {},
    stop: () => stopped.abort(),
  }
}
