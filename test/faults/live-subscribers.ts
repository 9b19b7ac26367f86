/** Subscribers of live updates that come, stay for a while and go, over SSE and over WebSocket. */
import { setMaxListeners } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { createClient as createSseClient } from 'graphql-sse'
import { createClient as createWebSocketClient } from 'graphql-ws'
import { WebSocket } from 'ws'
import type { Random } from './random.js'

export interface LiveSubscribers extends AsyncDisposable {
  opened: number
  /** Ended by the service or by an error. */
  failed: number
  updates: number
}

const AT_ONCE = 40
const SHORTEST_MS = 500
const LONGEST_MS = 30_000
const QUERY = 'subscription { deliveryUpdated { id status attempts } }'

interface Options {
  apiUrls: string[]
  apiKey: string
  random: Random
}

export function startLiveSubscribers({ apiUrls, apiKey, random }: Options): LiveSubscribers {
  const stopped = new AbortController()
  setMaxListeners(AT_ONCE, stopped.signal)
  const subscribers: LiveSubscribers = {
    ...{ opened: 0, failed: 0, updates: 0 },
    async [Symbol.asyncDispose]() {
      stopped.abort()
      await Promise.all(running)
    },
  }

  async function subscribeOnce(): Promise<void> {
    const url = `${random.pick(apiUrls)}/graphql`
    const client = random.isOneIn(2)
      ? createSseClient({ url, headers: { 'x-api-key': apiKey }, retryAttempts: 0 })
      : createWebSocketClient({
          ...{ url: url.replace('http', 'ws'), webSocketImpl: WebSocket },
          ...{ connectionParams: { apiKey }, retryAttempts: 0 },
        })
    let isOver = false
    const end = () => {
      if (!isOver) subscribers.failed += 1
    }
    const next = () => {
      subscribers.updates += 1
    }
    subscribers.opened += 1
    const stop = client.subscribe({ query: QUERY }, { next, error: end, complete: end })
    await pause(random.durationMs(SHORTEST_MS, LONGEST_MS), undefined, { signal: stopped.signal }).catch(
      () => {},
    )
    isOver = true
    stop()
    // A WebSocket that is closing already rejects with its close event.
    await Promise.resolve(client.dispose()).catch(() => {})
  }

  const running = Array.from({ length: AT_ONCE }, async () => {
    while (!stopped.signal.aborted) await subscribeOnce()
  })
  return subscribers
}
