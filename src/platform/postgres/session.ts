/**
 * A session on PostgreSQL as the service needs it, whatever a role, a database, a URL, `PGOPTIONS` or a pooler sets.
 *
 * The settings are made by statements, after connecting. The startup parameter `options` would be shorter, but poolers
 * refuse it, and a URL's own `?options=` takes its place.
 */
import pg from 'pg'
import { parsePostgresUrl } from './url.js'

/**
 * A `Date` goes to PostgreSQL as the instant that it is. By itself pg writes it in the time of this process's zone and
 * cuts that zone's offset to minutes, while before 1900 or so most had seconds.
 */
pg.defaults.parseInputDatesAsUTC = true

export interface SessionOptions {
  /** Of the tables, types and functions that statements name. */
  schema: string
  /** When the server ends a statement by itself, and a wait for a lock in it; 0 for never. */
  statementTimeoutMs: number
  /** Whether a named statement is planned once for all parameters. To plan one of the hot path takes longer than to run it. */
  plansOnce?: boolean | undefined
}

/**
 * What statements rely on. Each is there because a server, a role or a database that sets it otherwise has broken the
 * service, or could:
 */
const settingsOf = ({ schema, statementTimeoutMs, plansOnce }: SessionOptions): Record<string, string> => ({
  search_path: `"${schema}"`,

  // How values are written and read. The driver understands these forms only; Prisma takes every time for UTC.
  timezone: 'UTC',
  datestyle: 'ISO, MDY',
  intervalstyle: 'postgres',
  bytea_output: 'hex',
  extra_float_digits: '1',
  standard_conforming_strings: 'on',
  array_nulls: 'on',
  transform_null_equals: 'off',

  // Statements are written for this isolation: each sees what was committed before it, and none fails for another.
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',

  statement_timeout: String(statementTimeoutMs),
  lock_timeout: '0',
  idle_session_timeout: '0',
  idle_in_transaction_session_timeout: statementTimeoutMs === 0 ? '0' : String(2 * statementTimeoutMs),

  // How statements are planned: alike on every server, so that what was measured holds. Compiling a statement takes
  // longer than running one of these. Random reads cost little more than others: data is on SSDs or in memory.
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  random_page_cost: '1.1',
  seq_page_cost: '1',
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

/** One statement that makes the settings, for the session or for a transaction. */
function setConfig(settings: Record<string, string>, isLocal: boolean): string {
  const calls = Object.entries(settings).map(
    ([name, value]) => `set_config(${literal(name)}, ${literal(value)}, ${isLocal})`,
  )
  return `select ${calls.join(', ')}`
}

/**
 * Two settings under a condition. Without waiting for the disk, a crash of the server would lose what was answered with
 * 202; how much more a commit waits for is an operator's choice. And PostgreSQL has a limit for transactions since 17.
 */
const setOthers = (isLocal: boolean) => `
  select set_config('synchronous_commit', 'on', ${isLocal}) where current_setting('synchronous_commit') = 'off';
  select set_config('transaction_timeout', '0', ${isLocal}) where current_setting('server_version_num')::int >= 170000`

/** Statements, to be sent as one, after which the session is the service's own. */
export const sqlSession = (options: SessionOptions): string =>
  `${setConfig(settingsOf(options), false)}; ${setOthers(false)}`

/** The same for one transaction, where the session is shared with others: it begins the transaction as well. */
export const sqlBeginAsSession = (options: SessionOptions): string =>
  `begin isolation level read committed; ${setConfig(settingsOf(options), true)}; ${setOthers(true)}`

export const APPLICATION_NAME = 'node-event-service'

export interface ConnectOptions {
  url: string
  applicationName?: string
  /** For all hosts together. */
  connectTimeoutMs?: number
  /** 0, the default, for work that may take its time: migrations, or a lock that is held for as long as the process lives. */
  statementTimeoutMs?: number
  /** Whether only a server that takes writes will do, also where the URL doesn't ask for one. */
  mustBeWritable?: boolean
}

const CONNECT_TIMEOUT_MS = 10_000

/**
 * A connection of its own, on the first of the URL's hosts that will do. The caller ends it. It must not go through a
 * pooler that hands out its sessions by transactions: see `pooler.ts`.
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
 * A connection for what reads with every name in full, and so needs no settings: it leaves none behind in a session
 * that a pooler gives to others next. The caller ends it.
 *
 * @throws what the last host answered
 */
export function connectToRead(options: ConnectOptions): Promise<pg.Client> {
  const { mustBeWritable } = parsePostgresUrl(options.url)
  return connectUnprepared(options, async (client) => {
    if (mustBeWritable) await requireWritable(client)
  })
}

/** The same with a session as the server, or a pooler, gives it. @param prepare on whose success a host will do */
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
    // Whoever asks the connection for something learns that it broke; nobody else needs to.
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
