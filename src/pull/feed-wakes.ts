/**
 * Wakes the consumers that wait for a delivery, in every process. A wake-up may be lost, so who waits also looks by
 * itself now and then.
 */
import { EventEmitter } from 'node:events'
import type { PubSub } from '../platform/pubsub.js'

export interface FeedWakes {
  /**
   * Never waits and never fails. To be called when deliveries of these subscriptions are due, or with `answersOf` when
   * one was answered.
   */
  send(keys: string[]): void
  /** Begins to listen at once, so that no wake-up between a look and a wait is lost. */
  listen(...keys: string[]): FeedListener
}

/** What is sent when a delivery of the subscription was answered, or its lease has ended. */
export const answersOf = (subscriptionId: string): string => `answers of ${subscriptionId}`

export interface FeedListener extends Disposable {
  /** Resolves when there was a wake-up since the last call, after this time, or when the signal is aborted. */
  next(timeoutMs: number, signal: AbortSignal): Promise<void>
}

/** The channel and the fields stay the same in every version: processes of two versions may run at once. */
const CHANNEL = 'pull'

interface Message {
  keys: string[]
}

export function createFeedWakes(pubSub: PubSub): FeedWakes {
  const emitter = new EventEmitter().setMaxListeners(0)
  let isSubscribed = false

  function subscribe(): void {
    if (isSubscribed) return
    isSubscribed = true
    const onMessage = (message: unknown) => {
      for (const key of (message as Message).keys) emitter.emit(key)
    }
    // Resolves only when Redis is reachable, and nobody waits for that.
    pubSub.subscribe(CHANNEL, onMessage).catch(() => {})
  }

  return {
    send: (keys) => pubSub.publish(CHANNEL, () => ({ keys }) satisfies Message),
    listen(...keys) {
      subscribe()
      let isWoken = false
      const onWake = () => {
        isWoken = true
      }
      for (const key of keys) emitter.on(key, onWake)
      return {
        next: (timeoutMs, signal) =>
          new Promise((resolve) => {
            const end = () => {
              clearTimeout(timer)
              for (const key of keys) emitter.off(key, end)
              signal.removeEventListener('abort', end)
              isWoken = false
              resolve()
            }
            const timer = setTimeout(end, timeoutMs)
            for (const key of keys) emitter.on(key, end)
            signal.addEventListener('abort', end)
            if (isWoken || signal.aborted) end()
          }),
        [Symbol.dispose]() {
          for (const key of keys) emitter.off(key, onWake)
        },
      }
    },
  }
}
