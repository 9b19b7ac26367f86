/**
 * Watches the server. When its postmaster dies, the server is started again on the same port, so that the pools find it
 * again. When another of its processes dies, PostgreSQL restarts itself, and the watch only waits.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from './connection.js'
import { EmbeddedPostgresError } from './run.js'

export interface Watched {
  /** @throws while the server can't be reached */
  connect(): Promise<Connection>
  isRunning(): Promise<boolean>
  /** Resolves once it takes connections. */
  start(signal: AbortSignal): Promise<void>
  /** Whether its folder is still the one that it was started on. */
  isInPlace(): Promise<boolean>
}

export interface Log {
  info(line: string): void
  warn(line: string): void
}

const POLL_MS = 200
const FIRST_PAUSE_MS = 1000
const LONGEST_PAUSE_MS = 30_000
/** After this time, a crash is not a consequence of the start, and the pause begins anew. */
const STEADY_AFTER_MS = 60_000

/**
 * @param connection an open one, which is closed at the end of the watch
 * @returns what ends the watch, also in the middle of a start
 */
export function watchServer(server: Watched, connection: Connection, log: Log): AsyncDisposable {
  const ending = new AbortController()
  const { signal } = ending
  const aborted = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
  let current = connection
  let startsInARow = 0

  async function watch(): Promise<void> {
    for (;;) {
      const sinceMs = performance.now()
      await Promise.race([current.closed, aborted])
      if (signal.aborted) return
      if (performance.now() - sinceMs > STEADY_AFTER_MS) startsInARow = 0
      if (!(await server.isInPlace())) {
        return log.warn(
          'The data of the embedded PostgreSQL was deleted or replaced: start this service anew',
        )
      }
      current = await bringBack()
    }
  }

  async function bringBack(): Promise<Connection> {
    const sinceMs = performance.now()
    let hasDied = false
    for (;;) {
      try {
        if (!(await server.isRunning())) {
          hasDied = true
          await startAgain()
        }
        const opened = await server.connect()
        const ms = Math.round(performance.now() - sinceMs)
        if (hasDied) log.info(`The embedded PostgreSQL runs again, after ${ms} ms`)
        else log.warn(`The embedded PostgreSQL closed its connections; it takes new ones after ${ms} ms`)
        return opened
      } catch (error) {
        signal.throwIfAborted()
        // An unreachable server is starting or dying. A failed start throws the reason.
        if (error instanceof EmbeddedPostgresError)
          log.warn(`The embedded PostgreSQL could not be started again: ${error.problem}`)
      }
      await sleep(POLL_MS, undefined, { signal })
    }
  }

  /** The pause before each start doubles, so that a server that always dies is not started in a tight loop. */
  async function startAgain(): Promise<void> {
    const pauseMs =
      startsInARow === 0 ? 0 : Math.min(FIRST_PAUSE_MS * 2 ** (startsInARow - 1), LONGEST_PAUSE_MS)
    startsInARow += 1
    log.warn(
      `The embedded PostgreSQL died: it is started again ${pauseMs > 0 ? `in ${pauseMs / 1000} s` : 'at once'}`,
    )
    await sleep(pauseMs, undefined, { signal })
    await server.start(signal)
  }

  const watching = watch().catch(() => {})
  return {
    async [Symbol.asyncDispose]() {
      ending.abort()
      await watching
      await current.client.end().catch(() => {})
    },
  }
}
