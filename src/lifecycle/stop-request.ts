/**
 * The one way in which a process is asked to end: an `AbortSignal` that SIGINT, SIGTERM, the loss of the first process
 * and a fault that nobody caught abort. A start passes it on to whatever it waits for.
 */
import cluster from 'node:cluster'

/** Who asks: a signal, the first process by going away, or an error that nobody caught. */
type StopCause = 'SIGINT' | 'SIGTERM' | 'disconnect' | 'crash'

/** What a shell gives to a process that a signal ended, 128 and the signal's number; and 1 for what is no signal. */
const exitCodes: Record<StopCause, number> = { SIGINT: 130, SIGTERM: 143, disconnect: 1, crash: 1 }

/** The `reason` of the signal. */
export class StopRequest extends Error {
  override readonly name = 'StopRequest'
  readonly by: StopCause
  /** Of a process that is asked to end before it has started. */
  readonly exitCode: number

  constructor(by: StopCause) {
    super(`Asked to end by ${by}.`)
    this.by = by
    this.exitCode = exitCodes[by]
  }
}

/** A second request that comes sooner is the same one: npm passes on a Ctrl-C that the terminal has sent already. */
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
  // The first process is gone: nobody else would stop this one.
  if (cluster.isWorker) process.once('disconnect', () => request('disconnect'))
  return { signal: controller.signal, request }
}
