/**
 * Wake-up calls between the parts of the service: "something is in the outbox", "deliveries are due". They
 * carry nothing and may be lost: every listener also looks by itself now and then. With Redis they reach every
 * process; without it there is only this one.
 */
import { EventEmitter } from 'node:events'
import { Redis } from 'ioredis'

export type Signal = 'outbox' | 'due'

export interface Signals extends AsyncDisposable {
  /** Never waits and never fails. */
  send(signal: Signal): void
  listen(signal: Signal, listener: () => void): void
  /** Resolves when Redis answers; absent where there is none. */
  ping?: () => Promise<unknown>
}

export function createSignals(redisUrl: string | undefined, onError: (error: Error) => void): Signals {
  const local = new EventEmitter()
  const remote = redisUrl === undefined ? undefined : connect(redisUrl, local, onError)
  return {
    send(signal) {
      local.emit(signal)
      remote?.send(signal)
    },
    listen(signal, listener) {
      local.on(signal, listener)
    },
    ...(remote && { ping: remote.ping }),
    async [Symbol.asyncDispose]() {
      local.removeAllListeners()
      remote?.close()
    },
  }
}

function connect(redisUrl: string, local: EventEmitter, onError: (error: Error) => void) {
  const publisher = new Redis(redisUrl, { enableOfflineQueue: false, maxRetriesPerRequest: 1 })
  // A subscriber can't be asked whether it is ready, and subscribing before it is would hang.
  const subscriber = new Redis(redisUrl, { enableReadyCheck: false, maxRetriesPerRequest: null })
  const channel = `node-event-service:${publisher.options.db ?? 0}:signals`
  for (const redis of [publisher, subscriber]) redis.on('error', onError)
  subscriber.subscribe(channel).catch(onError)
  subscriber.on('message', (_channel, message) => {
    const { from, signal } = JSON.parse(message) as { from: string; signal: Signal }
    if (from !== self) local.emit(signal)
  })
  const self = `${process.pid}-${Math.random()}`

  const unsent = new Set<Signal>()
  return {
    send(signal: Signal) {
      // One call for all that happens in this turn of the event loop.
      if (unsent.has(signal)) return
      unsent.add(signal)
      setImmediate(() => {
        unsent.delete(signal)
        publisher.publish(channel, JSON.stringify({ from: self, signal })).catch(() => {})
      })
    },
    ping: () => publisher.ping(),
    close() {
      publisher.disconnect()
      subscriber.disconnect()
    },
  }
}
