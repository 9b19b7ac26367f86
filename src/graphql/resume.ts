/** Updates of deliveries over SSE that begin with the changes that the client missed, when it names its last event. */
import { changedSince } from '../deliveries/changed-since.js'
import type { DeliveryStatus } from '../generated/prisma/enums.js'
import type { DeliverySnapshot } from '../model/delivery-snapshot.js'
import type { Clock } from '../platform/clock.js'
import type { VisibleDatabase } from '../tenants/visible-database.js'
import type { FeedReader } from './feed.js'
import type { KeptFrames } from './frames.js'
import { type LiveSource, liveSource } from './live-updates.js'
import { readLastEventId, type StreamPosition } from './stream-position.js'
import { createUpdate, type Execute, type Update } from './updates.js'

/**
 * A change may become visible this much after its `updatedAt`: the time of its transaction, from before the commit. The
 * changes of this span come again.
 */
const COMMIT_LAG_MS = 10_000

export interface DeliveriesFilter {
  eventId?: ReadonlySet<string> | undefined
  subscriptionId?: ReadonlySet<string> | undefined
  status?: ReadonlySet<DeliveryStatus> | undefined
}

/**
 * @param position undefined over WebSocket, which has no ids
 * @throws ServiceError when the stream can't be resumed from the client's last event
 */
export function resumeDeliveries(
  { database, clock }: { database: VisibleDatabase; clock: Clock },
  filter: DeliveriesFilter,
  source: LiveSource<DeliverySnapshot>,
  position: StreamPosition | undefined,
): LiveSource<DeliverySnapshot> {
  if (position === undefined) return source
  const startedAt = clock.now()
  const { lastEventId } = position
  const resumedAt = lastEventId === undefined ? undefined : readLastEventId(lastEventId, startedAt)
  position.start(resumedAt ?? startedAt)
  const readMissed = (from: Date) =>
    changedSince(database, {
      from: new Date(from.getTime() - COMMIT_LAG_MS),
      to: clock.now(),
      eventId: first(filter.eventId),
      subscriptionId: first(filter.subscriptionId),
      status: filter.status && [...filter.status],
    })
  return liveSource((key, execute) => {
    const feed = source.read(key, execute)
    const missed = resumedAt === undefined ? undefined : () => readMissed(resumedAt)
    return withMissed(feed, missed, execute, position)
  })
}

type DeliveryFeed = FeedReader<Update<DeliverySnapshot>>

/** A missed change has one reader, and nothing is kept for others. */
const notKept: KeptFrames = { keep() {}, forget() {} }

/** The feed listens before the missed changes are read, so nothing falls between the two. */
function withMissed(
  feed: DeliveryFeed,
  readMissed: (() => AsyncGenerator<DeliverySnapshot, void>) | undefined,
  execute: Execute<DeliverySnapshot>,
  position: StreamPosition,
): DeliveryFeed {
  const isNew = createNewsFilter()
  let isCaughtUp = readMissed === undefined
  let missed: AsyncGenerator<DeliverySnapshot, void> | undefined
  let isWaiting = false
  position.isIdle = () => isWaiting && feed.isIdle

  async function nextMissed(): Promise<Update<DeliverySnapshot> | undefined> {
    if (isCaughtUp) return undefined
    await feed.open()
    if (feed.isOpen) {
      missed ??= readMissed?.()
      const change = (await missed?.next())?.value
      if (change) {
        isNew.missed(change)
        return createUpdate(change, change.updatedAt.toISOString(), execute, notKept)
      }
    }
    isCaughtUp = true
    return undefined
  }

  async function nextLive(): Promise<Update<DeliverySnapshot> | undefined> {
    isWaiting = true
    try {
      for (;;) {
        const update = await feed.next()
        if (update === undefined || isNew.live(update.change)) return update
      }
    } finally {
      isWaiting = false
    }
  }

  return {
    open: feed.open,
    get isOpen() {
      return feed.isOpen
    },
    get isIdle() {
      return isCaughtUp && feed.isIdle
    },
    async next() {
      const update = (await nextMissed()) ?? (await nextLive())
      if (update !== undefined) position.advance(update.change.updatedAt)
      return update
    },
    takeWhile(take) {
      if (!isCaughtUp) return
      let last: Update<DeliverySnapshot> | undefined
      feed.takeWhile((update) => {
        if (!isNew.live(update.change)) return true
        if (!take(update)) return false
        last = update
        return true
      })
      if (last !== undefined) position.advance(last.change.updatedAt)
    },
    return: feed.return,
  }
}

const first = <Value>(values: ReadonlySet<Value> | undefined): Value | undefined =>
  values?.values().next().value

/** The most deliveries whose missed change is remembered. */
const MAX_REMEMBERED = 5_000

/** Leaves out live changes that a missed change of the same delivery has shown or overtaken. */
function createNewsFilter() {
  const shown = new Map<string, DeliverySnapshot>()
  return {
    missed(change: DeliverySnapshot): void {
      shown.set(change.id, change)
      if (shown.size > MAX_REMEMBERED) shown.delete(shown.keys().next().value as string)
    },
    live({ id, updatedAt, status, attempts }: DeliverySnapshot): boolean {
      if (shown.size === 0) return true
      const last = shown.get(id)
      if (last === undefined) return true
      if (updatedAt < last.updatedAt) return false
      // Two changes may fall into one millisecond.
      return !(
        updatedAt.getTime() === last.updatedAt.getTime() &&
        status === last.status &&
        attempts === last.attempts
      )
    },
  }
}
