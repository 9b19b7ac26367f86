/**
 * Wake-ups between pollers: "there are entries in the outbox", "deliveries are due", "subscriptions have changed". They
 * carry no data and may be lost, because every poller also polls by itself. Listeners of this process are called at
 * once, those of other processes over Redis.
 */
import { EventEmitter } from 'node:events'
import type { PubSub } from '../../platform/pubsub.js'

type WakeUp = 'outbox' | 'due' | 'subscriptions' | 'catalogue' | 'replays' | 'erasures'

export interface WakeUps {
  /** Never waits and never fails. */
  send(wakeUp: WakeUp): void
  listen(wakeUp: WakeUp, listener: () => void): void
}

/**
 * The channel and the fields of a message are the same in every version: processes of two versions may run at once.
 */
const CHANNEL = 'signals'

interface Message {
  sender: string
  signal: WakeUp
}

export function createWakeUps(pubSub: PubSub): WakeUps {
  const emitter = new EventEmitter()
  const sender = `${process.pid}-${Math.random()}`
  const unsent = new Set<WakeUp>()
  let isSubscribed = false

  /** Sends one message for all equal wake-ups of this turn of the event loop. */
  function publish(wakeUp: WakeUp): void {
    if (unsent.has(wakeUp)) return
    unsent.add(wakeUp)
    setImmediate(() => {
      unsent.delete(wakeUp)
      pubSub.publish(CHANNEL, () => ({ sender, signal: wakeUp }) satisfies Message)
    })
  }

  function subscribe(): void {
    if (isSubscribed) return
    isSubscribed = true
    const onMessage = (message: unknown) => {
      const { sender: from, signal } = message as Message
      if (from !== sender) emitter.emit(signal)
    }
    // Resolves only when Redis is reachable, and a start does not wait for that.
    pubSub.subscribe(CHANNEL, onMessage).catch(() => {})
  }

  return {
    send(wakeUp) {
      emitter.emit(wakeUp)
      publish(wakeUp)
    },
    listen(wakeUp, listener) {
      emitter.on(wakeUp, listener)
      subscribe()
    },
  }
}
