/** Sets up an environment: its servers, and the service on them. */
import { execFileSync } from 'node:child_process'
import { createResources } from '../../../src/platform/resources.js'
import { type PostgresServer, startPostgresServer } from '../../support/postgres-server.js'
import { type Environment, environmentName } from '../environments.js'
import { provideDatabase } from './database.js'
import {
  nodeProgram,
  PGBOUNCER_PROGRAM,
  type Programs,
  postgresProgram,
  programIn,
  REDIS_PROGRAM,
} from './programs.js'
import { type EnvironmentRedis, provideRedis } from './redis.js'
import { type EnvironmentService, startEnvironmentService } from './service.js'

export interface Setup extends AsyncDisposable {
  environment: Environment
  postgres: PostgresServer
  redis: EnvironmentRedis
  service: EnvironmentService
  /** As the programs report them. */
  versions: Versions
}

export interface Versions {
  postgres: string
  redis: string | undefined
  pgbouncer: string | undefined
  node: string
}

/** @throws Error that says which program is missing, or what did not start */
export async function setUp(environment: Environment, programs: Programs): Promise<Setup> {
  const resources = createResources()
  try {
    const bin = programIn(programs, postgresProgram(environment.postgres))
    const node = programIn(programs, nodeProgram(environment.node))
    if (environment.redis !== 'none') programIn(programs, REDIS_PROGRAM)
    const pgbouncer = environment.connection === 'direct' ? undefined : programIn(programs, PGBOUNCER_PROGRAM)

    const postgres = resources.use(await startPostgresServer({ directory: bin }))
    const redis = await provideRedis(environment.redis, resources)
    const settings = { ...(await provideDatabase(environment, postgres, resources)), ...redis.settings }
    const service = resources.use(await startEnvironmentService(environment.topology, settings, node))
    const versions = {
      postgres: (await postgres.query<{ version: string }>('select version()'))[0]?.version ?? '',
      redis: /redis_version:(\S+)/.exec((await redis.servers[0]?.cli('info', 'server')) ?? '')?.[1],
      pgbouncer: pgbouncer && firstLineOf(pgbouncer),
      node: firstLineOf(node),
    }
    return {
      environment,
      postgres,
      redis,
      service,
      versions,
      [Symbol.asyncDispose]: resources[Symbol.asyncDispose],
    }
  } catch (error) {
    await Promise.resolve(resources[Symbol.asyncDispose]()).catch(() => {})
    throw new Error(
      `This environment can't be set up: ${environmentName(environment)}.\n${(error as Error).message}`,
      {
        cause: error,
      },
    )
  }
}

const firstLineOf = (program: string): string =>
  execFileSync(program, ['--version'], { encoding: 'utf8' }).split('\n')[0] ?? ''
