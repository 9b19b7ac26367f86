#!/usr/bin/env node
/** `npm run retention`: removes once what RETENTION_DAYS would, or only counts it. */

import { cleanUpMs } from './budgets.js'
import { loadMaintenanceConfig, readDotEnv } from './config.js'
import { ExpectedStartError } from './errors.js'
import { provideServer, requireMigrated } from './lifecycle/provision-database.js'
import { type Program, runProgram } from './lifecycle/run-program.js'
import { createDatabase } from './platform/postgres/database.js'
import { createResources } from './platform/resources.js'
import { timeOfUuidV7 } from './platform/uuid.js'
import { readOptions, usage } from './retention/options.js'
import { type Totals, walk } from './retention/walk.js'

async function main({ start, stop }: Program): Promise<void> {
  const { days: givenDays, isDryRun, help } = readOptions(process.argv.slice(2))
  const say = (line: string) => void process.stdout.write(`${line}\n`)
  if (help) return say(usage)

  readDotEnv()
  const config = loadMaintenanceConfig(givenDays === undefined ? {} : { RETENTION_DAYS: givenDays })
  const days = config.retentionDays
  if (days === undefined) {
    throw new ExpectedStartError('Say how long finished events are kept: set RETENTION_DAYS, or give --days.')
  }
  const resources = createResources()
  await start(resources, cleanUpMs(config.databaseUrl === undefined), async () => {
    const server = resources.use(await provideServer(config, { info: say, warn: say }, stop))
    const { databaseUrl, directUrl, pooling } = server
    await requireMigrated(directUrl, stop)
    const database = resources.use(createDatabase({ url: databaseUrl, directUrl, pooling, poolSize: 1 }))
    say(describe(await walk({ database, days, isDryRun }), days, isDryRun))
  })
  await resources[Symbol.asyncDispose]()
}

function describe({ events, deliveries, logs, oldest }: Totals, days: number, isDryRun: boolean): string {
  const verb = isDryRun ? 'Would remove' : 'Removed'
  const since = oldest ? `, the oldest accepted at ${new Date(timeOfUuidV7(oldest)).toISOString()}` : ''
  const counts = `events ${events}, deliveries ${deliveries}, logs ${logs}`
  return `${verb} what was finished more than ${days} days ago: ${counts}${since}.`
}

runProgram(main, 'The retention run failed')
