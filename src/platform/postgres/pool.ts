/**
 * A pool of connections with the settings of `session.ts`. It goes to the next host of the URL when a host can't be
 * reached, or takes no writes although it must. It can retire all its connections when their server becomes a standby.
 */
import type { Socket } from 'node:net'
import pg from 'pg'
import { asUnavailable, isReadOnlyServer, isUnavailable } from './database-errors.js'
import { createHosts } from './hosts.js'
import type { Pooling } from './pooler.js'
import { APPLICATION_NAME, requireWritable, sqlBeginAsSession, sqlSession } from './session.js'
import { parsePostgresUrl } from './url.js'

export interface SessionPoolOptions {
  url: string
  /**
   * With `transaction`, each transaction may get another session. It then makes the settings, and no statement is
   * named.
   */
  pooling?: Pooling
  /** The default is the one of the URL. */
  schema?: string
  applicationName?: string
  plansOnce?: boolean
  maxConnections: number
  /** After this, a connection or a statement counts as lost. */
  timeoutMs: number
  /** An unused connection is closed after this; 0 for never. */
  idleTimeoutMs?: number
  /** An idle connection broke: the next query opens another. */
  onError(error: Error): void
  /** Called when all connections are retired because their server takes no writes. */
  onRetire?(): void
}

const IDLE_TIMEOUT_MS = 10_000
/** Younger connections are not retired. On a server that stays read-only, each would last for one statement only. */
const LEAST_AGE_MS = 1000

export interface SessionPool extends pg.Pool {
  /** No connection that is open now is used again. For when another pool has learnt that the server is a standby. */
  retire(): void
}

export function createSessionPool(options: SessionPoolOptions): SessionPool {
  const { urls, schema, mustBeWritable } = parsePostgresUrl(options.url)
  const { timeoutMs, plansOnce } = options
  const session = { schema: options.schema ?? schema, statementTimeoutMs: timeoutMs, plansOnce }
  const isShared = options.pooling === 'transaction'
  const hosts = createHosts(urls, timeoutMs)
  const roster = createRoster(options.onRetire)

  async function prepare(client: pg.ClientBase): Promise<void> {
    // A connection that breaks fails its statement. Without a listener the error would end the process.
    client.on('error', () => {})
    try {
      if (isShared) shareSession(client, sqlBeginAsSession(session))
      else await client.query(sqlSession(session))
      if (mustBeWritable) await requireWritable(client)
    } catch (error) {
      hosts.leaveHostOf(client)
      throw error
    }
    roster.add(client)
  }

  const pool = new pg.Pool({
    Client: hosts.Client,
    max: options.maxConnections,
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
    idleTimeoutMillis: options.idleTimeoutMs ?? IDLE_TIMEOUT_MS,
    keepAlive: true,
    application_name: options.applicationName ?? APPLICATION_NAME,
    onConnect: prepare,
  })
  pool.on('error', options.onError)
  const openOrReuse = pool.connect.bind(pool)

  /**
   * Each of the hosts is tried before this fails, if the time allows.
   *
   * @throws DatabaseUnavailableError, also when the server refuses all connections
   */
  async function connect(): Promise<pg.PoolClient> {
    const startedAtMs = performance.now()
    for (let failures = 0; ; ) {
      try {
        const client = await openOrReuse()
        if (roster.isUsable(client)) return roster.lend(client)
        client.release(true)
      } catch (error) {
        failures += 1
        if (failures >= urls.length || performance.now() - startedAtMs >= timeoutMs)
          throw asUnavailable(error)
      }
    }
  }

  async function query(config: pg.QueryConfig | string, values?: unknown[]): Promise<pg.QueryResult> {
    const client = await connect()
    try {
      return await (isShared ? inTransaction(client, config, values) : client.query(config, values))
    } finally {
      client.release()
    }
  }

  // The driver's types include callbacks, which are not used here.
  return Object.assign(pool, { connect, query, retire: roster.retire } as Pick<
    SessionPool,
    'connect' | 'query' | 'retire'
  >)
}

/** The status of a session that has no transaction open. */
const IDLE = 'I'

type Query = (config: pg.QueryConfig | string, values?: unknown[]) => Promise<pg.QueryResult>

/**
 * Tracks which connections may be used again. It sees every statement, also those in Prisma's transactions. A statement
 * that fails because the database is away ends the use of its connection. One that fails because the server takes no
 * writes ends the use of all connections, since they lead to the same server.
 */
function createRoster(onRetire = () => {}) {
  const openedAtMs = new WeakMap<pg.ClientBase, number>()
  const asked = new WeakMap<pg.ClientBase, number>()
  const lent = new Set<pg.PoolClient>()
  let retiredAtMs = Number.NEGATIVE_INFINITY

  const isUsable = (client: pg.ClientBase): boolean =>
    (openedAtMs.get(client) ?? Number.NEGATIVE_INFINITY) > retiredAtMs

  function learnFrom(error: unknown, client: pg.ClientBase): void {
    if (!isReadOnlyServer(error)) {
      if (isUnavailable(error)) openedAtMs.delete(client)
      return
    }
    const nowMs = performance.now()
    if (nowMs - (openedAtMs.get(client) ?? nowMs) < LEAST_AGE_MS) return
    retire()
    onRetire()
  }

  function retire(): void {
    retiredAtMs = performance.now()
    // A connection that waits for notifications gets no statements, and would wait on the old server for ever.
    for (const other of lent) if (isOnlyHeld(other)) cut(other)
  }

  const isOnlyHeld = (client: pg.PoolClient): boolean =>
    !asked.get(client) && client.getTransactionStatus() === IDLE

  return {
    isUsable,
    retire,
    add(client: pg.ClientBase): void {
      openedAtMs.set(client, performance.now())
      const send = client.query.bind(client) as Query
      const query: Query = (...statement) => {
        asked.set(client, (asked.get(client) ?? 0) + 1)
        const answer = send(...statement)
        const hasAnswered = () => void asked.set(client, (asked.get(client) ?? 1) - 1)
        answer.then(hasAnswered, (error) => {
          hasAnswered()
          learnFrom(error, client)
        })
        return answer
      }
      Object.assign(client, { query })
    },
    /** @returns the same client. Its release closes it if it may not be used again or has a transaction open. */
    lend(client: pg.PoolClient): pg.PoolClient {
      const giveBack = client.release.bind(client)
      lent.add(client)
      client.release = (error) => {
        lent.delete(client)
        giveBack(error || !isUsable(client) || client.getTransactionStatus() !== IDLE)
      }
      return client
    },
  }
}

/** For the holder, the connection breaks. */
export const cut = (client: pg.ClientBase): void =>
  void (client as unknown as { connection: { stream: Socket } }).connection.stream.destroy()

/**
 * With a pooler in transaction mode, a setting or a named statement would stay in a session that another client gets
 * next. So each transaction begins with the settings, and statements have no names.
 */
function shareSession(client: pg.ClientBase, begin: string): void {
  const send = client.query.bind(client) as Query
  const query: Query = (config, values) => {
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
    // After an error of the server the transaction is still open. After any other error the connection is closed.
    if (error instanceof pg.DatabaseError) await client.query('rollback').catch(() => {})
    throw error
  }
}
