/**
 * A pool of sessions that are the service's own. It goes to the next of the URL's hosts when one can't be reached, or
 * takes no writes although it must, and it can retire all its connections when their server has become a standby.
 */
import pg from 'pg'
import { asUnavailable, isReadOnlyServer, isUnavailable } from '../database-errors.js'
import type { Pooling } from './pooler.js'
import { APPLICATION_NAME, requireWritable, sqlBeginAsSession, sqlSession } from './session.js'
import { parsePostgresUrl } from './url.js'

export interface SessionPoolOptions {
  url: string
  /** In `transaction`, each transaction may get another session: it brings its settings along, and no statement has a name. */
  pooling?: Pooling
  /** Where it isn't the one of the URL. */
  schema?: string
  applicationName?: string
  plansOnce?: boolean
  maxConnections: number
  /** After this, a connection or a statement counts as lost. */
  timeoutMs: number
  /** After this, a connection that nobody uses is closed; 0 for never. */
  idleTimeoutMs?: number
  /** An idle connection broke: the next query opens another. */
  onError(error: Error): void
}

const IDLE_TIMEOUT_MS = 10_000

export function createSessionPool(options: SessionPoolOptions): pg.Pool {
  const { urls, schema, mustBeWritable } = parsePostgresUrl(options.url)
  const { timeoutMs: statementTimeoutMs, plansOnce } = options
  const session = { schema: options.schema ?? schema, statementTimeoutMs, plansOnce }
  const isShared = options.pooling === 'transaction'
  const hosts = createHosts(urls)
  /** Connections that may be used again. */
  let current = new WeakSet<pg.ClientBase>()

  async function prepare(client: pg.ClientBase): Promise<void> {
    // A connection that breaks in use fails what was asked of it; without a listener it would end the process.
    client.on('error', () => {})
    if (isShared) shareSession(client, sqlBeginAsSession(session))
    else await client.query(sqlSession(session))
    if (mustBeWritable) await requireWritable(client).catch(hosts.leave(client))
    current.add(client)
  }

  const pool = new pg.Pool({
    Client: hosts.Client,
    max: options.maxConnections,
    connectionTimeoutMillis: options.timeoutMs,
    query_timeout: options.timeoutMs,
    idleTimeoutMillis: options.idleTimeoutMs ?? IDLE_TIMEOUT_MS,
    keepAlive: true,
    application_name: options.applicationName ?? APPLICATION_NAME,
    onConnect: prepare,
  })
  pool.on('error', options.onError)
  const openOrReuse = pool.connect.bind(pool)

  /** @throws DatabaseUnavailableError, also where the server is there and lets nobody in */
  async function connect(): Promise<pg.PoolClient> {
    for (;;) {
      const client = await openOrReuse().catch((error: unknown) => {
        throw asUnavailable(error)
      })
      if (current.has(client)) return client
      client.release(true)
    }
  }

  async function query(config: pg.QueryConfig | string, values?: unknown[]): Promise<pg.QueryResult> {
    const client = await connect()
    try {
      const result = await (isShared ? inTransaction(client, config, values) : client.query(config, values))
      client.release()
      return result
    } catch (error) {
      // A server that became a standby answers so on every connection.
      if (isReadOnlyServer(error)) current = new WeakSet()
      client.release(isUnavailable(error))
      throw error
    }
  }

  // The driver describes these for callbacks too, which nobody here uses.
  return Object.assign(pool, { connect, query } as Pick<pg.Pool, 'connect' | 'query'>)
}

/** Takes the hosts in turn: a connection that can't be made, or won't do, leads the next one to the next of them. */
function createHosts(urls: string[]) {
  let index = 0
  const tried = new WeakMap<pg.ClientBase, number>()

  function leaveHostOf(client: pg.ClientBase): void {
    // Others may have left it already.
    if (tried.get(client) === index) index = (index + 1) % urls.length
  }

  class HostClient extends pg.Client {
    constructor(config?: pg.ClientConfig) {
      super({ ...config, connectionString: urls[index] })
      tried.set(this, index)
      this.once('error', () => leaveHostOf(this))
    }
  }

  return {
    Client: HostClient as unknown as new () => pg.ClientBase,
    leave: (client: pg.ClientBase) => (error: unknown) => {
      leaveHostOf(client)
      throw error
    },
  }
}

/**
 * Behind a pooler that hands its sessions out for a transaction only, a setting or a statement's name would stay behind
 * in a session that somebody else gets next. So each transaction begins with the settings, and statements have no name.
 */
function shareSession(client: pg.ClientBase, begin: string): void {
  const send = client.query.bind(client) as (config: object, values?: unknown[]) => Promise<pg.QueryResult>
  const query = (config: pg.QueryConfig | string, values?: unknown[]) => {
    const statement = typeof config === 'string' ? { text: config } : config
    if (statement.text.toLowerCase() === 'begin') return send({ text: begin })
    return send({ ...statement, name: undefined }, values)
  }
  Object.assign(client, { query })
}

async function inTransaction(
  client: pg.PoolClient,
  config: pg.QueryConfig | string,
  values?: unknown[],
): Promise<pg.QueryResult> {
  await client.query('begin')
  try {
    const result = await client.query(config, values)
    await client.query('commit')
    return result
  } catch (error) {
    if (!isUnavailable(error)) await client.query('rollback')
    throw error
  }
}
