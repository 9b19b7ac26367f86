/** Checks that the environment is set up as named. Otherwise the other checks would prove nothing. */
import { expect } from 'vitest'
import { DATABASE, DATABASE_ZONE } from '../setup/database.js'
import type { Setup } from '../setup/setup.js'

interface Facts {
  version: number
  jit: boolean
  zone: string
  isolation: string | null
  schemas: string[]
}

/** Facts of the server, and of the tables that the service has created. */
const sqlFacts = `
  select current_setting('server_version_num')::int / 10000 as version,
    pg_jit_available() and current_setting('jit')::bool as jit,
    current_setting('timezone') as zone,
    (select split_part(setting, '=', 2) from pg_db_role_setting s join pg_roles r on r.oid = s.setrole,
      unnest(setconfig) as setting
      where rolname = 'hooks' and starts_with(setting, 'default_transaction_isolation=')) as isolation,
    (select array_agg(distinct schemaname::text) from pg_tables where tablename = 'deliveries') as schemas`

export async function checkEnvironment({
  environment,
  postgres,
  redis,
  service,
  versions,
}: Setup): Promise<void> {
  const [facts] = await postgres.query<Facts>(sqlFacts, DATABASE)
  const { postgres: version, database, connection, redis: kind } = environment
  expect(facts, 'facts of PostgreSQL').toMatchObject({
    ...(version === 'Debian' ? { jit: true } : { version }),
    ...(database === 'zones' && { zone: DATABASE_ZONE }),
    isolation: database === 'serializable' ? 'serializable' : null,
    schemas: [database === 'schema' ? 'hooks' : 'public'],
  })
  expect(versions.node).toMatch(new RegExp(`^v${environment.node}\\.`))

  const said = service.output()
  if (connection !== 'direct') expect(said).toContain(`a pooler in ${connection.split(' ')[0]} mode`)
  if (redis.servers.length === 0) return
  const infos = await Promise.all(redis.servers.map(({ cli }) => cli('info', 'server')))
  const mode = kind === 'Cluster' ? 'cluster' : 'standalone'
  for (const info of infos) expect(info).toContain(`redis_mode:${mode}`)
  // In a Cluster the keys of one service are on one of the nodes.
  const clients = await Promise.all(redis.servers.map(({ cli }) => cli('client', 'list')))
  expect(clients.join('\n')).toMatch(kind === 'ACL' ? /cmd=\S+ user=hooks / : /name=node-event-service/)
}
