/** Where the database comes from: the one that DATABASE_URL names, or an embedded one; and its migrations. */
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Config } from './config.js'
import { ExpectedStartError } from './errors.js'
import { startEmbeddedPostgres } from './platform/embedded-postgres.js'
import { applyMigrations, pendingMigrations } from './platform/migrations/index.js'
import { findPooling, type Pooling, requireOwnSessions } from './platform/postgres/pooler.js'

export interface ProvidedDatabase extends AsyncDisposable {
  databaseUrl: string
  /** The way to it past a pooler. */
  directUrl: string
  /** What `databaseUrl` leads through. */
  pooling: Pooling
}

/** The server that holds the database, with its schema as it is. */
export async function provideServer(
  config: Config,
  log: (line: string) => void,
  warn = log,
): Promise<ProvidedDatabase> {
  if (config.databaseUrl === undefined) return provideEmbedded(config, log, warn)
  const { databaseUrl, directDatabaseUrl: directUrl = databaseUrl } = config
  const pooling = await findPooling(databaseUrl)
  if (pooling !== 'none') log(`DATABASE_URL leads through a pooler in ${pooling} mode.`)
  if (pooling === 'transaction' && needsOwnSessions(config)) {
    await requireOwnSessions(directUrl, 'Migrations and workers')
    log('Migrations, locks and the queue on PostgreSQL go past it, by DIRECT_DATABASE_URL.')
  }
  return { databaseUrl, directUrl, pooling, async [Symbol.asyncDispose]() {} }
}

async function provideEmbedded(
  config: Config,
  log: (line: string) => void,
  warn: (line: string) => void,
): Promise<ProvidedDatabase> {
  const dataDirectory = join(config.dataDirectory, 'postgres')
  const postgres = await startEmbeddedPostgres({ dataDirectory, log, warn })
  const { url } = postgres
  return {
    ...{ databaseUrl: url, directUrl: url, pooling: 'none' },
    [Symbol.asyncDispose]: postgres[Symbol.asyncDispose],
  }
}

/** Workers hold a lock for as long as they live, and so do migrations, which are no business of a start in production. */
const needsOwnSessions = ({ role, environment }: Config): boolean =>
  role !== 'api' || environment !== 'production'

/**
 * The database, ready to be used. In production its schema is only checked: `npm run migrate` changes it, when
 * and where the operator wants. Elsewhere a start brings it up to date.
 *
 * @throws Error that says what to do, when migrations are missing or no embedded database can be had
 */
export async function provideDatabase(config: Config, logger: Logger): Promise<ProvidedDatabase> {
  const log = (line: string) => logger.info(line)
  const database = await provideServer(config, log, (line) => logger.warn(line))
  try {
    if (config.environment === 'production') await requireMigrated(database.directUrl)
    else await migrate(database.directUrl, logger)
    return database
  } catch (error) {
    await database[Symbol.asyncDispose]()
    throw error
  }
}

async function migrate(databaseUrl: string, logger: Logger): Promise<void> {
  const { applied } = await applyMigrations({ databaseUrl, onWait: (reason) => logger.info(reason) })
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
