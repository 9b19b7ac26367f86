/**
 * Wakes the consumers that wait for a delivery, in every process. A wake-up may be lost, so who waits also looks by
 * itself now and then.
 */
import { EventEmitter } from 'node:events'
import type { PubSub } from '../platform/pubsub.js'

export interface FeedWakes {
  /** Never waits and never fails. To be called when deliveries of these subscriptions are due. */
  send(subscriptionIds: string[]): void
  /** Begins to listen at once, so that no wake-up between a look and a wait is lost. */
  listen(subscriptionId: string): FeedListener
}

export interface FeedListener extends Disposable {
  /** Resolves when there was a wake-up since the last call, after this time, or when the signal is aborted. */
  next(timeoutMs: number, signal: AbortSignal): Promise<void>
}

/** The channel and the fields stay the same in every version: processes of two versions may run at once. */
const CHANNEL = 'pull'

interface Message {
  subscriptionIds: string[]
}

export function createFeedWakes(pubSub: PubSub): FeedWakes {
  const emitter = new EventEmitter().setMaxListeners(0)
  let isSubscribed = false

  function subscribe(): void {
    if (isSubscribed) return
    isSubscribed = true
    const onMessage = (message: unknown) => {
      for (const subscriptionId of (message as Message).subscriptionIds) emitter.emit(subscriptionId)
    }
    // Resolves only when Redis is reachable, and nobody waits for that.
    pubSub.subscribe(CHANNEL, onMessage).catch(() => {})
  }

  return {
    send: (subscriptionIds) => pubSub.publish(CHANNEL, () => ({ subscriptionIds }) satisfies Message),
    listen(subscriptionId) {
      subscribe()
      let isWoken = false
      const onWake = () => {
        isWoken = true
      }
      emitter.on(subscriptionId, onWake)
      return {
        next: (timeoutMs, signal) =>
          new Promise((resolve) => {
            const end = () => {
              clearTimeout(timer)
              emitter.off(subscriptionId, end)
              signal.removeEventListener('abort', end)
              isWoken = false
              resolve()
            }
            const timer = setTimeout(end, timeoutMs)
            emitter.on(subscriptionId, end)
            signal.addEventListener('abort', end)
            if (isWoken || signal.aborted) end()
          }),
        [Symbol.dispose]: () => void emitter.off(subscriptionId, onWake),
      }
    },
  }
}
