/**
 * Live updates: the changes of every process reach the watchers of this process.
 *
 * This process hears each message once for all its watchers, and subscribes to nothing while it has none. An index
 * takes each change to the groups of watchers that want it; see `shared-updates.ts`.
 */
import { randomUUID } from 'node:crypto'
import { ServiceError } from '../errors.js'
import type { DeliverySnapshot } from '../model/delivery-snapshot.js'
import type { EventSnapshot } from '../model/event-snapshot.js'
import type { ReplaySnapshot } from '../model/replay.js'
import type { PubSub } from '../platform/pubsub.js'
import type { ServiceEvents } from '../telemetry/service-events.js'
import type { Viewer } from '../tenants/viewer.js'
import { createFeed, type FeedReader } from './feed.js'
import { limits } from './limits.js'
import type { ChangeSource, SharedUpdates } from './shared-updates.js'
import type { StatsUpdate, StatsUpdates } from './stats-updates.js'
import { createSubscriberIndex, type Filter } from './subscriber-index.js'
import type { Execute, Update } from './updates.js'

interface Topics {
  deliveries: DeliverySnapshot
  events: EventSnapshot
  replays: ReplaySnapshot
}

/** The owner of a live subscription. Each API key and each WebSocket has a bound on its live subscriptions. */
export interface Follower {
  /** One object for each API key. It sees what is of its tenant. */
  apiKey: Viewer
  /** Absent over HTTP, where each subscription has a connection of its own. */
  socket?: object | undefined
}

/** What the field of a subscription answers with. Nothing is opened before its updates are read. */
export interface LiveSource<Change> extends AsyncIterable<Change> {
  /**
   * The updates of one watcher, from the first `next()` on.
   *
   * @param key the same for all watchers whose answers are equal
   * @throws ServiceError CONFLICT from the first `next()` when one of the bounds is reached
   */
  read(key: string, execute: Execute<Change>): FeedReader<Update<Change>>
}

export interface LiveUpdates {
  /** Ends every watcher's subscription without an error. */
  endAll(): void
  /** The matching changes. @throws ServiceError CONFLICT when one of the bounds is reached */
  follow<Topic extends keyof Topics>(
    topic: Topic,
    filter: Filter<Topics[Topic]>,
    follower: Follower,
  ): LiveSource<Topics[Topic]>
  /** What one watcher alone gets, with the same bounds and errors. */
  followAlone<Change>(source: ChangeSource<Change>, follower: Follower): LiveSource<Change>
  /** The totals and rates, with the same bounds and errors. */
  followStats(follower: Follower): LiveSource<StatsUpdate>
}

/** A source is read by its watch. GraphQL only looks whether it can be iterated over. */
export const liveSource = <Change>(read: LiveSource<Change>['read']): LiveSource<Change> => ({
  read,
  async *[Symbol.asyncIterator]() {},
})

export const isLiveSource = (value: unknown): value is LiveSource<unknown> =>
  typeof value === 'object' && value !== null && 'read' in value && Symbol.asyncIterator in value

/** Publishes the changes of this process to the subscribers of all processes. */
export function broadcastServiceEvents(serviceEvents: ServiceEvents, pubSub: PubSub): void {
  serviceEvents.on('deliveriesChanged', (read) => pubSub.publish('deliveries', read))
  serviceEvents.on('eventsChanged', (read) => pubSub.publish('events', read))
  serviceEvents.on('replaysChanged', (read) => pubSub.publish('replays', read))
}

