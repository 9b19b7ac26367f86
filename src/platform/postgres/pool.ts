/**
 * A pool of sessions that are the service's own. It goes to the next of the URL's hosts when one can't be reached, or
 * takes no writes although it must, and it can retire all its connections when their server has become a standby.
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
  /** All connections are retired, since their server takes no writes. */
  onRetire?(): void
}

const IDLE_TIMEOUT_MS = 10_000
/** A connection that is younger isn't retired: on a server that stays read-only, each would last for one statement only. */
const LEAST_AGE_MS = 1000

export interface SessionPool extends pg.Pool {
  /** No connection is used again that is open now: their server has become a standby, as another pool has learnt. */
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
    // A connection that breaks in use fails what was asked of it; without a listener it would end the process.
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
   * @throws DatabaseUnavailableError, also where the server is there and lets nobody in
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

  // The driver describes these for callbacks too, which nobody here uses.
  return Object.assign(pool, { connect, query, retire: roster.retire } as Pick<
    SessionPool,
    'connect' | 'query' | 'retire'
  >)
}

/** The status of a session that has no transaction open. */
const IDLE = 'I'

type Query = (config: pg.QueryConfig | string, values?: unknown[]) => Promise<pg.QueryResult>

/**
 * Which connections may be used again. It hears of every statement, also of those in Prisma's transactions: whatever
 * fails because the database is away takes its connection along, and one that says that its server takes no writes
 * takes all of them, since they lead to the same server.
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
    // One that waits for notifications is asked nothing, and would wait on the old server for ever.
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
    /** @returns the same, which is closed when it is given back and may not be used again, or has a transaction open */
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

/** Whoever holds it learns of it as of a connection that broke. */
export const cut = (client: pg.ClientBase): void =>
  void (client as unknown as { connection: { stream: Socket } }).connection.stream.destroy()

/**
 * Behind a pooler that hands its sessions out for a transaction only, a setting or a statement's name would stay behind
 * in a session that somebody else gets next. So each transaction begins with the settings, and statements have no name.
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
    // What the server has refused leaves the transaction open; one that can't be asked any more is closed.
    if (error instanceof pg.DatabaseError) await client.query('rollback').catch(() => {})
    throw error
  }
}
