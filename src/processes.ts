/**
 * Several processes that do the same and share one port, so that the service uses more than one core. This one, the
 * first, serves nobody: it starts the others, puts another in the place of one that died, passes on what they have to
 * tell each other, and stops them.
 */
import cluster, { type Address, type Worker } from 'node:cluster'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from 'pino'
import { ExpectedStartError } from './errors.js'
import { answerForMetrics } from './platform/shared-metrics.js'
import { relayMessages } from './platform/siblings.js'
import type { Service } from './service.js'

export interface ProcessesOptions {
  count: number
  databaseUrl: string
  logger: Logger
}

/** Before one that died is replaced, lest one that can't live is started without end. */
const REPLACE_AFTER_MS = 1000

/** Resolves once all of them listen. @throws ExpectedStartError when one of them can't start */
export async function startProcesses({ count, databaseUrl, logger }: ProcessesOptions): Promise<Service> {
  // Times go between processes as they are.
  cluster.setupPrimary({ serialization: 'advanced' })
  relayMessages()
  answerForMetrics()
  let isStopping = false
  const fork = () => cluster.fork({ DATABASE_URL: databaseUrl })

  async function stop(): Promise<void> {
    isStopping = true
    const workers = Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined)
    await Promise.all(
      workers.map(async (worker) => {
        if (worker.isDead()) return
        const ended = once(worker, 'exit')
        worker.process.kill('SIGTERM')
        await ended
      }),
    )
  }

  async function replace({ process: { pid } }: Worker, code: number | null, signal: string): Promise<void> {
    if (isStopping) return
    logger.error({ pid, code, signal }, 'a process died: another takes its place')
    await pause(REPLACE_AFTER_MS)
    if (!isStopping) fork()
  }

  try {
    const addresses = await Promise.all(Array.from({ length: count }, () => listening(fork())))
    cluster.on('exit', (worker, code, signal) => void replace(worker, code, signal))
    return { url: urlOf(addresses[0] as Address), [Symbol.asyncDispose]: stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function listening(worker: Worker): Promise<Address> {
  const died = new AbortController()
  worker.once('exit', () => died.abort())
  try {
    const [address] = await once(worker, 'listening', { signal: died.signal })
    return address
  } catch {
    throw new ExpectedStartError('A process of the service could not start, for the reason above.')
  }
}

function urlOf({ address, port }: Address): string {
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}`
}
