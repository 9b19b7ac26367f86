/**
 * What surrounds each of the service's programs: it can be asked to end at every moment, what fails is told in a
 * sentence, and an error that nobody caught is one log line. None of them ends mute, hangs, or prints a stack.
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
  /** Where errors go that nobody caught; to standard error until then. */
  logTo(logger: Logger): void
  /**
   * Does what may be given up at every moment. When it fails or `stop` comes, what was started is stopped, for so long
   * at most, and the process ends.
   */
  start<Result>(resources: Resources, cleanUpMs: number, work: () => Promise<Result>): Promise<Result>
}

/** @param failure what an error that nobody foresaw is introduced by: `The migration failed` */
export function runProgram(main: (program: Program) => Promise<void>, failure: string): void {
  const { signal: stop, request } = listenForStop()
  const ownLogger = createCrashLogger()
  let logger = ownLogger
  /** Even who wants a silent log is told why the process ends. */
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
      logger.info({ signal: by }, 'stopping, though it has not started')
      endSoon()
    })
    try {
      const result = await work()
      stop.throwIfAborted()
      return result
    } catch (error) {
      // Once it is asked to end, whatever fails does so because of that.
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
