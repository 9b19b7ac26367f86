/** Provides the database of a start: the one at DATABASE_URL, or an embedded one. Migrates it outside of production. */
import cluster from 'node:cluster'
import { join } from 'node:path'
import type { Config } from '../config.js'
import { ExpectedStartError } from '../errors.js'
import { startEmbeddedPostgres } from '../platform/embedded-postgres.js'
import { connectionNeedOf, MAINTENANCE_NEED, poolSizeWithin } from '../platform/postgres/connection-budget.js'
import { type ConnectionDemand, waitForDatabase } from '../platform/postgres/database-wait.js'
import { findPooling, type Pooling, requireOwnSessions } from '../platform/postgres/pooler.js'

interface Server extends AsyncDisposable {
  databaseUrl: string
  /** Leads to the database past a pooler. */
  directUrl: string
}

export interface ProvidedServer extends Server {
  /** The mode of the pooler that `databaseUrl` leads through. */
  pooling: Pooling
  /** How many connections PostgreSQL allows for each process, at most those that the process needs. */
  connections: number
}

export interface ProvidedDatabase extends Omit<ProvidedServer, 'connections'> {
  /** Size of the pool of the hot path, so that the process stays within its connections. */
  poolSize: number
}

/** Where a program reports its progress and what it waits for. */
export interface ProgressLog {
  info(line: string): void
  warn(line: string): void
}

const MAINTENANCE_DEMAND: ConnectionDemand = { need: MAINTENANCE_NEED, processes: 1, opening: 1 }

/**
 * Resolves once the server accepts connections. The schema is not touched.
 *
 * @param stop gives up, and stops what was started
 * @throws ExpectedStartError that says what to do, when there is none within DATABASE_WAIT_SECONDS or none can be
 */
export async function provideServer(
  config: Config,
  say: ProgressLog,
  stop: AbortSignal,
  demand: ConnectionDemand = MAINTENANCE_DEMAND,
): Promise<ProvidedServer> {
  const server = await startServer(config, say, stop)
  // Without an embedded server, the wait counts from the start of the process, as the operator sees it.
  const beganMs = config.databaseUrl === undefined ? performance.now() : 0
  const wait = {
    untilMs: beganMs + config.databaseWaitSeconds * 1000,
    signal: stop,
    onWait: (sentence: string) => say.warn(sentence),
  }
  try {
    const connections = await waitForDatabase(server.databaseUrl, demand, wait)
    if (server.directUrl !== server.databaseUrl)
      await waitForDatabase(server.directUrl, MAINTENANCE_DEMAND, wait)
    return { ...server, connections, pooling: await lookForPooler(config, server, say) }
  } catch (error) {
    await server[Symbol.asyncDispose]()
    throw error
  }
}

async function startServer(
  { databaseUrl, directDatabaseUrl: directUrl = databaseUrl, dataDirectory }: Config,
  say: ProgressLog,
  signal: AbortSignal,
): Promise<Server> {
  if (databaseUrl !== undefined && directUrl !== undefined) {
    return { databaseUrl, directUrl, async [Symbol.asyncDispose]() {} }
  }
  const postgres = await startEmbeddedPostgres({
    dataDirectory: join(dataDirectory, 'postgres'),
    log: (line) => say.info(line),
    warn: (line) => say.warn(line),
    signal,
  })
  const { url } = postgres
  return { databaseUrl: url, directUrl: url, [Symbol.asyncDispose]: postgres[Symbol.asyncDispose] }
}

async function lookForPooler(
  config: Config,
  { databaseUrl, directUrl }: Server,
  say: ProgressLog,
): Promise<Pooling> {
  if (config.databaseUrl === undefined) return 'none'
  const pooling = await findPooling(databaseUrl)
  if (pooling !== 'none') say.info(`DATABASE_URL leads through a pooler in ${pooling} mode.`)
  if (pooling === 'transaction' && needsOwnSessions(config)) {
    await requireOwnSessions(directUrl, 'Migrations and workers')
    say.info('Migrations, locks and the queue on PostgreSQL go past it, by DIRECT_DATABASE_URL.')
  }
  return pooling
}

/** Workers hold a lock for as long as they live. Migrations hold one too, but a start in production runs none. */
const needsOwnSessions = ({ role, environment }: Config): boolean =>
  role !== 'api' || environment !== 'production'

/**
 * The database, ready to be used. In production its schema is only checked: `npm run migrate` changes it, when
 * and where the operator wants. Elsewhere a start brings it up to date.
 *
 * @throws ExpectedStartError that says what to do, when migrations are missing or no database can be had
 */
export async function provideDatabase(
  config: Config,
  say: ProgressLog,
  stop: AbortSignal,
): Promise<ProvidedDatabase> {
  const work = { isWorker: config.role !== 'api', isQueueOnPostgres: config.redis === undefined }
  const { processes } = config
  const need = connectionNeedOf(work)
  // The primary checks for all processes, before it starts them.
  const opening = cluster.isPrimary ? processes : 1
  const { connections, ...server } = await provideServer(config, say, stop, { need, processes, opening })
  try {
    await requireOrMakeSchema(config, server.directUrl, say, stop)
  } catch (error) {
    await server[Symbol.asyncDispose]()
    throw error
  }
  if (connections < need.full && cluster.isPrimary) {
    say.warn(
      `PostgreSQL allows ${connections} connections for each process, which would use up to ${need.full}. The service runs with fewer, and is slower under load.`,
    )
  }
  return { ...server, poolSize: poolSizeWithin(connections, work) }
}

async function requireOrMakeSchema(
  { environment }: Config,
  directUrl: string,
  say: ProgressLog,
  stop: AbortSignal,
): Promise<void> {
  if (environment === 'production') return requireMigrated(directUrl, stop)
  const { applied } = await migrate(directUrl, say, stop)
  if (applied.length > 0) say.info(`Migrated the database: ${applied.join(', ')}`)
}

/** Loaded only when there is a database to migrate, so that other problems are reported sooner. */
const loadMigrations = () => import('../platform/migrations/index.js')

/** Brings the database up to date. */
export async function migrate(
  directUrl: string,
  say: ProgressLog,
  stop: AbortSignal,
): Promise<{ applied: string[] }> {
  const { applyMigrations } = await loadMigrations()
  return applyMigrations({ databaseUrl: directUrl, signal: stop, onWait: (reason) => say.warn(reason) })
}

/** @throws ExpectedStartError that names the migrations that are missing */
export async function requireMigrated(directUrl: string, signal: AbortSignal): Promise<void> {
  const { pendingMigrations } = await loadMigrations()
  const pending = await pendingMigrations({ databaseUrl: directUrl, signal })
  if (pending.length === 0) return
  throw new ExpectedStartError(
    `The database lacks ${pending.length} migration(s): ${pending.join(', ')}. Run: npm run migrate`,
  )
}
