/** Checks by a write whether Redis is usable. PING is not enough: a replica and a Redis without memory answer it. */
import type { RedisClient } from './clients.js'

/** Like the queue, a script that writes a key of the service. It leaves nothing behind. */
const write = `redis.call('set', KEYS[1], '', 'px', 10000) return redis.call('del', KEYS[1])`

/** @throws Error with the answer of Redis to a write */
export async function probe(redis: RedisClient, prefix: string): Promise<void> {
  await redis.eval(write, 1, `${prefix}:probe`)
}
