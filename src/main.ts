#!/usr/bin/env node
/** Starts the service from its settings, and stops it in order when it is asked to. */
import cluster from 'node:cluster'
import { cleanUpMs } from './budgets.js'
import { loadConfig, readDotEnv } from './config.js'
import { startProcesses } from './lifecycle/processes.js'
import { provideDatabase } from './lifecycle/provision-database.js'
import { type Program, runProgram } from './lifecycle/run-program.js'
import { stopInTime } from './lifecycle/stop.js'
import { welcome } from './lifecycle/welcome.js'
import { createResources } from './platform/resources.js'
import { createLogger } from './telemetry/logging.js'

async function main({ start, stop, stopRequested, logTo }: Program): Promise<void> {
  readDotEnv()
  const config = loadConfig()
  const logger = createLogger(config)
  logTo(logger)
  const resources = createResources()
  const { role, processes, shutdownGraceMs: graceMs } = config
  const isPrimary = processes > 1 && cluster.isPrimary
  // Most of the code, which a primary never needs. Evaluating it holds up this thread for a while.
  const load = () => import('./service.js')

  const startAll = async () => {
    // The embedded PostgreSQL starts in a process of its own. Another one is asked first, because its answer has a
    // time.
    const loading = config.databaseUrl === undefined && !isPrimary ? load() : undefined
    const database = resources.use(await provideDatabase(config, logger, stop), 'PostgreSQL')
    const { databaseUrl, directUrl, pooling, poolSize } = database
    if (isPrimary) {
      const options = { count: processes, databaseUrl, logger, graceMs, stop }
      return resources.use(await startProcesses(options), 'processes')
    }
    const { startService } = await (loading ?? load())
    const settings = { ...config, databaseUrl, directUrl, pooling, poolSize }
    return resources.use(await startService(settings, logger, stop), 'service')
  }
  const service = await start(resources, cleanUpMs(config.databaseUrl === undefined), startAll)
  if (cluster.isPrimary) {
    logger.info({ url: service.url, role, ...(processes > 1 && { processes }) }, 'listening')
    if (config.environment === 'development' && role === 'all')
      process.stdout.write(welcome(config, service.url))
  }
  const { by: signal } = await stopRequested()
  logger.info({ signal }, 'stopping')
  // Ctrl-C comes from a person who waits, and no load balancer has to notice it.
  if (signal === 'SIGINT') service.skipGrace()
  await stopInTime(resources, graceMs, logger)
  // The IPC channel to the primary would keep this process alive.
  if (process.connected) process.disconnect()
}

runProgram(main, "Node Event Service can't start or stop, by a fault of its own")
