#!/usr/bin/env node
/** `npm run migrate`: brings the database up to date. Any number of processes may do so at once. */

import { cleanUpMs } from './budgets.js'
import { loadMaintenanceConfig, readDotEnv } from './config.js'
import { migrate, provideServer } from './lifecycle/provision-database.js'
import { type Program, runProgram } from './lifecycle/run-program.js'
import { createResources } from './platform/resources.js'

async function main({ start, stop }: Program): Promise<void> {
  const print = (line: string) => void process.stdout.write(`${line}\n`)
  const say = { info: print, warn: print }
  readDotEnv()
  const config = loadMaintenanceConfig()
  const resources = createResources()
  await start(resources, cleanUpMs(config.databaseUrl === undefined), async () => {
    const { directUrl } = resources.use(await provideServer(config, say, stop))
    const { applied } = await migrate(directUrl, say, stop)
    print(applied.length > 0 ? `Applied: ${applied.join(', ')}` : 'The database is up to date.')
  })
  await resources[Symbol.asyncDispose]()
}

runProgram(main, 'The migration failed')
