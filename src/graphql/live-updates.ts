/**
 * Live updates: what happens in any process reaches the subscribers of this one.
 *
 * However many subscribers there are, this process hears each message once, and nothing is subscribed while
 * nobody listens. Each subscriber has a queue of its own, bounded: one that reads too slowly is ended with an
 * error that says how to catch up, rather than let it grow.
 */

import { ServiceError } from '../errors.js'
import type { DeliverySnapshot } from '../model/delivery-snapshot.js'
import type { EventSnapshot } from '../model/event-snapshot.js'
import type { PubSub } from '../platform/pubsub.js'
import type { ServiceEvents } from '../telemetry/service-events.js'
import { limits } from './limits.js'

interface Topics {
  deliveries: DeliverySnapshot
  events: EventSnapshot
}

/** Who follows; each has a bound on what it follows at the same time. */
export interface Follower {
  /** One object for each API key. */
  key: object
  /** Absent over HTTP, where each subscription has a connection of its own. */
  socket?: object | undefined
}

export interface Live {
  /** Ends every subscriber's iteration, in order. */
  endAll(): void
  /**
   * What happens, as far as `wanted` says, from the first `next()` on: what nobody reads opens nothing. Ends when it
   * is returned.
   *
   * @throws ServiceError CONFLICT when one of the bounds is reached, here or from the first `next()`
   */
  follow<Topic extends keyof Topics>(
    topic: Topic,
    wanted: (change: Topics[Topic]) => boolean,
    follower: Follower,
  ): AsyncIterableIterator<Topics[Topic]>
}

/** Changes that wait for one subscriber. */
const MAX_WAITING = 1000

/** Puts what happens in this process before those who listen in any. */
export function broadcastServiceEvents(serviceEvents: ServiceEvents, pubSub: PubSub): void {
  serviceEvents.on('deliveriesChanged', (read) => pubSub.publish('deliveries', read))
  serviceEvents.on('eventsChanged', (read) => pubSub.publish('events', read))
}

export function createLiveUpdates(pubSub: PubSub): Live {
  const feeds = new Set<{ end(): void }>()
  const ofEach = new Map<object, number>()

  const bounds = ({ key, socket }: Follower): [string, number, number][] => [
    ['of this WebSocket', socket === undefined ? 0 : (ofEach.get(socket) ?? 0), limits.livePerSocket],
    ['with this API key', ofEach.get(key) ?? 0, limits.livePerKey],
    ['of this process', feeds.size, limits.liveInProcess],
  ]
  function checkBounds(follower: Follower): void {
    for (const [whose, count, limit] of bounds(follower)) if (count >= limit) throw tooMany(whose, limit)
  }
  function count({ key, socket }: Follower, change: 1 | -1): void {
    for (const each of [key, socket]) {
      if (each === undefined) continue
      const now = (ofEach.get(each) ?? 0) + change
      if (now === 0) ofEach.delete(each)
      else ofEach.set(each, now)
    }
  }

  return {
    endAll() {
      for (const feed of feeds) feed.end()
    },
    follow<Topic extends keyof Topics>(
      topic: Topic,
      wanted: (change: Topics[Topic]) => boolean,
      follower: Follower,
    ) {
      checkBounds(follower)
      return createFeed<Topics[Topic]>((feed) => {
        checkBounds(follower)
        feeds.add(feed)
        count(follower, 1)
        const listening = pubSub.subscribe(topic, (message) => {
          for (const change of message as Topics[Topic][]) if (wanted(change)) feed.push(change)
        })
        return {
          listening,
          close() {
            feeds.delete(feed)
            count(follower, -1)
            // It may end before it listens. Whether that fails is told to who waits for it.
            listening.then((unsubscribe) => unsubscribe()).catch(() => {})
          },
        }
      })
    },
  }
}

interface Feed<Item> {
  push(item: Item): void
  end(): void
}

/** Where the items of a feed come from, once it is open. */
interface Source {
  listening: Promise<unknown>
  close(): void
}

/** @param open is called by the first `next()` */
function createFeed<Item>(open: (feed: Feed<Item>) => Source): AsyncIterableIterator<Item> {
  let waiting: Item[] = []
  let wake: (() => void) | undefined
  let source: Source | undefined
  let state: 'open' | 'overflowed' | 'ended' = 'open'

  function end(as: 'overflowed' | 'ended'): void {
    if (state !== 'open') return
    state = as
    waiting = []
    source?.close()
    wake?.()
  }

  const feed: Feed<Item> = {
    push(item) {
      if (state !== 'open') return
      if (waiting.length >= MAX_WAITING) return end('overflowed')
      waiting.push(item)
      wake?.()
    },
    end: () => end('ended'),
  }

  async function listen(): Promise<void> {
    try {
      source ??= open(feed)
      await source.listening
    } catch (error) {
      end('ended')
      throw error
    }
  }

  return {
    [Symbol.asyncIterator]() {
      return this
    },
    async next() {
      if (state === 'open') await listen()
      while (waiting.length === 0 && state === 'open') {
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      if (state === 'overflowed') {
        state = 'ended'
        throw tooSlow()
      }
      const item = waiting.shift()
      return item === undefined ? { value: undefined, done: true } : { value: item, done: false }
    },
    async return() {
      end('ended')
      return { value: undefined, done: true }
    },
  }
}

const tooMany = (whose: string, limit: number) =>
  new ServiceError(
    'CONFLICT',
    `${limit} live subscriptions ${whose} are open, and no more are allowed. End one, or follow with a wider filter.`,
  )

const tooSlow = () =>
  new ServiceError(
    'CONFLICT',
    `More than ${MAX_WAITING} updates waited for this subscriber. Subscribe again, and query with ` +
      '`updatedAt: {from: …}` for what was missed.',
  )
