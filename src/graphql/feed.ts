/**
 * The queue between a source of updates and its one watcher. The queue is bounded: when a watcher reads too slowly, the
 * feed ends with an error instead of growing. The error says how to catch up.
 */
import { ServiceError } from '../errors.js'

/** When more than these wait for a watcher as further ones come, the feed ends. */
const MAX_WAITING = 1000

export interface Feed<Item> {
  /** Whether the watcher waits for the next item. */
  readonly isWaitedFor: boolean
  push(items: readonly Item[]): void
  /** Ends the feed with the error of a watcher that is too slow. */
  overflow(): void
  end(): void
}

/** The watcher's side. */
export interface FeedReader<Item> {
  /** Resolves once the feed listens; the first `next()` does the same. */
  open(): Promise<void>
  readonly isOpen: boolean
  /** Whether nothing waits, neither here nor in the source. */
  readonly isIdle: boolean
  /** @returns undefined at the end. @throws ServiceError CONFLICT after an overflow */
  next(): Promise<Item | undefined>
  /** Takes what waits, as long as each next item is taken. */
  takeWhile(take: (item: Item) => boolean): void
  return(): void
}

/** The source of an open feed's items. */
export interface Source {
  listening: Promise<unknown>
  /** Whether it holds nothing back. */
  isIdle(): boolean
  close(): void
}

/** @param open called by the first `next()` or `open()` */
export function createFeed<Item>(open: (feed: Feed<Item>) => Source): FeedReader<Item> {
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
    get isWaitedFor() {
      return wake !== undefined
    },
    push(items) {
      if (state !== 'open') return
      if (waiting.length > MAX_WAITING) return end('overflowed')
      waiting.push(...items)
      wake?.()
    },
    overflow: () => end('overflowed'),
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

  async function untilPushed(): Promise<void> {
    await new Promise<void>((resolve) => {
      wake = resolve
    })
    wake = undefined
  }

  return {
    get isOpen() {
      return state === 'open'
    },
    get isIdle() {
      return waiting.length === 0 && source?.isIdle() !== false
    },
    async open() {
      if (state === 'open') await listen()
    },
    async next() {
      if (state === 'open') await listen()
      while (waiting.length === 0 && state === 'open') await untilPushed()
      if (state === 'overflowed') {
        state = 'ended'
        throw tooSlow()
      }
      return waiting.shift()
    },
    takeWhile(take) {
      const end = waiting.findIndex((item) => !take(item))
      waiting = end === -1 ? [] : waiting.slice(end)
    },
    return: () => end('ended'),
  }
}

const tooSlow = () =>
  new ServiceError(
    'CONFLICT',
    `More than ${MAX_WAITING} updates waited for this subscriber. Subscribe again, and query with ` +
      '`updatedAt: {from: …}` for what was missed.',
  )
