/** That the ground is what it is called: otherwise whatever is proven on it says nothing. */
import { expect } from 'vitest'
import { DATABASE, DATABASE_ZONE } from '../stage/database.js'
import type { Stage } from '../stage/stage.js'

interface Facts {
  version: number
  jit: boolean
  zone: string
  isolation: string | null
  schemas: string[]
}

/** Of the server, and of what the service has made there. */
const sqlFacts = `
  select current_setting('server_version_num')::int / 10000 as version,
    pg_jit_available() and current_setting('jit')::bool as jit,
    current_setting('timezone') as zone,
    (select split_part(setting, '=', 2) from pg_db_role_setting s join pg_roles r on r.oid = s.setrole,
      unnest(setconfig) as setting
      where rolname = 'hooks' and starts_with(setting, 'default_transaction_isolation=')) as isolation,
    (select array_agg(distinct schemaname::text) from pg_tables where tablename = 'deliveries') as schemas`

export async function proveGround({ ground, postgres, redis, service, versions }: Stage): Promise<void> {
  const [facts] = await postgres.query<Facts>(sqlFacts, DATABASE)
  const { postgres: version, database, way, redis: kind } = ground
  expect(facts, 'what PostgreSQL says of itself').toMatchObject({
    ...(version === 'Debian' ? { jit: true } : { version }),
    ...(database === 'zones' && { zone: DATABASE_ZONE }),
    isolation: database === 'serializable' ? 'serializable' : null,
    schemas: [database === 'schema' ? 'hooks' : 'public'],
  })
  expect(versions.node).toMatch(new RegExp(`^v${ground.node}\\.`))

  const said = service.output()
  if (way !== 'direct') expect(said).toContain(`a pooler in ${way.split(' ')[0]} mode`)
  if (redis.servers.length === 0) return
  const infos = await Promise.all(redis.servers.map(({ cli }) => cli('info', 'server')))
  const mode = kind === 'Cluster' ? 'cluster' : 'standalone'
  for (const info of infos) expect(info).toContain(`redis_mode:${mode}`)
  // In a Cluster the keys of one service are on one of the nodes.
  const clients = await Promise.all(redis.servers.map(({ cli }) => cli('client', 'list')))
  expect(clients.join('\n')).toMatch(kind === 'ACL' ? /cmd=\S+ user=hooks / : /name=node-event-service/)
}
