/** Whether Redis can be used, which PING does not tell: a replica and a Redis without memory answer it too. */
import type { RedisClient } from './clients.js'

/** What the queue does all the time: a script that writes among the service's own keys, and leaves nothing there. */
const write = `redis.call('set', KEYS[1], '', 'px', 10000) return redis.call('del', KEYS[1])`

/** @throws Error with what Redis says to a write */
export async function probe(redis: RedisClient, prefix: string): Promise<void> {
  await redis.eval(write, 1, `${prefix}:probe`)
}
