/** BullMQ on Redis, made to bear what a Redis that people have does: being demoted, full, or refusing the password. */
import { createRedisBackend, Queue, type RedisQueueBackend, Worker } from 'bullmq'
import type { RedisAccess } from '../redis/redis.js'
import { type Backend, TAKEN_AT_ONCE } from './backend.js'
import { createRetryPauses, RETRY_PAUSE_MS } from './retry-pauses.js'

export function onRedis(redis: RedisAccess): Backend {
  const { pauseAfterFailure: unhurried, check, stop } = createRetryPauses()

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
          runRetryDelay: RETRY_PAUSE_MS,
        },
        createBackend,
      ),
    // Redis may well be away at the start: BullMQ connects when it comes.
    whenReady: () => Promise.resolve(),
    isThere: redis.isThere,
    async check() {
      await redis.check()
      check()
    },
    // The connections end with the access to Redis.
    async close() {},
    stop,
  }
}
