/**
 * PostgreSQL and Redis of a run's own, as durable as in production, in a temporary folder: one server each for
 * all that is compared, so that nobody has a better one.
 */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import pg from 'pg'
import { startEmbeddedPostgres } from '../src/platform/embedded-postgres.js'
import { findFreePort } from '../src/platform/free-port.js'
import { applyMigrations } from '../src/platform/migrations/index.js'
import { createResources, type Resources } from '../src/platform/resources.js'
import { provideDebianPostgres } from '../test/matrix/setup/programs.js'
import { startPostgresServer } from '../test/support/postgres-server.js'
import { requireRedisProgram, startRedisServer } from '../test/support/redis-server.js'
import type { ProcessGroup } from './processes.js'
import type { Server } from './scenarios.js'

export interface Infrastructure extends AsyncDisposable {
  redisUrl: string
  /** A database of its own for each who is measured, with the service's tables in it. */
  createDatabase(name: string, server: Server): Promise<TemporaryDatabase>
  /** Everybody starts with an empty Redis and with nothing left to be written to disk from those before. */
  settle(): Promise<void>
  /** How much of its write-ahead log a server has written since it was made. */
  walBytes(server: Server): Promise<number>
  processes: Record<Server | 'redis', ProcessGroup>
}

export interface TemporaryDatabase extends AsyncDisposable {
  url: string
}

/** A server with a template database, of which the databases of measurements are copies. */
interface DatabaseServer {
  createDatabase(name: string): Promise<TemporaryDatabase>
  checkpoint(): Promise<unknown>
  walBytes(): Promise<number>
}

const TEMPLATE = 'migrated'

/** @param servers those that are needed */
export async function startInfrastructure(servers: Set<Server>): Promise<Infrastructure> {
  const resources = createResources()
  try {
    const directory = await mkdtemp(join(tmpdir(), 'node-event-service-bench-'))
    resources.use({ [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) })
    // Root's PostgreSQL runs as another user, who has to get in.
    await chmod(directory, 0o755)

    const embedded = resources.use(
      await startEmbeddedPostgres({ dataDirectory: join(directory, 'postgres') }),
    )
    const pids = { embedded: postmasterPid(embedded.dataDirectory), machine: 0 }
    const databases: Partial<Record<Server, DatabaseServer>> = {
      embedded: await prepareServer(embedded.url, resources),
    }
    if (servers.has('machine')) {
      const machine = resources.use(await startPostgresServer({ directory: provideDebianPostgres() }))
      pids.machine = await machine.pid()
      databases.machine = await prepareServer(machine.url, resources)
    }

    const redis = resources.use(
      await startRedisServer({
        ...{
          program: requireRedisProgram(),
          port: await findFreePort(),
          directory: join(directory, 'redis'),
        },
        // Written to disk every second: what a queue wants.
        isDurable: true,
        // So that Ctrl-C leaves it to be stopped in its turn.
        isDetached: true,
      }),
    )

    return {
      redisUrl: redis.url,
      createDatabase: (name, server) => (databases[server] as DatabaseServer).createDatabase(name),
      async settle() {
        await redis.client.flushall()
        for (const server of Object.values(databases)) await server.checkpoint()
        // What the measurement before has left for the disk to do would be waited for in this one's commits.
        await promisify(execFile)('sync')
      },
      walBytes: (server) => (databases[server] as DatabaseServer).walBytes(),
      processes: {
        embedded: { name: 'postgres', pid: pids.embedded },
        machine: { name: 'postgres', pid: pids.machine },
        redis: { name: 'redis', pid: redis.pid },
      },
      [Symbol.asyncDispose]: resources[Symbol.asyncDispose],
    }
  } catch (error) {
    await resources[Symbol.asyncDispose]()
    throw error
  }
}

async function prepareServer(url: string, resources: Resources): Promise<DatabaseServer> {
  const administrator = new pg.Client(url)
  await administrator.connect()
  resources.use({ [Symbol.asyncDispose]: () => administrator.end() })
  const urlOf = (name: string) => Object.assign(new URL(url), { pathname: `/${name}` }).href
  await administrator.query(`create database ${TEMPLATE}`)
  await applyMigrations({ databaseUrl: urlOf(TEMPLATE) })
  return {
    checkpoint: () => administrator.query('checkpoint'),
    async walBytes() {
      const { rows } = await administrator.query(
        `select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 as bytes`,
      )
      return rows[0].bytes
    },
    async createDatabase(name) {
      await administrator.query(`create database ${name} template ${TEMPLATE}`)
      return {
        url: urlOf(name),
        [Symbol.asyncDispose]: async () => {
          await administrator.query(`drop database ${name} with (force)`)
        },
      }
    },
  }
}

function postmasterPid(dataDirectory: string): number {
  const [pid] = readFileSync(join(dataDirectory, 'cluster/postmaster.pid'), 'utf8').split('\n')
  return Number(pid)
}
