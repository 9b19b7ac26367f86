/** A ground, set up: its servers, and the service on them. */
import { execFileSync } from 'node:child_process'
import { createResources } from '../../../src/platform/resources.js'
import { type PostgresServer, startPostgresServer } from '../../support/postgres-server.js'
import { type Ground, groundName } from '../grounds.js'
import { provideDatabase } from './database.js'
import {
  nodeProgram,
  PGBOUNCER_PROGRAM,
  type Programs,
  postgresProgram,
  programIn,
  REDIS_PROGRAM,
} from './programs.js'
import { type GroundRedis, provideRedis } from './redis.js'
import { type GroundService, startGroundService } from './service.js'

export interface Stage extends AsyncDisposable {
  ground: Ground
  postgres: PostgresServer
  redis: GroundRedis
  service: GroundService
  /** As the programs themselves say. */
  versions: Versions
}

export interface Versions {
  postgres: string
  redis: string | undefined
  pgbouncer: string | undefined
  node: string
}

/** @throws Error that says what can't be had, or what did not start */
export async function setUp(ground: Ground, programs: Programs): Promise<Stage> {
  const resources = createResources()
  try {
    const bin = programIn(programs, postgresProgram(ground.postgres))
    const node = programIn(programs, nodeProgram(ground.node))
    if (ground.redis !== 'none') programIn(programs, REDIS_PROGRAM)
    const pgbouncer = ground.way === 'direct' ? undefined : programIn(programs, PGBOUNCER_PROGRAM)

    const postgres = resources.use(await startPostgresServer({ directory: bin }))
    const redis = await provideRedis(ground.redis, resources)
    const settings = { ...(await provideDatabase(ground, postgres, resources)), ...redis.settings }
    const service = resources.use(await startGroundService(ground.layout, settings, node))
    const versions = {
      postgres: (await postgres.query<{ version: string }>('select version()'))[0]?.version ?? '',
      redis: /redis_version:(\S+)/.exec((await redis.servers[0]?.cli('info', 'server')) ?? '')?.[1],
      pgbouncer: pgbouncer && firstLineOf(pgbouncer),
      node: firstLineOf(node),
    }
    return {
      ground,
      postgres,
      redis,
      service,
      versions,
      [Symbol.asyncDispose]: resources[Symbol.asyncDispose],
    }
  } catch (error) {
    await Promise.resolve(resources[Symbol.asyncDispose]()).catch(() => {})
    throw new Error(`This ground can't be set up: ${groundName(ground)}.\n${(error as Error).message}`, {
      cause: error,
    })
  }
}

const firstLineOf = (program: string): string =>
  execFileSync(program, ['--version'], { encoding: 'utf8' }).split('\n')[0] ?? ''
