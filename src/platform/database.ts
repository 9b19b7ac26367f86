/**
 * PostgreSQL, the only truth: a pool for the hand-written statements of the hot path, and Prisma, with
 * connections of its own, for ordinary queries, so that neither can starve the other.
 */
import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { PrismaClient } from '../generated/prisma/client.js'
import { DatabaseUnavailableError, isUnavailable } from './database-errors.js'

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
  /** A connection outside the pools, for what must hold one for long. The caller ends it. */
  connect(): Promise<pg.Client>
}

export interface DatabaseOptions {
  url: string
  /** Most connections for the hot path; Prisma may open half as many besides. */
  poolSize?: number
  /** After this, a connection or a statement counts as lost. */
  timeoutMs?: number
  onError?(error: Error): void
  /** Told of every statement that is sent, with its parameters as Prisma writes them: for tests and debugging. */
  onQuery?(sql: string, parameters: string): void
}

/** The longer ones print the arguments of a call, secrets and payloads among them, and lines of our source. */
const errorFormat = 'minimal'

/**
 * The hot path goes by an index, always, and each statement by one plan for all parameters. Plans are kept, and could
 * have been made when a table was small; and its indexes are full of entries that died, which an index scan marks and
 * passes over from then on, while a bitmap scan reads them all again each time. A merge join of a few rows with a
 * table that was small once reads the table's index from its beginning.
 */
const onePlanByIndex = ['seqscan', 'bitmapscan', 'mergejoin']
  .map((way) => `-c enable_${way}=off`)
  .concat('-c plan_cache_mode=force_generic_plan')
  .join(' ')

/** As many as are in use at once under a steady load. */
const WARM_CONNECTIONS = 4

const countParameters = ({ text }: Statement): number =>
  Math.max(0, ...Array.from(text.matchAll(/\$(\d+)/g), ([, number]) => Number(number)))

export function createDatabase(options: DatabaseOptions): Database {
  const { url, poolSize = 10, timeoutMs = 5000, onError = () => {}, onQuery } = options
  const limits = {
    connectionString: url,
    connectionTimeoutMillis: timeoutMs,
    query_timeout: timeoutMs,
    keepAlive: true,
    application_name: 'node-event-service',
  }
  // Once opened they stay: a new one would have to plan all over again, in the middle of the load that asked for it.
  const pool = new pg.Pool({ ...limits, max: poolSize, options: onePlanByIndex, idleTimeoutMillis: 0 })
  const prismaPool = new pg.Pool({ ...limits, max: Math.max(2, Math.ceil(poolSize / 2)) })
  // An idle connection that breaks is replaced by the next query; without a listener it would end the process.
  pool.on('error', onError)
  prismaPool.on('error', onError)
  const adapter = new PrismaPg(prismaPool)
  const prisma = onQuery ? createToldPrisma(adapter, onQuery) : new PrismaClient({ adapter, errorFormat })

  return {
    prisma,
    async query<Row extends object>(statement: Statement, values: unknown[]): Promise<Row[]> {
      onQuery?.(statement.text, JSON.stringify(values))
      try {
        const result = await pool.query<Row>({ ...statement, values })
        return result.rows
      } catch (error) {
        throw isUnavailable(error) ? new DatabaseUnavailableError(error) : error
      }
    },
    async warmUp(statements) {
      const clients = await Promise.all(Array.from({ length: WARM_CONNECTIONS }, () => pool.connect()))
      try {
        for (const statement of statements) {
          const values = Array(countParameters(statement)).fill(null)
          await Promise.all(clients.map((client) => client.query({ ...statement, values })))
        }
      } finally {
        for (const client of clients) client.release()
      }
    },
    async connect() {
      const client = new pg.Client(limits)
      client.on('error', onError)
      await client.connect()
      return client
    },
    async [Symbol.asyncDispose]() {
      await prisma.$disconnect()
      await Promise.all([pool.end(), prismaPool.end()])
    },
  }
}

function createToldPrisma(
  adapter: PrismaPg,
  onQuery: (sql: string, parameters: string) => void,
): PrismaClient {
  const prisma = new PrismaClient({ adapter, errorFormat, log: [{ emit: 'event', level: 'query' }] })
  prisma.$on('query', ({ query, params }) => onQuery(query, params))
  return prisma
}
