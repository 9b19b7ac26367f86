/**
 * Runs one of the service's programs. The program can be stopped at every moment. An expected failure is one sentence
 * on standard error, and an uncaught error is one log line. No program ends silently, hangs, or prints a stack.
 */
import { addAbortListener, once } from 'node:events'
import type { Logger } from 'pino'
import { createCrashLogger, describeCrash, watchForCrashes } from '../platform/crashes.js'
import type { Resources } from '../platform/resources.js'
import { explainStartError } from './start-errors.js'
import { listenForStop, type StopRequest } from './stop-request.js'

export interface Program {
  /** Aborted, with a `StopRequest`, when the process is to end. */
  readonly stop: AbortSignal
  /** Resolves when the process is to end. */
  stopRequested(): Promise<StopRequest>
  /** Uncaught errors go to this logger, and to standard error before. */
  logTo(logger: Logger): void
  /**
   * Does work that may be given up at every moment. When the work fails or `stop` is aborted, `resources` are disposed,
   * for `cleanUpMs` at most, and the process ends.
   */
  start<Result>(resources: Resources, cleanUpMs: number, work: () => Promise<Result>): Promise<Result>
}

/** @param failure introduces an unexpected error in the log: `The migration failed` */
export function runProgram(main: (program: Program) => Promise<void>, failure: string): void {
  const { signal: stop, request } = listenForStop()
  const ownLogger = createCrashLogger()
  let logger = ownLogger
  /** Even with LOG_LEVEL=silent the reason of the end is printed. */
  const fatal = (error: unknown, message: string) =>
    (logger.isLevelEnabled('fatal') ? logger : ownLogger).fatal({ error: describeCrash(error) }, message)

  watchForCrashes((error, origin) => {
    process.exitCode = 1
    fatal(error, origin)
    request('crash')
  })

  function report(error: unknown): void {
    process.exitCode = 1
    const sentence = explainStartError(error)
    if (sentence === undefined) fatal(error, failure)
    else process.stderr.write(`${sentence}\n`)
  }

  async function start<Result>(
    resources: Resources,
    cleanUpMs: number,
    work: () => Promise<Result>,
  ): Promise<Result> {
    const endSoon = () => void setTimeout(() => process.exit(), cleanUpMs)
    const listening = addAbortListener(stop, () => {
      const { by, exitCode } = stop.reason as StopRequest
      process.exitCode = exitCode
      logger.info({ signal: by }, 'stopping before the start has finished')
      endSoon()
    })
    try {
      const result = await work()
      stop.throwIfAborted()
      return result
    } catch (error) {
      // A failure after the stop request is a consequence of it.
      if (!stop.aborted) report(error)
      endSoon()
      await Promise.resolve(resources[Symbol.asyncDispose]()).catch(() => {})
      process.exit()
    } finally {
      listening[Symbol.dispose]()
    }
  }

  const program: Program = {
    stop,
    start,
    logTo: (better) => {
      logger = better
    },
    async stopRequested() {
      if (!stop.aborted) await once(stop, 'abort')
      return stop.reason as StopRequest
    },
  }
  main(program).catch(report)
}
