/**
 * The grounds that the service is proven on: which PostgreSQL, how its database is set, what is in front of it, which
 * Redis, how many processes on which Node.js. Not every combination: each value is met, and those pairs of which each half
 * changes what the other one relies on, such as sessions that change behind a pooler and settings that a session has.
 */
import type { NodeMajor } from '../support/node-release.js'

export const postgresVersions = ['Debian', 14, 16, 17, 18] as const
export const databases = ['plain', 'zones', 'serializable', 'schema'] as const
export const ways = ['direct', 'session pooler', 'transaction pooler'] as const
export const redisKinds = ['none', 'plain', 'TLS', 'ACL', 'Sentinel', 'Cluster'] as const
export const layouts = ['one', 'two', 'apart'] as const

/** Debian's newest, with JIT as Debian delivers it; or a major version of npm's binaries. */
export type PostgresVersion = (typeof postgresVersions)[number]
/**
 * - `plain`: a role that owns its database
 * - `zones`: the database is in Australia/Lord_Howe (half an hour of daylight saving), the process in America/St_Johns
 * - `serializable`: the role's transactions are serializable unless they say otherwise
 * - `schema`: another application's tables are in `public`; the role owns the schema `hooks` and nothing else
 */
export type DatabaseKind = (typeof databases)[number]
/** PgBouncer in one of its modes; in transaction mode beside `DIRECT_DATABASE_URL`. */
export type Way = (typeof ways)[number]
/** `none`: the queue is on PostgreSQL. */
export type RedisKind = (typeof redisKinds)[number]
/** `ROLE=all`, the same with `PROCESSES=2`, or one process with `ROLE=api` and one with `ROLE=worker`. */
export type Layout = (typeof layouts)[number]

export interface Ground {
  postgres: PostgresVersion
  database: DatabaseKind
  way: Way
  redis: RedisKind
  layout: Layout
  node: NodeMajor
}

type Row = [PostgresVersion, DatabaseKind, Way, RedisKind, Layout, NodeMajor]

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

export const grounds: Ground[] = rows.map(([postgres, database, way, redis, layout, node]) => ({
  ...{ postgres, database, way, redis, layout, node },
}))

const layoutNames: Record<Layout, string> = {
  one: 'one process',
  two: 'PROCESSES=2',
  apart: 'api and worker apart',
}

export const layoutName = (layout: Layout): string => layoutNames[layout]
export const redisName = (redis: RedisKind): string => (redis === 'none' ? 'no Redis' : `Redis, ${redis}`)

/** For the title of its tests, and to find it again by. */
export const groundName = ({ postgres, database, way, redis, layout, node }: Ground): string =>
  [
    postgres === 'Debian' ? "Debian's PostgreSQL" : `PostgreSQL ${postgres}`,
    ...[database, way, redisName(redis), layoutName(layout), `Node.js ${node}`],
  ].join(' · ')
