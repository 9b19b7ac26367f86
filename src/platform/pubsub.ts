/**
 * Messages to the listeners in every process: over Redis (graphql-redis-subscriptions), or without Redis within this
 * process and its peers. Listeners of this process get its messages at once, as they are. A message may be lost, and
 * nothing may depend on its arrival.
 */
import { randomUUID } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { RedisPubSub } from 'graphql-redis-subscriptions'
import type { Redis } from 'ioredis'
import { connectToPeers } from './cluster-ipc.js'
import type { RedisAccess } from './redis/redis.js'

export interface PubSub extends AsyncDisposable {
  /**
   * Never waits and never fails. Messages of one process arrive in the order in which they were published. `make` is
   * called only when a channel has listeners. What it returns must not change any more.
   */
  publish(channel: string, make: () => unknown): void
  /** Resolves once the listener gets messages, with a function that ends it. */
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
      if (peers === undefined && emitter.listenerCount(channel) === 0) return
      const message = make()
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
  const emitter = new EventEmitter().setMaxListeners(0)
  const subscriber = access.openSubscriber()
  const { mark, isMarked } = createMark()
  const redis = new RedisPubSub({
    publisher: access.commands,
    // RedisPubSub uses only these methods of a client.
    subscriber: subscriber as unknown as Redis,
    serializer: (message) => mark(JSON.stringify(message)),
    // The listeners of this process have had its own messages.
    deserializer: (text) => (isMarked(String(text)) ? undefined : JSON.parse(String(text), reviveTimes)),
  })
  const prefix = `${access.prefix}:`
  const send = createOutgoing(
    async (channels) => {
      const counts = await access.countSubscribers(channels)
      // This process is one of them.
      const others = (channel: string) =>
        (counts.get(channel) ?? 0) - (subscriber.isSubscribed(channel) ? 1 : 0)
      return new Set(channels.filter((channel) => others(channel) > 0))
    },
    (channel, message) => redis.publish(channel, message),
  )

  return {
    publish(channel, make) {
      let message: unknown
      const makeOnce = () => {
        message ??= make()
        return message
      }
      if (emitter.listenerCount(channel) > 0) emitter.emit(channel, makeOnce())
      send(prefix + channel, makeOnce)
    },
    async subscribe(channel, listener) {
      emitter.on(channel, listener)
      const onMessage = (message: unknown) => message !== undefined && listener(message)
      const subscription = await redis.subscribe(prefix + channel, onMessage)
      return () => {
        emitter.off(channel, listener)
        redis.unsubscribe(subscription)
      }
    },
    async [Symbol.asyncDispose]() {
      emitter.removeAllListeners()
      subscriber[Symbol.dispose]()
    },
  }
}

/**
 * Tells the messages of this process by a field of their first object. Processes of another version ignore it, so two
 * versions may run at once.
 */
function createMark() {
  const field = `{"from":"${randomUUID()}",`
  return {
    mark: (json: string) => json.replace('{', field),
    isMarked: (json: string) => json.startsWith(field) || json.startsWith(`[${field}`),
  }
}

interface Unsent {
  channel: string
  make: () => unknown
}

/** Messages that may wait while Redis doesn't answer. Further messages are dropped. */
const MAX_UNSENT = 1000
/** The pause between two batches of messages. The first message leaves at once. */
const REST_MS = 10

/**
 * Sends only messages of channels that other processes listen to. It first asks Redis for these, once for all waiting
 * messages: to serialize changes that have no reader would cost a tenth of the service's throughput.
 */
function createOutgoing(
  findHeard: (channels: string[]) => Promise<Set<string>>,
  send: (channel: string, message: unknown) => Promise<void>,
): PubSub['publish'] {
  let unsent: Unsent[] = []
  let isSending = false

  async function sendAll(): Promise<void> {
    while (unsent.length > 0) {
      const messages = unsent
      unsent = []
      const heard = await findHeard([...new Set(messages.map(({ channel }) => channel))])
      const wanted = messages.filter(({ channel }) => heard.has(channel))
      await Promise.all(wanted.map(({ channel, make }) => send(channel, make())))
      await pause(REST_MS)
    }
  }

  return (channel, make) => {
    if (unsent.length >= MAX_UNSENT) return
    unsent.push({ channel, make })
    if (isSending) return
    isSending = true
    void sendAll()
      // These messages are lost. The next publish sends those that wait behind them.
      .catch(() => {})
      .finally(() => {
        isSending = false
      })
  }
}

/** JSON has times as text. The names of their fields end with `At`. */
function reviveTimes(name: string, value: unknown): unknown {
  return typeof value === 'string' && name.endsWith('At') ? new Date(value) : value
}
