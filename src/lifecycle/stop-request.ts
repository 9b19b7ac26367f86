/**
 * The request to stop a process: one `AbortSignal`, which SIGINT, SIGTERM, the loss of the primary process and an
 * uncaught error abort. A start passes the signal on to everything that it waits for.
 */
import cluster from 'node:cluster'

/** A signal, the end of the primary process, or an uncaught error. */
type StopCause = 'SIGINT' | 'SIGTERM' | 'disconnect' | 'crash'

/**
 * Of a process that is stopped before its start has finished, as a shell reports one that a signal ended: 128 plus the
 * signal's number. 1 for what is no signal.
 */
export const exitCodes: Record<StopCause, number> = { SIGINT: 130, SIGTERM: 143, disconnect: 1, crash: 1 }

/** The `reason` of the signal. */
export class StopRequest extends Error {
  override readonly name = 'StopRequest'
  readonly by: StopCause
  /** Of a process that is stopped before its start has finished. */
  readonly exitCode: number

  constructor(by: StopCause) {
    super(`Stop requested by ${by}.`)
    this.by = by
    this.exitCode = exitCodes[by]
  }
}

/** A second request within this time is the same one: npm passes on a Ctrl-C that the terminal has sent already. */
const SAME_REQUEST_MS = 1000

export interface StopRequests {
  signal: AbortSignal
  request(by: StopCause): void
}

/** Listens from now on. A signal that is repeated after a second ends the process at once. */
export function listenForStop(): StopRequests {
  const controller = new AbortController()
  let requestedAtMs: number | undefined
  function request(by: StopCause): void {
    requestedAtMs ??= performance.now()
    controller.abort(new StopRequest(by))
  }
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      const isRepeated = requestedAtMs !== undefined && performance.now() - requestedAtMs > SAME_REQUEST_MS
      if (isRepeated) process.exit(exitCodes[name])
      request(name)
    })
  }
  // Without the primary process, nothing else would stop this one.
  if (cluster.isWorker) process.once('disconnect', () => request('disconnect'))
  return { signal: controller.signal, request }
}
