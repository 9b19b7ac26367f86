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
import { createParts } from '../src/platform/parts.js'
import { requireRedisProgram, startRedisServer } from '../test/support/redis-server.js'
import type { ProcessGroup } from './processes.js'

export interface Infrastructure extends AsyncDisposable {
  redisUrl: string
  /** A database of its own for each who is measured, with the service's tables in it. */
  createDatabase(name: string): Promise<TemporaryDatabase>
  /** Everybody starts with an empty Redis and with nothing left to be written to disk from those before. */
  settle(): Promise<void>
  processes: { postgres: ProcessGroup; redis: ProcessGroup }
}

export interface TemporaryDatabase extends AsyncDisposable {
  url: string
}

const TEMPLATE = 'migrated'

export async function startInfrastructure(): Promise<Infrastructure> {
  const parts = createParts()
  try {
    const directory = await mkdtemp(join(tmpdir(), 'node-event-service-bench-'))
    parts.use({ [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true }) })
    // Root's PostgreSQL runs as another user, who has to get in.
    await chmod(directory, 0o755)

    const postgres = parts.use(await startEmbeddedPostgres({ dataDirectory: join(directory, 'postgres') }))
    const administrator = new pg.Client(postgres.url)
    await administrator.connect()
    parts.use({ [Symbol.asyncDispose]: () => administrator.end() })
    const urlOf = (name: string) => Object.assign(new URL(postgres.url), { pathname: `/${name}` }).href
    await administrator.query(`create database ${TEMPLATE}`)
    await applyMigrations({ databaseUrl: urlOf(TEMPLATE) })

    const redis = parts.use(
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
      async createDatabase(name) {
        await administrator.query(`create database ${name} template ${TEMPLATE}`)
        return {
          url: urlOf(name),
          [Symbol.asyncDispose]: async () => {
            await administrator.query(`drop database ${name} with (force)`)
          },
        }
      },
      async settle() {
        await redis.client.flushall()
        await administrator.query('checkpoint')
        // What the measurement before has left for the disk to do would be waited for in this one's commits.
        await promisify(execFile)('sync')
      },
      processes: {
        postgres: { name: 'postgres', pid: postmasterPid(postgres.dataDirectory) },
        redis: { name: 'redis', pid: redis.pid },
      },
      [Symbol.asyncDispose]: parts[Symbol.asyncDispose],
    }
  } catch (error) {
    await parts[Symbol.asyncDispose]()
    throw error
  }
}

function postmasterPid(dataDirectory: string): number {
  const [pid] = readFileSync(join(dataDirectory, 'cluster/postmaster.pid'), 'utf8').split('\n')
  return Number(pid)
}
