/**
 * Access to PostgreSQL: a pool for hand-written statements, and Prisma for ordinary queries. Each has its own
 * connections, so that neither can starve the other.
 *
 * A step that must be one statement, or must be fast with millions of rows, is a `Statement`: the hot path, retries,
 * cancellations, retention, counters. Prisma is for few rows that are known by their key. A statement is a constant
 * beside the function that runs it, a comment names its parameters, and its row type is called like it:
 * `recordAttempts` and `RecordAttemptsRow`.
 */
import { PrismaPg } from '@prisma/adapter-pg'
import type pg from 'pg'
import { PrismaClient } from '../../generated/prisma/client.js'
import { tryAgainOnConflict } from './conflicts.js'
import { FULL_POOL_SIZE, prismaPoolSize } from './connection-budget.js'
import { asUnavailable, isUnavailable } from './database-errors.js'
import { createSessionPool, cut } from './pool.js'
import type { Pooling } from './pooler.js'
import { connectSession } from './session.js'
import { schemaOf } from './url.js'

/** A named statement. PostgreSQL plans it once for each connection. */
export interface Statement {
  name: string
  text: string
}

export interface Database extends AsyncDisposable {
  prisma: PrismaClient
  /** Runs one statement in its own transaction, and again when it meets a deadlock. @throws DatabaseUnavailableError */
  query<Row extends object>(statement: Statement, values: unknown[]): Promise<Row[]>
  /**
   * Opens connections and lets each plan these statements, which do nothing, because every parameter is null. Otherwise
   * the first request on each connection would wait tens of milliseconds for that.
   */
  warmUp(statements: Statement[]): Promise<void>
  /** A connection outside of the pools, to a server that takes writes, to be held for long. The caller ends it. */
  connect(): Promise<pg.Client>
}

export interface DatabaseOptions {
  url: string
  /** Leads to the database past a pooler. The default is `url`. */
  directUrl?: string
  /** The mode of the pooler that `url` leads through. */
  pooling?: Pooling
  /** Most connections for the hot path. Prisma opens others. */
  poolSize?: number
  /** After this, a connection or a statement counts as lost. */
  timeoutMs?: number
  onError?(error: Error): void
  /** Called with every statement and its parameters, as Prisma writes them. For tests and debugging. */
  onQuery?(sql: string, parameters: string): void
}

/** Longer messages contain the arguments of a call, with secrets and payloads, and lines of our source. */
const errorFormat = 'minimal'

/** As many as a steady load uses at once. */
const WARM_CONNECTIONS = 4

const TIMEOUT_MS = 5000

const countParameters = ({ text }: Statement): number =>
  Math.max(0, ...Array.from(text.matchAll(/\$(\d+)/g), ([, number]) => Number(number)))

export function createDatabase(options: DatabaseOptions): Database {
  const { url, directUrl = url, pooling = 'none', poolSize = FULL_POOL_SIZE } = options
  const { timeoutMs = TIMEOUT_MS, onError = () => {}, onQuery } = options
  const held = new Set<pg.Client>()
  /** When one pool learns that the server takes no writes, the connections of both are retired. */
  function onRetire(): void {
    pool.retire()
    prismaPool.retire()
    held.forEach(cut)
  }
  const shared = { url, pooling, timeoutMs, onError, onRetire }
  // Open connections are kept. A new one would have to plan all statements in the middle of a load.
  const pool = createSessionPool({ ...shared, maxConnections: poolSize, idleTimeoutMs: 0, plansOnce: true })
  const prismaPool = createSessionPool({ ...shared, maxConnections: prismaPoolSize(poolSize) })
  const prisma = createPrisma(prismaPool, options)

  return {
    prisma,
    async query<Row extends object>(statement: Statement, values: unknown[]): Promise<Row[]> {
      const { name, text } = statement
      onQuery?.(text, JSON.stringify(values))
      try {
        const result = await tryAgainOnConflict(() => pool.query<Row>({ name, text, values }))
        return result.rows
      } catch (error) {
        throw isUnavailable(error) ? asUnavailable(error) : error
      }
    },
    async warmUp(statements) {
      // A session that other clients share keeps no plans.
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
