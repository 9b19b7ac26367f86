/**
 * Group commit: items that arrive while a batch is running form the next batch, which is one statement.
 *
 * A single item does not wait for others: it leaves with the current turn of the event loop. Under load, batches grow
 * by themselves, because the next batch takes everything that arrived during the last one and the rest after it.
 */
export interface Batcher<Item, Result> {
  /** Settles with this item's own result, after the batch that carried it has returned. @throws CongestedError */
  add(item: Item): Promise<Result>
  /** Resolves once no item waits and no batch runs. */
  idle(): Promise<void>
}

export interface BatcherOptions<Item, Result> {
  /** Most items in one call of `run`. */
  maxSize: number
  /** Most calls of `run` at the same time. */
  maxConcurrent: number
  /** Least time between the starts of two calls of `run`, so that many small batches become few larger ones. */
  restMs?: number | (() => number)
  /** Answers with one result per item, in order. A result that is an `Error` rejects that item alone. */
  run(items: Item[]): Promise<(Result | Error)[]>
  /** How many items may wait, and for how long. Beyond that new items are refused, so that they don't pile up. */
  limits?: { size: number; waitMs: number; sizeOf(item: Item): number }
  /** Whether a failure of one batch also fails all items that wait, such as when the database is away. */
  isEveryonesFault?(error: unknown): boolean
  /** Whether a single item may have caused the failure. Each is then tried alone, so that only that item fails. */
  isItemsFault?(error: unknown): boolean
}

/** Too many items wait. This item was not tried. */
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
    // After the poll phase, so that all that the sockets brought in this turn is in one batch.
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
