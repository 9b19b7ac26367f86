/**
 * Wake-up calls between the parts of the service: "something is in the outbox", "deliveries are due". They
 * carry nothing and may be lost: every listener also looks by itself now and then. In this process they are
 * heard at once; other processes hear them over Redis.
 */
import { EventEmitter } from 'node:events'
import type { PubSub } from '../../platform/pubsub.js'

type Signal = 'outbox' | 'due'

export interface Signals {
  /** Never waits and never fails. */
  send(signal: Signal): void
  listen(signal: Signal, listener: () => void): void
}

const CHANNEL = 'signals'

interface Message {
  sender: string
  signal: Signal
}

export function createSignals(pubSub: PubSub): Signals {
  const emitter = new EventEmitter()
  const sender = `${process.pid}-${Math.random()}`
  const unsent = new Set<Signal>()
  let isListening = false

  /** One message for all that happens in this turn of the event loop. */
  function tellOthers(signal: Signal): void {
    if (unsent.has(signal)) return
    unsent.add(signal)
    setImmediate(() => {
      unsent.delete(signal)
      pubSub.publish(CHANNEL, () => ({ sender, signal }) satisfies Message)
    })
  }

  function hearOthers(): void {
    if (isListening) return
    isListening = true
    const hear = (message: unknown) => {
      const { sender: from, signal } = message as Message
      if (from !== sender) emitter.emit(signal)
    }
    // Resolves only when Redis is there, which a start doesn't wait for.
    pubSub.subscribe(CHANNEL, hear).catch(() => {})
  }

  return {
    send(signal) {
      emitter.emit(signal)
      tellOthers(signal)
    },
    listen(signal, listener) {
      emitter.on(signal, listener)
      hearOthers()
    },
  }
}
