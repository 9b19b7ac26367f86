/** `npm run migrate`: brings the database up to date. Any number of processes may do so at once. */
import { loadMaintenanceConfig, readDotEnv } from './config.js'
import { provideServer } from './database-provision.js'
import { ExpectedStartError } from './errors.js'
import { applyMigrations } from './platform/migrations/index.js'

async function main(): Promise<void> {
  readDotEnv()
  const say = (line: string) => void process.stdout.write(`${line}\n`)
  const database = await provideServer(loadMaintenanceConfig(), say)
  try {
    const { applied } = await applyMigrations({ databaseUrl: database.directUrl, onWait: say })
    say(applied.length > 0 ? `Applied: ${applied.join(', ')}` : 'The database is up to date.')
  } finally {
    await database[Symbol.asyncDispose]()
  }
}

main().catch((error: unknown) => {
  const { message } = error as Error
  process.stderr.write(
    `${error instanceof ExpectedStartError ? message : `The migration failed: ${message}`}\n`,
  )
  process.exitCode = 1
})
