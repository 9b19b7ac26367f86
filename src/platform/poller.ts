/**
 * A loop that works when it is woken, and now and then besides, in case a wake-up was lost. Runs never
 * overlap; wake-ups that come during a run lead to one more.
 */
export interface Poller extends AsyncDisposable {
  /** Since a run ended without an error; since the beginning, before the first. */
  readonly idleMs: number
  wake(): void
  /** Wakes after so many milliseconds, unless something earlier does; not before the shortest rest is over. */
  wakeIn(delayMs: number): void
}

export interface PollerOptions {
  /** Does a bounded piece of work; answers whether there is more to do at once. */
  run(): Promise<boolean>
  /** Longest rest between runs. */
  intervalMs: number
  /** Shortest rest between runs, so that many small wake-ups become few larger runs. A lone one never waits. */
  restMs?: number | (() => number)
  onError(error: unknown): void
}

export function createPoller({ run, intervalMs, restMs = 0, onError }: PollerOptions): Poller {
  let timer: NodeJS.Timeout | undefined
  let wakesAt = Number.POSITIVE_INFINITY
  let running: Promise<void> | undefined
  let wokenMeanwhile = false
  let closed = false
  let restsUntil = 0
  let lastRunAt = performance.now()

  const restLeftMs = () => Math.max(0, restsUntil - performance.now())

  function schedule(delayMs: number): void {
    const at = performance.now() + delayMs
    if (closed || at >= wakesAt) return
    clearTimeout(timer)
    wakesAt = at
    timer = setTimeout(() => {
      wakesAt = Number.POSITIVE_INFINITY
      wake()
    }, delayMs)
  }

  function wake(): void {
    if (closed) return
    if (running) wokenMeanwhile = true
    else if (restLeftMs() === 0) start()
    else schedule(restLeftMs())
  }

  function start(): void {
    clearTimeout(timer)
    wakesAt = Number.POSITIVE_INFINITY
    wokenMeanwhile = false
    running = work().finally(() => {
      running = undefined
      restsUntil = performance.now() + (typeof restMs === 'number' ? restMs : restMs())
      schedule(wokenMeanwhile ? restLeftMs() : intervalMs)
    })
  }

  async function work(): Promise<void> {
    try {
      let hasMore = true
      while (hasMore && !closed) {
        hasMore = await run()
        lastRunAt = performance.now()
      }
    } catch (error) {
      onError(error)
    }
  }

  schedule(0)
  return {
    get idleMs() {
      return performance.now() - lastRunAt
    },
    wake,
    wakeIn: schedule,
    async [Symbol.asyncDispose]() {
      closed = true
      clearTimeout(timer)
      await running
    },
  }
}
