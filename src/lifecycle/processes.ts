/**
 * Runs several worker processes that do the same work and share one port, so that the service uses more than one core.
 * The primary process serves no requests. It starts the workers, replaces a worker that died, relays messages between
 * them, and stops them.
 */
import cluster, { type Address, type Worker } from 'node:cluster'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from 'pino'
import { processesMs } from '../budgets.js'
import { ExpectedStartError } from '../errors.js'
import { relayMessages } from '../platform/cluster-ipc.js'
import { manageListener } from '../platform/cluster-listener.js'
import { ResourceHangsError } from '../platform/resources.js'
import type { Service } from '../service.js'
import { aggregateMetrics } from '../telemetry/shared-metrics.js'
import { exitCodes } from './stop-request.js'

export interface ProcessesOptions {
  count: number
  databaseUrl: string
  graceMs: number
  logger: Logger
  /** Ends the start. */
  stop: AbortSignal
}

/** The pause before a worker is replaced, so that a worker that always dies is not started in a tight loop. */
const REPLACE_AFTER_MS = 1000

/** Resolves once all workers listen. @throws ExpectedStartError when a worker can't start */
export async function startProcesses({
  count,
  databaseUrl,
  graceMs,
  logger,
  stop: stopSignal,
}: ProcessesOptions): Promise<Service> {
  // Keeps `Date`s in messages between processes.
  cluster.setupPrimary({ serialization: 'advanced' })
  relayMessages()
  aggregateMetrics()
  let isStopping = false
  manageListener(() => isStopping)
  /** The workers get the same signal from the terminal (Ctrl-C) or from systemd (SIGTERM). */
  let signal: 'SIGTERM' | 'SIGINT' = 'SIGTERM'
  const fork = () => cluster.fork({ DATABASE_URL: databaseUrl })

  /** @throws ResourceHangsError when a worker had to be killed, or hung itself */
  async function stop(): Promise<void> {
    isStopping = true
    // When the primary is ended at once, the workers are too.
    process.once('exit', killAll)
    const timer = setTimeout(killAll, processesMs(graceMs))
    const ends = await Promise.all(living().map(endsInOrder))
    clearTimeout(timer)
    process.off('exit', killAll)
    if (!ends.every((isInOrder) => isInOrder))
      throw new ResourceHangsError('one of the processes', processesMs(graceMs))
  }

  const living = () =>
    Object.values(cluster.workers ?? {}).filter(
      (worker) => worker !== undefined && !worker.isDead(),
    ) as Worker[]

  /** A worker that is still starting ends with the code for that, or by the signal itself, before it handles any. */
  async function endsInOrder(worker: Worker): Promise<boolean> {
    const ended = once(worker, 'exit')
    worker.process.kill(signal)
    const [code, endedBy] = (await ended) as [number | null, NodeJS.Signals | null]
    return code === 0 || code === exitCodes[signal] || endedBy === signal
  }

  function killAll(): void {
    for (const worker of living()) worker.process.kill('SIGKILL')
  }

  async function replace({ process: { pid } }: Worker, code: number | null, signal: string): Promise<void> {
    if (isStopping) return
    logger.error({ pid, code, signal }, 'a process died: starting another in its place')
    await pause(REPLACE_AFTER_MS)
    if (!isStopping) fork()
  }

  try {
    const addresses = await Promise.all(Array.from({ length: count }, () => listening(fork(), stopSignal)))
    cluster.on('exit', (worker, code, signal) => void replace(worker, code, signal))
    return {
      url: urlOf(addresses[0] as Address),
      skipGrace: () => {
        signal = 'SIGINT'
      },
      [Symbol.asyncDispose]: stop,
    }
  } catch (error) {
    await stop().catch(() => {})
    throw error
  }
}

async function listening(worker: Worker, stopSignal: AbortSignal): Promise<Address> {
  const died = new AbortController()
  worker.once('exit', () => died.abort())
  try {
    const [address] = await once(worker, 'listening', { signal: AbortSignal.any([died.signal, stopSignal]) })
    return address
  } catch {
    stopSignal.throwIfAborted()
    throw new ExpectedStartError('A process of the service could not start, for the reason above.')
  }
}

function urlOf({ address, port }: Address): string {
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`
}
