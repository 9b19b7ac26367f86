/** Where the database comes from: the one that DATABASE_URL names, or an embedded one; and its migrations. */
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
  /** The way to it past a pooler. */
  directUrl: string
}

export interface ProvidedServer extends Server {
  /** What `databaseUrl` leads through. */
  pooling: Pooling
  /** How many connections PostgreSQL gives to each process; never more than were asked for. */
  connections: number
}

export interface ProvidedDatabase extends Omit<ProvidedServer, 'connections'> {
  /** Of the hot path, so that the process opens no more connections than it may. */
  poolSize: number
}

/** How a program tells what it does and what it waits for. */
export interface ProgressLog {
  info(line: string): void
  warn(line: string): void
}

const MAINTENANCE_DEMAND: ConnectionDemand = { need: MAINTENANCE_NEED, processes: 1, opening: 1 }

/**
 * The server that holds the database, with its schema as it is, once it can be worked on.
 *
 * @param stop ends it: what was started is stopped
 * @throws ExpectedStartError that says what to do, when there is none within DATABASE_WAIT_SECONDS or none can be
 */
export async function provideServer(
  config: Config,
  say: ProgressLog,
  stop: AbortSignal,
  demand: ConnectionDemand = MAINTENANCE_DEMAND,
): Promise<ProvidedServer> {
  const server = await startServer(config, say, stop)
  // Where nothing had to be started before, it is waited since the process began: who starts it sees no other time.
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

/** Workers hold a lock for as long as they live, and so do migrations, which are no business of a start in production. */
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
  // The first of several processes asks for all of them, before there are any.
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
      `PostgreSQL allows ${connections} connections for each process, which would open up to ${need.full}: it does with those, and is slower under load.`,
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

/** Loaded only when there is a database to migrate: what can't be is told before. */
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
