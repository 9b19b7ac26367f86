/**
 * Group commit: calls that arrive while others are under way are carried out together, in one statement.
 *
 * A lone call never waits for company: it leaves with the current turn of the event loop. Under load, batches
 * grow by themselves, because whatever arrives during one, or in the rest after it, is taken by the next.
 */
export interface Batcher<Item, Result> {
  /** Settles with this item's own result, after the batch that carried it has returned. @throws CongestedError */
  add(item: Item): Promise<Result>
  /** Resolves once nothing is waiting and nothing is under way. */
  idle(): Promise<void>
}

export interface BatcherOptions<Item, Result> {
  /** Most items in one call of `run`. */
  maxSize: number
  /** Most calls of `run` under way at once. */
  maxConcurrent: number
  /** Least time between the starts of two calls of `run`, so that many small batches become few larger ones. */
  restMs?: number | (() => number)
  /** Answers with one result per item, in order. A result that is an `Error` rejects that item alone. */
  run(items: Item[]): Promise<(Result | Error)[]>
  /** How much may wait, and for how long: beyond that nothing more is taken, rather than let it pile up. */
  limits?: { size: number; waitMs: number; sizeOf(item: Item): number }
  /** Whether a failure of one batch would be that of all which wait: then they needn't find out one by one. */
  isEveryonesFault?(error: unknown): boolean
  /** Whether a failure may be the fault of a single item: then each is tried alone, so only that one fails. */
  isItemsFault?(error: unknown): boolean
}

/** More waits than is taken. This item was not looked at. */
export class CongestedError extends Error {
  override readonly name = 'CongestedError'
}

interface Waiting<Item, Result> {
  item: Item
  sinceMs: number
  resolve(result: Result): void
  reject(error: unknown): void
}

export function createBatcher<Item, Result>(options: BatcherOptions<Item, Result>): Batcher<Item, Result> {
  const { maxSize, maxConcurrent, restMs = 0, run, limits } = options
  const { isItemsFault = () => false, isEveryonesFault = () => false } = options
  let waiting: Waiting<Item, Result>[] = []
  let sizeWaiting = 0
  let underWay = 0
  let scheduled = false
  let restsUntil = 0
  let idleListeners: (() => void)[] = []

  function schedule(): void {
    if (scheduled || waiting.length === 0 || underWay >= maxConcurrent) return
    scheduled = true
    const restLeftMs = waiting.length < maxSize ? restsUntil - performance.now() : 0
    if (restLeftMs > 0) setTimeout(flushWaiting, restLeftMs)
    // After the poll phase: everything that the sockets brought in this turn goes together.
    else setImmediate(flushWaiting)
  }

  function flushWaiting(): void {
    scheduled = false
    restsUntil = performance.now() + (typeof restMs === 'number' ? restMs : restMs())
    while (waiting.length > 0 && underWay < maxConcurrent) {
      void flush(take(maxSize))
    }
  }

  function take(count: number): Waiting<Item, Result>[] {
    const batch = waiting.slice(0, count)
    waiting = waiting.slice(count)
    if (limits) for (const { item } of batch) sizeWaiting -= limits.sizeOf(item)
    return batch
  }

  function isCongested(): boolean {
    if (limits === undefined) return false
    const [oldest] = waiting
    return (
      sizeWaiting > limits.size ||
      (oldest !== undefined && performance.now() - oldest.sinceMs > limits.waitMs)
    )
  }

  async function flush(batch: Waiting<Item, Result>[]): Promise<void> {
    underWay += 1
    try {
      await settle(batch)
    } finally {
      underWay -= 1
      schedule()
      if (underWay === 0 && waiting.length === 0) {
        for (const listener of idleListeners) listener()
        idleListeners = []
      }
    }
  }

  async function settle(batch: Waiting<Item, Result>[]): Promise<void> {
    let results: (Result | Error)[]
    try {
      results = await run(batch.map(({ item }) => item))
    } catch (error) {
      if (batch.length > 1 && isItemsFault(error)) {
        for (const one of batch) await settle([one])
      } else {
        for (const { reject } of batch) reject(error)
        if (isEveryonesFault(error)) for (const { reject } of take(waiting.length)) reject(error)
      }
      return
    }
    batch.forEach(({ resolve, reject }, index) => {
      const result = results[index]
      if (result instanceof Error) reject(result)
      else resolve(result as Result)
    })
  }

  return {
    add(item) {
      if (isCongested()) return Promise.reject(new CongestedError('More waits than is taken.'))
      return new Promise((resolve, reject) => {
        waiting.push({ item, sinceMs: limits ? performance.now() : 0, resolve, reject })
        if (limits) sizeWaiting += limits.sizeOf(item)
        schedule()
      })
    },
    idle() {
      if (underWay === 0 && waiting.length === 0) return Promise.resolve()
      return new Promise((resolve) => idleListeners.push(resolve))
    },
  }
}
