/**
 * PostgreSQL, the only truth: a pool for the hand-written statements of the hot path, and Prisma, with
 * connections of its own, for ordinary queries, so that neither can starve the other.
 */
import { PrismaPg } from '@prisma/adapter-pg'
import type pg from 'pg'
import { PrismaClient } from '../../generated/prisma/client.js'
import { FULL_POOL_SIZE, prismaPoolSize } from './connection-budget.js'
import { asUnavailable, isUnavailable } from './database-errors.js'
import { createSessionPool, cut } from './pool.js'
import type { Pooling } from './pooler.js'
import { connectSession } from './session.js'
import { schemaOf } from './url.js'

/** A statement that PostgreSQL plans once for each connection and then knows by its name. */
export interface Statement {
  name: string
  text: string
}

export interface Database extends AsyncDisposable {
  prisma: PrismaClient
  /** Runs one statement in a transaction of its own. @throws DatabaseUnavailableError when it can't be asked. */
  query<Row extends object>(statement: Statement, values: unknown[]): Promise<Row[]>
  /**
   * Opens connections and has each of them plan these statements, by giving them nothing to do: every parameter is null.
   * Whoever comes first would wait for that otherwise, tens of milliseconds each time.
   */
  warmUp(statements: Statement[]): Promise<void>
  /** A connection outside the pools, to a server that takes writes, for what must hold one for long. The caller ends it. */
  connect(): Promise<pg.Client>
}

export interface DatabaseOptions {
  url: string
  /** The way past a pooler, for what needs a session of its own; absent, `url` is one. */
  directUrl?: string
  /** What `url` leads through. */
  pooling?: Pooling
  /** Most connections for the hot path; Prisma may open some besides. */
  poolSize?: number
  /** After this, a connection or a statement counts as lost. */
  timeoutMs?: number
  onError?(error: Error): void
  /** Told of every statement that is sent, with its parameters as Prisma writes them: for tests and debugging. */
  onQuery?(sql: string, parameters: string): void
}

/** The longer ones print the arguments of a call, secrets and payloads among them, and lines of our source. */
const errorFormat = 'minimal'

/** As many as are in use at once under a steady load. */
const WARM_CONNECTIONS = 4

const TIMEOUT_MS = 5000

const countParameters = ({ text }: Statement): number =>
  Math.max(0, ...Array.from(text.matchAll(/\$(\d+)/g), ([, number]) => Number(number)))

export function createDatabase(options: DatabaseOptions): Database {
  const { url, directUrl = url, pooling = 'none', poolSize = FULL_POOL_SIZE } = options
  const { timeoutMs = TIMEOUT_MS, onError = () => {}, onQuery } = options
  const held = new Set<pg.Client>()
  /** What one of the connections has learnt holds for all. One that is only held would never learn it by itself. */
  function onRetire(): void {
    pool.retire()
    prismaPool.retire()
    held.forEach(cut)
  }
  const shared = { url, pooling, timeoutMs, onError, onRetire }
  // Once opened they stay: a new one would have to plan all over again, in the middle of the load that asked for it.
  const pool = createSessionPool({ ...shared, maxConnections: poolSize, idleTimeoutMs: 0, plansOnce: true })
  const prismaPool = createSessionPool({ ...shared, maxConnections: prismaPoolSize(poolSize) })
  const prisma = createPrisma(prismaPool, options)

  return {
    prisma,
    async query<Row extends object>(statement: Statement, values: unknown[]): Promise<Row[]> {
      onQuery?.(statement.text, JSON.stringify(values))
      try {
        const result = await pool.query<Row>({ ...statement, values })
        return result.rows
      } catch (error) {
        throw isUnavailable(error) ? asUnavailable(error) : error
      }
    },
    async warmUp(statements) {
      // A session that others get as well keeps no plans.
      if (pooling === 'transaction') return
      const clients = await Promise.all(Array.from({ length: WARM_CONNECTIONS }, () => pool.connect()))
      try {
        for (const statement of statements) {
          const values = Array(countParameters(statement)).fill(null)
          await Promise.all(clients.map((client) => client.query({ ...statement, values })))
        }
      } catch (error) {
        throw isUnavailable(error) ? asUnavailable(error) : error
      } finally {
        for (const client of clients) client.release()
      }
    },
    async connect() {
      const client = await connectSession({
        url: directUrl,
        connectTimeoutMs: timeoutMs,
        mustBeWritable: true,
      })
      client.on('error', onError)
      held.add(client)
      client.once('end', () => held.delete(client))
      return client
    },
    async [Symbol.asyncDispose]() {
      await prisma.$disconnect()
      await Promise.all([pool.end(), prismaPool.end()])
    },
  }
}

function createPrisma(
  pool: pg.Pool,
  { url, timeoutMs = TIMEOUT_MS, onQuery }: DatabaseOptions,
): PrismaClient {
  const prisma = new PrismaClient({
    adapter: new PrismaPg(pool, { schema: schemaOf(url) }),
    errorFormat,
    transactionOptions: { isolationLevel: 'ReadCommitted', maxWait: timeoutMs, timeout: timeoutMs },
    log: onQuery ? [{ emit: 'event', level: 'query' }] : [],
  })
  prisma.$on('query', ({ query, params }) => onQuery?.(query, params))
  return prisma
}
