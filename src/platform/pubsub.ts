/**
 * Messages to whoever listens, in every process: over Redis where there is one (graphql-redis-subscriptions),
 * within this process and its peers where there is none. A message may be lost: nothing depends on its arrival.
 */
import { EventEmitter } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { RedisPubSub } from 'graphql-redis-subscriptions'
import type { Redis } from 'ioredis'
import { connectToPeers } from './cluster-ipc.js'
import type { RedisAccess } from './redis/redis.js'

export interface PubSub extends AsyncDisposable {
  /**
   * Never waits and never fails. Messages of one process arrive in the order in which they were published. One is
   * made only when somebody listens.
   */
  publish(channel: string, make: () => unknown): void
  /** Resolves, once the listener hears, with a function that ends it. The last to go ends Redis's subscription. */
  subscribe(channel: string, listener: (message: unknown) => void): Promise<() => void>
}

export function createPubSub(redis: RedisAccess | undefined): PubSub {
  return redis === undefined ? withinService() : overRedis(redis)
}

function withinService(): PubSub {
  const emitter = new EventEmitter().setMaxListeners(0)
  const peers = connectToPeers()
  peers?.onMessage((channel, message) => void emitter.emit(channel, message))
  return {
    publish(channel, make) {
      // As plain data, as it would come from Redis.
      if (peers === undefined && emitter.listenerCount(channel) === 0) return
      const message = structuredClone(make())
      peers?.send(channel, message)
      emitter.emit(channel, message)
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

function overRedis(access: RedisAccess): PubSub {
  const subscriber = access.openSubscriber()
  const redis = new RedisPubSub({
    publisher: access.commands,
    // It uses no more of a client than this has.
    subscriber: subscriber as unknown as Redis,
    reviver: reviveTimes,
  })
  const prefix = `${access.prefix}:`

  return {
    publish: createOutgoing(access, (channel, message) => redis.publish(channel, message), prefix),
    async subscribe(channel, listener) {
      const subscription = await redis.subscribe(prefix + channel, listener)
      return () => redis.unsubscribe(subscription)
    },
    async [Symbol.asyncDispose]() {
      subscriber[Symbol.dispose]()
    },
  }
}

interface Unsent {
  channel: string
  make: () => unknown
}

/** What waits to be sent while Redis doesn't answer; beyond that it is dropped. */
const MAX_UNSENT = 1000
/** Gathers what many small changes have to say. The first says it at once. */
const REST_MS = 10

/**
 * Sends only what somebody listens to, asking Redis first, for all messages of the moment at once: to put changes
 * into JSON that nobody reads would cost a tenth of what the service does.
 */
function createOutgoing(
  redis: RedisAccess,
  send: (channel: string, message: unknown) => Promise<void>,
  prefix: string,
): PubSub['publish'] {
  let unsent: Unsent[] = []
  let isSending = false

  async function sendAll(): Promise<void> {
    while (unsent.length > 0) {
      const messages = unsent
      unsent = []
      const heard = await redis.findHeard([...new Set(messages.map(({ channel }) => channel))])
      const wanted = messages.filter(({ channel }) => heard.has(channel))
      await Promise.all(wanted.map(({ channel, make }) => send(channel, make())))
      await pause(REST_MS)
    }
  }

  return (channel, make) => {
    if (unsent.length >= MAX_UNSENT) return
    unsent.push({ channel: prefix + channel, make })
    if (isSending) return
    isSending = true
    void sendAll()
      // What can't be sent is lost, and what waits behind it is tried anew.
      .catch(() => {})
      .finally(() => {
        isSending = false
      })
  }
}

/** Times go through JSON as text; their fields are known by their names. */
function reviveTimes(name: string, value: unknown): unknown {
  return typeof value === 'string' && name.endsWith('At') ? new Date(value) : value
}
