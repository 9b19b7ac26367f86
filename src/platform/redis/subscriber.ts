/**
 * The connection for subscriptions. It subscribes again after each reconnect. ioredis can do so too, but does not
 * handle a rejection, so a changed password would end the process.
 */
import type { Redis } from 'ioredis'

/** The methods of ioredis that RedisPubSub uses. They never fail: a failed subscription is tried again later. */
export interface Subscriber extends Disposable {
  on(event: 'message', listener: (channel: string, message: string) => void): unknown
  /** Calls back once the channel is subscribed. */
  subscribe(channel: string, done: () => void): void
  unsubscribe(channel: string): void
  /** Whether Redis has confirmed the subscription on the connection of this moment. */
  isSubscribed(channel: string): boolean
  punsubscribe(pattern: string): void
}

/** A failed subscription is tried again after this. */
const RETRY_MS = 1000
/** Detects a dead connection, which otherwise carries no commands. */
const PING_EVERY_MS = 10_000

export function createSubscriber(redis: Redis, onError: (error: Error) => void): Subscriber {
  const wanted = new Set<string>()
  const waiting = new Map<string, () => void>()
  const confirmed = new Set<string>()
  let retry: NodeJS.Timeout | undefined

  async function listen(channels: Iterable<string>): Promise<void> {
    const names = [...channels].filter((channel) => wanted.has(channel))
    if (redis.status !== 'ready' || names.length === 0) return
    try {
      await redis.subscribe(...names)
    } catch (error) {
      onError(error as Error)
      clearTimeout(retry)
      retry = setTimeout(() => void listen(wanted), RETRY_MS).unref()
      return
    }
    for (const name of names) {
      if (wanted.has(name)) confirmed.add(name)
      waiting.get(name)?.()
      waiting.delete(name)
    }
  }

  redis.on('ready', () => void listen(wanted))
  redis.on('close', () => confirmed.clear())
  const pings = setInterval(() => {
    if (redis.status === 'ready') redis.ping().catch(() => {})
  }, PING_EVERY_MS).unref()

  return {
    on: (event, listener) => redis.on(event, listener),
    subscribe(channel, done) {
      wanted.add(channel)
      waiting.set(channel, done)
      void listen([channel])
    },
    unsubscribe(channel) {
      wanted.delete(channel)
      confirmed.delete(channel)
      if (redis.status === 'ready') redis.unsubscribe(channel).catch(() => {})
    },
    isSubscribed: (channel) => confirmed.has(channel),
    // RedisPubSub calls both. The service subscribes to no patterns.
    punsubscribe() {},
    [Symbol.dispose]() {
      clearInterval(pings)
      clearTimeout(retry)
    },
  }
}
