/** A feed of deliveries over SSE that begins with the changes that the client missed, when it names its last event. */
import { changedSince } from '../deliveries/changed-since.js'
import type { DeliveryStatus } from '../generated/prisma/enums.js'
import type { DeliverySnapshot } from '../model/delivery-snapshot.js'
import type { Clock } from '../platform/clock.js'
import type { Database } from '../platform/postgres/database.js'
import type { FeedReader } from './feed.js'
import { readLastEventId, type StreamPosition } from './stream-position.js'

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
 * The feed listens before the missed changes are read, so nothing falls between the two.
 *
 * @param position undefined over WebSocket, which has no ids
 * @throws ServiceError when the stream can't be resumed from the client's last event
 */
export function resumeDeliveries(
  { database, clock }: { database: Database; clock: Clock },
  filter: DeliveriesFilter,
  feed: FeedReader<DeliverySnapshot>,
  position: StreamPosition | undefined,
): AsyncIterableIterator<DeliverySnapshot> {
  if (position === undefined) return feed
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
  const isNew = createNewsFilter()
  let isCaughtUp = false
  let missed: AsyncGenerator<DeliverySnapshot, void> | undefined

  async function nextMissed(): Promise<DeliverySnapshot | undefined> {
    if (isCaughtUp) return undefined
    await feed.open()
    if (resumedAt !== undefined && feed.isOpen) {
      missed ??= readMissed(resumedAt)
      const { value } = await missed.next()
      if (value) return value
    }
    isCaughtUp = true
    return undefined
  }

  async function nextLive(at: StreamPosition): Promise<DeliverySnapshot | undefined> {
    at.isIdle = true
    try {
      const { value } = await feed.next()
      return value
    } finally {
      at.isIdle = false
    }
  }

  return {
    [Symbol.asyncIterator]() {
      return this
    },
    async next() {
      let change = await nextMissed()
      if (change !== undefined) isNew.missed(change)
      else {
        do change = await nextLive(position)
        while (change !== undefined && !isNew.live(change))
      }
      if (change === undefined) return { value: undefined, done: true }
      position.advance(change.updatedAt)
      return { value: change, done: false }
    },
    return: () => feed.return(),
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
