// A store for `processOnce` of node-event-service-client/webhook, in Redis, with the library ioredis.

const GIVE_BACK = `
  if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end
  return 0`

/** @param {import('ioredis').Redis} redis */
export function createRedisStore(redis) {
  const key = (id) => `webhook:${id}`
  return {
    async take(id, token, leaseSeconds) {
      const isTaken = await redis.set(key(id), token, 'EX', leaseSeconds, 'NX')
      if (isTaken) return 'TAKEN'
      return (await redis.get(key(id))) === 'done' ? 'DONE' : 'BUSY'
    },
    finish: (id, keepSeconds) => redis.set(key(id), 'done', 'EX', keepSeconds),
    giveBack: (id, token) => redis.eval(GIVE_BACK, 1, key(id), token),
  }
}
