/**
 * The settings of a PostgreSQL session that the service relies on, whatever a role, a database, a URL, `PGOPTIONS` or a
 * pooler sets. They are set by statements, after connecting: poolers refuse the startup parameter `options`, and a
 * URL's own `?options=` would replace it.
 */
import pg from 'pg'
import { parsePostgresUrl } from './url.js'

/**
 * Sends a `Date` in UTC. The default of pg is the zone of the process, with an offset in whole minutes, although most
 * offsets before about 1900 had seconds.
 */
pg.defaults.parseInputDatesAsUTC = true

export interface SessionOptions {
  /** Where the tables, types and functions are that statements name. */
  schema: string
  /** The server cancels a statement, and a wait for a lock in it, after this; 0 for never. */
  statementTimeoutMs: number
  /** Plans a named statement once for all parameters. On the hot path, planning takes longer than running. */
  plansOnce?: boolean | undefined
}

/**
 * The settings that statements rely on. A server, a role or a database that sets one of them otherwise has broken the
 * service, or could:
 */
const settingsOf = ({ schema, statementTimeoutMs, plansOnce }: SessionOptions): Record<string, string> => ({
  search_path: `"${schema}"`,

  // The text form of values. The driver understands only these forms, and Prisma reads every time as UTC.
  timezone: 'UTC',
  datestyle: 'ISO, MDY',
  intervalstyle: 'postgres',
  bytea_output: 'hex',
  extra_float_digits: '1',
  standard_conforming_strings: 'on',
  array_nulls: 'on',
  transform_null_equals: 'off',

  // Statements are written for this isolation: each sees what was committed before it, and none fails by another.
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',

  statement_timeout: String(statementTimeoutMs),
  lock_timeout: '0',
  idle_session_timeout: '0',
  idle_in_transaction_session_timeout: statementTimeoutMs === 0 ? '0' : String(2 * statementTimeoutMs),

  // How statements are planned: alike on every server, so that what was measured holds. Compiling a statement takes
  // longer than running one of these. Random reads cost little more than others: data is on SSDs or in memory. A plan
  // that is kept outlives the size of its tables: what reads a small one from end to end is slow when it has grown.
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  random_page_cost: '1.1',
  seq_page_cost: plansOnce ? '10' : '1',
  cpu_tuple_cost: '0.01',
  cpu_index_tuple_cost: '0.005',
  cpu_operator_cost: '0.0025',
  effective_cache_size: '4GB',
  from_collapse_limit: '8',
  join_collapse_limit: '8',
  gin_fuzzy_search_limit: '0',
  plan_cache_mode: plansOnce ? 'force_generic_plan' : 'auto',
  ...Object.fromEntries(
    [
      ...['seqscan', 'indexscan', 'indexonlyscan', 'bitmapscan', 'tidscan'],
      ...['nestloop', 'hashjoin', 'mergejoin', 'material', 'memoize'],
      ...['sort', 'incremental_sort', 'hashagg'],
    ].map((way) => [`enable_${way}`, 'on']),
  ),
})

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** One statement that sets all of them, for the session or for a transaction. */
function setConfig(settings: Record<string, string>, isLocal: boolean): string {
  const calls = Object.entries(settings).map(
    ([name, value]) => `set_config(${literal(name)}, ${literal(value)}, ${isLocal})`,
  )
  return `select ${calls.join(', ')}`
}

/**
 * Two settings that depend on the server. A commit must at least wait for the disk, or a crash of the server would lose
 * events that were answered with 202; to wait for more is the operator's choice. `transaction_timeout` is new in 17.
 */
const setOthers = (isLocal: boolean) => `
  select set_config('synchronous_commit', 'on', ${isLocal}) where current_setting('synchronous_commit') = 'off';
  select set_config('transaction_timeout', '0', ${isLocal}) where current_setting('server_version_num')::int >= 170000`

/** Statements, to be sent as one, that prepare a session. */
export const sqlSession = (options: SessionOptions): string =>
  `${setConfig(settingsOf(options), false)}; ${setOthers(false)}`

/** Begins a transaction with the settings, in a session that other clients share. */
export const sqlBeginAsSession = (options: SessionOptions): string =>
  `begin isolation level read committed; ${setConfig(settingsOf(options), true)}; ${setOthers(true)}`

export const APPLICATION_NAME = 'node-event-service'

export interface ConnectOptions {
  url: string
  applicationName?: string
  /** For all hosts together. */
  connectTimeoutMs?: number
  /** The default 0 suits migrations, and locks that are held for the life of the process. */
  statementTimeoutMs?: number
  /** Accepts only a server that takes writes, also when the URL doesn't ask for one. */
  mustBeWritable?: boolean
}

const CONNECT_TIMEOUT_MS = 10_000

/**
 * A connection outside of the pools, to the first suitable host of the URL. The caller ends it. It must not go through
 * a pooler in transaction mode: see `pooler.ts`.
 *
 * @throws what the last host answered
 */
export function connectSession(options: ConnectOptions): Promise<pg.Client> {
  const { schema, ...target } = parsePostgresUrl(options.url)
  const { statementTimeoutMs = 0, mustBeWritable = target.mustBeWritable } = options
  return connectUnprepared(options, async (client) => {
    await client.query(sqlSession({ schema, statementTimeoutMs }))
    if (mustBeWritable) await requireWritable(client)
  })
}

/**
 * A connection without the settings, for statements that qualify every name. It leaves no settings in a session that a
 * pooler gives to another client next. The caller ends it.
 *
 * @throws what the last host answered
 */
export function connectToRead(options: ConnectOptions): Promise<pg.Client> {
  const { mustBeWritable } = parsePostgresUrl(options.url)
  return connectUnprepared(options, async (client) => {
    if (mustBeWritable) await requireWritable(client)
  })
}

/** A connection without the settings. @param prepare checks a host, and throws if it is not suitable */
export async function connectUnprepared(
  { url, applicationName = APPLICATION_NAME, connectTimeoutMs = CONNECT_TIMEOUT_MS }: ConnectOptions,
  prepare: (client: pg.Client) => Promise<void> = async () => {},
): Promise<pg.Client> {
  let failure: unknown
  const { urls } = parsePostgresUrl(url)
  for (const connectionString of urls) {
    const client = new pg.Client({
      ...{ connectionString, application_name: applicationName, keepAlive: true },
      connectionTimeoutMillis: connectTimeoutMs / urls.length,
    })
    // A connection that breaks fails its statement. Without a listener the error would end the process.
    client.on('error', () => {})
    try {
      await client.connect()
      await prepare(client)
      return client
    } catch (error) {
      failure = error
      client.end().catch(() => {})
    }
  }
  throw failure
}

/** @throws Error when the server is a standby, or takes no writes */
export async function requireWritable(client: pg.ClientBase): Promise<void> {
  const { rows } = await client.query(
    `select pg_is_in_recovery() or current_setting('transaction_read_only')::bool as "isReadOnly"`,
  )
  if (rows[0].isReadOnly) throw new Error('The server takes no writes: it is a standby, or read-only.')
}
