/**
 * A loop that runs when it is woken, and at intervals in case a wake-up was lost. Runs never overlap. Wake-ups during a
 * run lead to one more run.
 */
export interface Poller extends AsyncDisposable {
  /** Time since a run ended without an error, or since the start. */
  readonly idleMs: number
  /** The first run begins at once. Wake-ups before the start have no effect. */
  start(): void
  wake(): void
  /** Wakes after this time, unless another run begins earlier. `restMs` still applies. */
  wakeIn(delayMs: number): void
}

export interface PollerOptions {
  /** Does a bounded piece of work. @returns whether there is more to do at once */
  run(): Promise<boolean>
  /** The longest time between two runs. */
  intervalMs: number
  /** The shortest time between two runs, so that many wake-ups become few larger runs. A single one never waits. */
  restMs?: number | (() => number)
  onError(error: unknown): void
}

export function createPoller({ run, intervalMs, restMs = 0, onError }: PollerOptions): Poller {
  let isOpen = false
  let timer: NodeJS.Timeout | undefined
  let wakesAt = Number.POSITIVE_INFINITY
  let running: Promise<void> | undefined
  let isWokenDuringRun = false
  let restsUntil = 0
  let lastRunAt = performance.now()

  const restLeftMs = () => Math.max(0, restsUntil - performance.now())

  function wakeIn(delayMs: number): void {
    const at = performance.now() + delayMs
    if (!isOpen || at >= wakesAt) return
    clearTimeout(timer)
    wakesAt = at
    timer = setTimeout(() => {
      wakesAt = Number.POSITIVE_INFINITY
      wake()
    }, delayMs)
  }

  function wake(): void {
    if (!isOpen) return
    if (running) isWokenDuringRun = true
    else if (restLeftMs() === 0) beginRun()
    else wakeIn(restLeftMs())
  }

  function beginRun(): void {
    clearTimeout(timer)
    wakesAt = Number.POSITIVE_INFINITY
    isWokenDuringRun = false
    running = runToEnd().finally(() => {
      running = undefined
      restsUntil = performance.now() + (typeof restMs === 'number' ? restMs : restMs())
      wakeIn(isWokenDuringRun ? restLeftMs() : intervalMs)
    })
  }

  async function runToEnd(): Promise<void> {
    try {
      let hasMore = true
      while (hasMore && isOpen) {
        hasMore = await run()
        lastRunAt = performance.now()
      }
    } catch (error) {
      onError(error)
    }
  }

  return {
    get idleMs() {
      return performance.now() - lastRunAt
    },
    start() {
      isOpen = true
      lastRunAt = performance.now()
      wakeIn(0)
    },
    wake,
    wakeIn,
    async [Symbol.asyncDispose]() {
      isOpen = false
      clearTimeout(timer)
      await running
    },
  }
}
