/** `npm run migrate`: brings the database up to date. Any number of processes may do so at once. */
import { loadMaintenanceConfig, readDotEnv } from './config.js'
import { migrate, provideServer } from './database-provision.js'
import { createParts } from './platform/parts.js'
import { type Program, runProgram } from './run-program.js'
import { cleanUpMs } from './stop-budget.js'

async function main({ start, stop }: Program): Promise<void> {
  const print = (line: string) => void process.stdout.write(`${line}\n`)
  const say = { info: print, warn: print }
  readDotEnv()
  const config = loadMaintenanceConfig()
  const parts = createParts()
  await start(parts, cleanUpMs(config.databaseUrl === undefined), async () => {
    const { directUrl } = parts.use(await provideServer(config, say, stop))
    const { applied } = await migrate(directUrl, say, stop)
    print(applied.length > 0 ? `Applied: ${applied.join(', ')}` : 'The database is up to date.')
  })
  await parts[Symbol.asyncDispose]()
}

runProgram(main, 'The migration failed')
