/** Starts the service from its settings, and stops it in order when it is asked to. */
import cluster from 'node:cluster'
import { loadConfig, readDotEnv } from './config.js'
import { provideDatabase } from './database-provision.js'
import { ExpectedStartError } from './errors.js'
import { createLogger } from './platform/logging.js'
import { createParts } from './platform/parts.js'
import { startProcesses } from './processes.js'
import { startService } from './service.js'
import { stopInTime } from './stop.js'
import { welcome } from './welcome.js'

async function main(): Promise<void> {
  readDotEnv()
  const config = loadConfig()
  const logger = createLogger(config)
  const parts = createParts()

  const stopped = new Promise<string>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, endWhenRepeated(resolve))
    // The first process is gone: nobody else would stop this one.
    if (cluster.isWorker) process.once('disconnect', () => resolve('disconnect'))
  })
  try {
    const { databaseUrl, directUrl, pooling } = parts.use(await provideDatabase(config, logger), 'PostgreSQL')
    const { role, processes, shutdownGraceMs: graceMs } = config
    const service = parts.use(
      processes > 1 && cluster.isPrimary
        ? await startProcesses({ count: processes, databaseUrl, logger, graceMs })
        : await startService({ ...config, databaseUrl, directUrl, pooling }, logger),
      'processes',
    )
    if (cluster.isPrimary) {
      logger.info({ url: service.url, role, ...(processes > 1 && { processes }) }, 'listening')
      if (config.environment === 'development' && role === 'all')
        process.stdout.write(welcome(config, service.url))
    }
    const signal = await stopped
    logger.info({ signal }, 'stopping')
    // Ctrl-C: a person who waits, and no balancer that has to learn of it.
    if (signal === 'SIGINT') service.skipGrace()
    await stopInTime(parts, graceMs, logger)
  } finally {
    await parts[Symbol.asyncDispose]()
  }
  // The way to the first process would keep this one alive.
  if (process.connected) process.disconnect()
}

/** A second request that comes sooner is the same one: npm passes on a Ctrl-C that the terminal has sent already. */
const SAME_REQUEST_MS = 1000
let requestedAt: number | undefined

const endWhenRepeated = (request: (signal: string) => void) => (signal: NodeJS.Signals, number: number) => {
  requestedAt ??= performance.now()
  if (performance.now() - requestedAt > SAME_REQUEST_MS) process.exit(128 + number)
  request(signal)
}

main().catch((error: unknown) => {
  process.stderr.write(`${explain(error)}\n`)
  process.exitCode = 1
})

/** A sentence for what a person can mend, and the stack for what only a developer can. */
function explain(error: unknown): string {
  const { code, message, stack } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') return `Node Event Service can't start: ${message}. Set PORT to another one.`
  return error instanceof ExpectedStartError ? message : (stack ?? message)
}