export function createLiveUpdates(
  pubSub: PubSub,
  statsUpdates: StatsUpdates,
  shared: SharedUpdates,
): LiveUpdates {
  const bounds = createBounds()
  const feeds = new Set<{ end(): void }>()
  const topics = {
    deliveries: listenTo<DeliverySnapshot>(pubSub, 'deliveries', [
      'eventId',
      'subscriptionId',
      'tenant',
      'status',
    ]),
    events: listenTo<EventSnapshot>(pubSub, 'events', ['id', 'tenant', 'type', 'status']),
    replays: listenTo<ReplaySnapshot>(pubSub, 'replays', ['id', 'tenant']),
  }

  /** A source within the bounds, and known to `endAll`. */
  function open<Change>(
    follower: Follower,
    source: ChangeSource<Change>,
    ownKey?: string,
  ): LiveSource<Change> {
    bounds.check(follower)
    return liveSource((key, execute) =>
      createFeed<Update<Change>>((feed) => {
        const leave = bounds.enter(follower)
        feeds.add(feed)
        const { listening, isIdle, close } = shared.join(ownKey ?? key, feed, source, execute)
        return {
          listening,
          isIdle,
          close() {
            close()
            feeds.delete(feed)
            leave()
          },
        }
      }),
    )
  }

  return {
    endAll() {
      for (const feed of feeds) feed.end()
    },
    follow<Topic extends keyof Topics>(topic: Topic, filter: Filter<Topics[Topic]>, follower: Follower) {
      const listener = topics[topic] as Listener<Topics[Topic]>
      return open<Topics[Topic]>(follower, {
        open: (push) => listener.join(visibleChanges(follower.apiKey, filter), push),
        rowOf: (change) => change,
        ...(topic === 'deliveries' && { timeOf: ({ updatedAt }) => updatedAt }),
      })
    },
    followAlone: (source, follower) => open(follower, source, randomUUID()),
    followStats: (follower) =>
      open<StatsUpdate>(follower, {
        open: (push) => statsUpdates.join(follower.apiKey, push),
        rowOf: ({ at }) => ({ id: 'stats', updatedAt: at }),
        isState: true,
      }),
  }
}

/** The filter of a viewer of one tenant finds nothing else. */
const visibleChanges = <Change extends Viewer>({ tenant }: Viewer, filter: Filter<Change>): Filter<Change> =>
  tenant === null ? filter : { ...filter, tenant: new Set([tenant]) }

interface Listener<Change> {
  join(filter: Filter<Change>, push: (change: Change) => void): ReturnType<ChangeSource<Change>['open']>
}

/** Listens to a topic while it has watchers, once for all of them. */
function listenTo<Change>(
  pubSub: PubSub,
  topic: string,
  fields: readonly (keyof Change)[],
): Listener<Change> {
  const index = createSubscriberIndex<Change>(fields)
  let listening: Promise<() => void> | undefined
  return {
    join(filter, push) {
      const remove = index.add(filter, push)
      listening ??= pubSub.subscribe(topic, (message) => {
        for (const change of message as Change[]) index.push(change)
      })
      return {
        listening,
        close() {
          remove()
          if (!index.isEmpty) return
          // The listening may not have begun yet. If it fails, the waiting feeds get the error.
          listening?.then((unsubscribe) => unsubscribe()).catch(() => {})
          listening = undefined
        },
      }
    },
  }
}

/** Counts the live subscriptions of each WebSocket, of each API key and of the process. */
function createBounds() {
  const counts = new Map<object, number>()
  const process = {}
  const countOf = (owner: object | undefined) => (owner === undefined ? 0 : (counts.get(owner) ?? 0))

  function check({ apiKey, socket }: Follower): void {
    if (countOf(socket) >= limits.livePerSocket) throw tooMany('of this WebSocket', limits.livePerSocket)
    if (countOf(apiKey) >= limits.livePerKey) throw tooMany('with this API key', limits.livePerKey)
    if (countOf(process) >= limits.liveInProcess) throw tooMany('of this process', limits.liveInProcess)
  }

  function add({ apiKey, socket }: Follower, change: 1 | -1): void {
    for (const owner of [apiKey, socket, process]) {
      if (owner === undefined) continue
      const count = countOf(owner) + change
      if (count === 0) counts.delete(owner)
      else counts.set(owner, count)
    }
  }

  return {
    check,
    /** Counts one more. @returns a function to take it back */
    enter(follower: Follower): () => void {
      check(follower)
      add(follower, 1)
      return () => add(follower, -1)
    },
  }
}

const tooMany = (whose: string, limit: number) =>
  new ServiceError(
    'CONFLICT',
    `${limit} live subscriptions ${whose} are open, and no more are allowed. End one, or follow with a wider filter.`,
  )
