/**
 * The test environments: PostgreSQL version, kind of database, connection, Redis, process topology, Node.js version.
 * Not every combination: each value occurs, and the pairs of values that affect each other, such as a pooler in
 * transaction mode and settings of a session.
 */
import type { NodeMajor } from '../support/node-release.js'

export const postgresVersions = ['Debian', 14, 16, 17, 18] as const
export const databases = ['plain', 'zones', 'serializable', 'schema'] as const
export const connections = ['direct', 'session pooler', 'transaction pooler'] as const
export const redisKinds = ['none', 'plain', 'TLS', 'ACL', 'Sentinel', 'Cluster'] as const
export const topologies = ['one', 'two', 'apart'] as const

/** Debian's newest, with Debian's default of JIT; or a major version of npm's binaries. */
export type PostgresVersion = (typeof postgresVersions)[number]
/**
 * - `plain`: a role that owns its database
 * - `zones`: the database is in Australia/Lord_Howe (half an hour of daylight saving), the process in America/St_Johns
 * - `serializable`: the role's default isolation is `serializable`
 * - `schema`: `public` has another application's tables; the role owns only the schema `hooks`
 */
export type DatabaseKind = (typeof databases)[number]
/** Direct, or through PgBouncer in one of its modes; in transaction mode with `DIRECT_DATABASE_URL`. */
export type Connection = (typeof connections)[number]
/** `none`: the queue is on PostgreSQL. */
export type RedisKind = (typeof redisKinds)[number]
/** `ROLE=all`, the same with `PROCESSES=2`, or one process with `ROLE=api` and one with `ROLE=worker`. */
export type Topology = (typeof topologies)[number]

export interface Environment {
  postgres: PostgresVersion
  database: DatabaseKind
  connection: Connection
  redis: RedisKind
  topology: Topology
  node: NodeMajor
}

type Row = [PostgresVersion, DatabaseKind, Connection, RedisKind, Topology, NodeMajor]

// biome-ignore format: a table
const rows: Row[] = [
  ['Debian', 'plain',        'direct',             'none',     'one',   20],
  ['Debian', 'zones',        'direct',             'none',     'two',   22],
  ['Debian', 'serializable', 'direct',             'plain',    'two',   20],
  ['Debian', 'zones',        'transaction pooler', 'Cluster',  'apart', 20],
  ['Debian', 'serializable', 'transaction pooler', 'none',     'two',   24],
  ['Debian', 'schema',       'transaction pooler', 'TLS',      'one',   22],
  ['Debian', 'schema',       'session pooler',     'none',     'one',   20],
  ['Debian', 'zones',        'session pooler',     'Sentinel', 'one',   24],
  ['Debian', 'plain',        'direct',             'ACL',      'apart', 24],

  [14,       'plain',        'direct',             'none',     'one',   20],
  [14,       'zones',        'direct',             'Sentinel', 'two',   22],
  [14,       'schema',       'transaction pooler', 'ACL',      'apart', 20],

  [16,       'schema',       'direct',             'none',     'two',   24],
  [16,       'serializable', 'session pooler',     'TLS',      'one',   20],
  [16,       'plain',        'direct',             'Cluster',  'two',   22],

  [17,       'zones',        'direct',             'none',     'one',   24],
  [17,       'plain',        'transaction pooler', 'plain',    'two',   22],
  [17,       'schema',       'direct',             'Sentinel', 'apart', 20],

  [18,       'serializable', 'direct',             'none',     'one',   22],
  [18,       'zones',        'transaction pooler', 'ACL',      'two',   20],
  [18,       'schema',       'direct',             'Cluster',  'apart', 24],
]

export const environments: Environment[] = rows.map(
  ([postgres, database, connection, redis, topology, node]) => ({
    ...{ postgres, database, connection, redis, topology, node },
  }),
)

const topologyNames: Record<Topology, string> = {
  one: 'one process',
  two: 'PROCESSES=2',
  apart: 'api and worker apart',
}

export const topologyName = (topology: Topology): string => topologyNames[topology]
export const redisName = (redis: RedisKind): string => (redis === 'none' ? 'no Redis' : `Redis, ${redis}`)

/** The title of its tests, by which the report finds it. */
export const environmentName = ({
  postgres,
  database,
  connection,
  redis,
  topology,
  node,
}: Environment): string =>
  [
    postgres === 'Debian' ? "Debian's PostgreSQL" : `PostgreSQL ${postgres}`,
    ...[database, connection, redisName(redis), topologyName(topology), `Node.js ${node}`],
  ].join(' · ')
