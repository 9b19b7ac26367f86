/** Starts the service from its settings, and stops it in order when it is asked to. */
import cluster from 'node:cluster'
import type { Logger } from 'pino'
import { loadConfig, readDotEnv } from './config.js'
import { provideDatabase } from './database-provision.js'
import { ExpectedStartError } from './errors.js'
import { createLogger } from './platform/logging.js'
import { createParts, type Parts } from './platform/parts.js'
import { startProcesses } from './processes.js'
import { startService } from './service.js'
import { welcome } from './welcome.js'

async function main(): Promise<void> {
  readDotEnv()
  const config = loadConfig()
  const logger = createLogger(config)
  const parts = createParts()

  const stopped = new Promise<string>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, resolve)
    // The first process is gone: nobody else would stop this one.
    if (cluster.isWorker) process.once('disconnect', () => resolve('disconnect'))
  })
  try {
    const { databaseUrl, directUrl, pooling } = parts.use(await provideDatabase(config, logger), 'PostgreSQL')
    const { role, processes } = config
    const service = parts.use(
      processes > 1 && cluster.isPrimary
        ? await startProcesses({ count: processes, databaseUrl, logger })
        : await startService({ ...config, databaseUrl, directUrl, pooling }, logger),
      'processes',
    )
    if (cluster.isPrimary) {
      logger.info({ url: service.url, role, ...(processes > 1 && { processes }) }, 'listening')
      if (config.environment === 'development' && role === 'all')
        process.stdout.write(welcome(config, service.url))
    }
    logger.info({ signal: await stopped }, 'stopping')
    endAnyway(parts, logger)
  } finally {
    await parts[Symbol.asyncDispose]()
  }
  logger.info('stopped')
  // The way to the first process would keep this one alive.
  if (process.connected) process.disconnect()
  setTimeout(endForgetful, FORGOTTEN_AFTER_MS, logger).unref()
}

/** What a part that hangs may hold up a stop for. Whatever is lost then is done again: it is all in PostgreSQL. */
const STOP_DEADLINE_MS = 28_000

function endAnyway(parts: Parts, logger: Logger): void {
  const end = () => {
    logger.fatal({ part: parts.stopping }, 'something hangs: stopping without it')
    process.exit(1)
  }
  setTimeout(end, STOP_DEADLINE_MS).unref()
}

const FORGOTTEN_AFTER_MS = 1000

/** All is stopped and recorded. While Redis is away BullMQ goes on trying to connect, which must not hold up the end. */
function endForgetful(logger: Logger): void {
  logger.warn({ resources: process.getActiveResourcesInfo() }, 'ended although something was left open')
  process.exit()
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
