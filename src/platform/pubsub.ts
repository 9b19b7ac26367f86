/**
 * Messages to whoever listens, in every process: over Redis where there is one (graphql-redis-subscriptions),
 * within this process where there is none. A message may be lost: nothing depends on its arrival.
 */
import { EventEmitter } from 'node:events'
import { RedisPubSub } from 'graphql-redis-subscriptions'
import { Redis } from 'ioredis'

export interface PubSub extends AsyncDisposable {
  /** Never waits and never fails. Messages of one process arrive in the order in which they were published. */
  publish(channel: string, message: unknown): void
  /** Resolves, once the listener hears, with a function that ends it. The last to go ends Redis's subscription. */
  subscribe(channel: string, listener: (message: unknown) => void): Promise<() => void>
  /** Resolves when Redis answers; absent where there is none. */
  ping?: () => Promise<unknown>
}

export function createPubSub(redisUrl: string | undefined, onError: (error: Error) => void): PubSub {
  return redisUrl === undefined ? withinProcess() : overRedis(redisUrl, onError)
}

function withinProcess(): PubSub {
  const emitter = new EventEmitter().setMaxListeners(0)
  return {
    publish(channel, message) {
      // As plain data, as it would come from Redis.
      if (emitter.listenerCount(channel) > 0) emitter.emit(channel, structuredClone(message))
    },
    async subscribe(channel, listener) {
      emitter.on(channel, listener)
      return () => void emitter.off(channel, listener)
    },
    async [Symbol.asyncDispose]() {
      emitter.removeAllListeners()
    },
  }
}

function overRedis(url: string, onError: (error: Error) => void): PubSub {
  // What can't be sent at once is dropped, rather than kept for later.
  const publisher = new Redis(url, { enableOfflineQueue: false, maxRetriesPerRequest: 1 })
  // A subscriber can't be asked whether it is ready, and subscribing before it is would hang.
  const subscriber = new Redis(url, { enableReadyCheck: false, maxRetriesPerRequest: null })
  for (const redis of [publisher, subscriber]) redis.on('error', onError)
  const prefix = `node-event-service:${publisher.options.db ?? 0}:`
  const redis = new RedisPubSub({ publisher, subscriber, reviver: reviveTimes })

  return {
    publish: (channel, message) => void redis.publish(prefix + channel, message).catch(() => {}),
    async subscribe(channel, listener) {
      const subscription = await redis.subscribe(prefix + channel, listener)
      return () => redis.unsubscribe(subscription)
    },
    ping: () => publisher.ping(),
    async [Symbol.asyncDispose]() {
      publisher.disconnect()
      subscriber.disconnect()
    },
  }
}

/** Times go through JSON as text; their fields are known by their names. */
function reviveTimes(name: string, value: unknown): unknown {
  return typeof value === 'string' && name.endsWith('At') ? new Date(value) : value
}
