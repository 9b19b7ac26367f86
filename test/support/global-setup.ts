/** One PostgreSQL and a migrated template database for the whole run, and a Redis for whoever starts one. */
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { startEmbeddedPostgres } from '../../src/platform/embedded-postgres.js'
import { applyMigrations } from '../../src/platform/migrations/index.js'
import { copyCluster, makeClusterTemplate } from './cluster-template.js'
import { provideRedis, type RedisSource } from './redis.js'

declare module 'vitest' {
  interface ProvidedContext {
    postgresUrl: string
    redisSource: RedisSource
  }
}

export const TEMPLATE_DATABASE = 'template_migrated'

/** Tests that need no server. */
const SERVERLESS = 'unit'

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (project.vitest.projects.every(({ name }) => name === SERVERLESS)) return undefined
  project.provide('redisSource', provideRedis())
  const directory = await mkdtemp(join(tmpdir(), 'node-event-service-test-'))
  // Root's PostgreSQL runs as another user, who has to get in.
  await chmod(directory, 0o755)
  const template = await makeClusterTemplate(join(directory, 'template'))
  project.provide('clusterTemplate', template)
  const dataDirectory = join(directory, 'postgres')
  await copyCluster(dataDirectory, template)
  const postgres = await startEmbeddedPostgres({
    dataDirectory,
    // The data is thrown away, and no test pulls the plug of the machine.
    settings: { fsync: 'off', full_page_writes: 'off', max_connections: '500', scram_iterations: '1' },
  })
  await hashPasswordAnew(postgres.url)
  await makeTemplate(postgres.url)
  project.provide('postgresUrl', postgres.url)
  return async () => {
    await postgres[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  }
}

/** By `scram_iterations`: the usual 4096 take a third of the time of a connection, of which each test makes dozens. */
async function hashPasswordAnew(serverUrl: string): Promise<void> {
  const client = new pg.Client(serverUrl)
  await client.connect()
  const password = client.escapeLiteral(decodeURIComponent(new URL(serverUrl).password))
  await client.query(`alter role current_user password ${password}`)
  await client.end()
}

async function makeTemplate(serverUrl: string): Promise<void> {
  const client = new pg.Client(serverUrl)
  await client.connect()
  await client.query(`create database ${TEMPLATE_DATABASE}`)
  await client.end()
  await applyMigrations({ databaseUrl: withDatabase(serverUrl, TEMPLATE_DATABASE) })
}

export function withDatabase(serverUrl: string, database: string): string {
  const url = new URL(serverUrl)
  url.pathname = `/${database}`
  return url.href
}
