/** Where the database comes from: the one that DATABASE_URL names, or an embedded one; and its migrations. */
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Config } from './config.js'
import { ExpectedStartError } from './errors.js'
import { startEmbeddedPostgres } from './platform/embedded-postgres.js'
import { applyMigrations, pendingMigrations } from './platform/migrations/index.js'

export interface ProvidedDatabase extends AsyncDisposable {
  databaseUrl: string
}

/** The server that holds the database, with its schema as it is. */
export async function provideServer(config: Config, log: (line: string) => void): Promise<ProvidedDatabase> {
  const { databaseUrl } = config
  if (databaseUrl !== undefined) return { databaseUrl, async [Symbol.asyncDispose]() {} }
  const postgres = await startEmbeddedPostgres({ dataDirectory: join(config.dataDirectory, 'postgres'), log })
  return { databaseUrl: postgres.url, [Symbol.asyncDispose]: postgres[Symbol.asyncDispose] }
}

/**
 * The database, ready to be used. In production its schema is only checked: `npm run migrate` changes it, when
 * and where the operator wants. Elsewhere a start brings it up to date.
 *
 * @throws Error that says what to do, when migrations are missing or no embedded database can be had
 */
export async function provideDatabase(config: Config, logger: Logger): Promise<ProvidedDatabase> {
  const database = await provideServer(config, (line) => logger.info(line))
  try {
    if (config.environment === 'production') await requireMigrated(database.databaseUrl)
    else await migrate(database.databaseUrl, logger)
    return database
  } catch (error) {
    await database[Symbol.asyncDispose]()
    throw error
  }
}

async function migrate(databaseUrl: string, logger: Logger): Promise<void> {
  const { applied } = await applyMigrations({ databaseUrl })
  if (applied.length > 0) logger.info({ applied }, 'migrated the database')
}

/** @throws ExpectedStartError that names the migrations that are missing */
export async function requireMigrated(databaseUrl: string): Promise<void> {
  const pending = await pendingMigrations({ databaseUrl })
  if (pending.length === 0) return
  throw new ExpectedStartError(
    `The database lacks ${pending.length} migration(s): ${pending.join(', ')}. Run: npm run migrate`,
  )
}
