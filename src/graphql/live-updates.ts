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

interface Topics {
  deliveries: DeliverySnapshot
  events: EventSnapshot
}

export interface Live {
  /** Ends every subscriber's iteration, in order. */
  endAll(): void
  /** What happens from now on, as far as `wanted` says; ends when it is returned. */
  follow<Topic extends keyof Topics>(
    topic: Topic,
    wanted: (change: Topics[Topic]) => boolean,
  ): Promise<AsyncIterableIterator<Topics[Topic]>>
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
  return {
    endAll() {
      for (const feed of feeds) feed.end()
    },
    async follow<Topic extends keyof Topics>(topic: Topic, wanted: (change: Topics[Topic]) => boolean) {
      let unsubscribe: (() => void) | undefined
      const feed = createFeed<Topics[Topic]>(() => {
        feeds.delete(feed)
        unsubscribe?.()
      })
      feeds.add(feed)
      unsubscribe = await pubSub.subscribe(topic, (message) => {
        for (const change of message as Topics[Topic][]) if (wanted(change)) feed.push(change)
      })
      // The stop of the service may have ended it meanwhile.
      if (!feeds.has(feed)) unsubscribe()
      return feed.iterator
    },
  }
}

interface Feed<Item> {
  push(item: Item): void
  end(): void
  iterator: AsyncIterableIterator<Item>
}

function createFeed<Item>(onEnd: () => void): Feed<Item> {
  let waiting: Item[] = []
  let wake: (() => void) | undefined
  let state: 'open' | 'overflowed' | 'ended' = 'open'

  function end(as: 'overflowed' | 'ended'): void {
    if (state !== 'open') return
    state = as
    waiting = []
    onEnd()
    wake?.()
  }

  return {
    push(item) {
      if (state !== 'open') return
      if (waiting.length >= MAX_WAITING) return end('overflowed')
      waiting.push(item)
      wake?.()
    },
    end: () => end('ended'),
    iterator: {
      [Symbol.asyncIterator]() {
        return this
      },
      async next() {
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
    },
  }
}

const tooSlow = () =>
  new ServiceError(
    'CONFLICT',
    `More than ${MAX_WAITING} updates waited for this subscriber. Subscribe again, and query with ` +
      '`updatedAt: {from: …}` for what was missed.',
  )
