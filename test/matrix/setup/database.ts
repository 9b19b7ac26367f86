/** The database of an environment, with settings that an operator's may have, and the service's settings for it. */

import type { Resources } from '../../../src/platform/resources.js'
import { startPgBouncer } from '../../support/pgbouncer.js'
import type { PostgresServer } from '../../support/postgres-server.js'
import type { Settings } from '../../support/service.js'
import type { DatabaseKind, Environment } from '../environments.js'

export const DATABASE = 'events'
const ROLE = 'hooks'
const PASSWORD = 'of-the-service'
const SCHEMA = 'hooks'

/** Both have daylight saving time and an offset of half an hour. */
export const DATABASE_ZONE = 'Australia/Lord_Howe'
const PROCESS_ZONE = 'America/St_Johns'

const owned = [`create database ${DATABASE} owner ${ROLE}`]

/** Statements in the database `postgres`, then in the environment's own. */
const made: Record<DatabaseKind, { before: string[]; inside: string[] }> = {
  plain: { before: owned, inside: [] },
  zones: { before: [...owned, `alter database ${DATABASE} set timezone = '${DATABASE_ZONE}'`], inside: [] },
  serializable: {
    before: [...owned, `alter role ${ROLE} set default_transaction_isolation = 'serializable'`],
    inside: [],
  },
  schema: {
    before: [`create database ${DATABASE}`],
    inside: [
      'revoke create on schema public from public',
      'create table public.events (number int)',
      'create table public.subscriptions (plan text)',
      `create schema ${SCHEMA} authorization ${ROLE}`,
    ],
  },
}

/** @returns the service's settings for this database */
export async function provideDatabase(
  { database, connection }: Environment,
  server: PostgresServer,
  resources: Resources,
): Promise<Settings> {
  const { before, inside } = made[database]
  await server.query([`create role ${ROLE} login password '${PASSWORD}'`, ...before])
  if (inside.length > 0) await server.query(inside, DATABASE)

  const schema = database === 'schema' ? `?schema=${SCHEMA}` : ''
  const url = `${server.urlOf(DATABASE, ROLE, PASSWORD)}${schema}`
  const zone = database === 'zones' ? { TZ: PROCESS_ZONE } : {}
  if (connection === 'direct') return { DATABASE_URL: url, ...zone }
  const mode = connection === 'session pooler' ? 'session' : 'transaction'
  const pooler = resources.use(await startPgBouncer(url, mode))
  return {
    DATABASE_URL: pooler.urlOf(url),
    ...(mode === 'transaction' && { DIRECT_DATABASE_URL: url }),
    ...zone,
  }
}
