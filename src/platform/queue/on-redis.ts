/** BullMQ on Redis, which survives that Redis is demoted, is full or refuses the password. */
import { createRedisBackend, Queue, type RedisQueueBackend, Worker } from 'bullmq'
import type { RedisAccess } from '../redis/redis.js'
import { type Backend, TAKEN_AT_ONCE } from './backend.js'
import { createRetryPauses, RETRY_PAUSE_MS } from './retry-pauses.js'

export function onRedis(redis: RedisAccess): Backend {
  const { pauseAfterFailure, check, stop } = createRetryPauses()

  const createBackend: typeof createRedisBackend = (...args) => {
    const backend: RedisQueueBackend = createRedisBackend(...args)
    backend.moveToActive = pauseAfterFailure(backend.moveToActive.bind(backend))
    backend.waitForJob = pauseAfterFailure(backend.waitForJob.bind(backend))
    return backend
  }

  // BullMQ would check the version at its first connection. `redis/` checks at each connection.
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
    // Redis may be away at the start. BullMQ connects later.
    whenReady: () => Promise.resolve(),
    isThere: redis.isThere,
    async check() {
      await redis.check()
      check()
    },
    // `RedisAccess` closes the connections.
    async close() {},
    stop,
  }
}
