/**
 * The queue between a source of changes and its one subscriber. The queue is bounded: when a subscriber reads too
 * slowly, the feed ends with an error instead of growing. The error says how to catch up.
 */
import { ServiceError } from '../errors.js'

/** The most changes waiting for one subscriber. */
const MAX_WAITING = 1000

export interface Feed<Item> {
  push(item: Item): void
  end(): void
}

/** The subscriber's side. */
export interface FeedReader<Item> extends AsyncIterableIterator<Item> {
  /** Resolves once the feed listens; the first `next()` does the same. */
  open(): Promise<void>
  readonly isOpen: boolean
  return(): Promise<IteratorResult<Item>>
}

/** The source of an open feed's items. */
export interface Source {
  listening: Promise<unknown>
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
    get isOpen() {
      return state === 'open'
    },
    async open() {
      if (state === 'open') await listen()
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

const tooSlow = () =>
  new ServiceError(
    'CONFLICT',
    `More than ${MAX_WAITING} updates waited for this subscriber. Subscribe again, and query with ` +
      '`updatedAt: {from: …}` for what was missed.',
  )
