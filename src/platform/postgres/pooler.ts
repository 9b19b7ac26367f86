/**
 * What stands between the service and PostgreSQL: nothing, or a pooler such as PgBouncer, and how it hands its sessions
 * out. It is found out by looking, since a URL doesn't say.
 */
import type pg from 'pg'
import { ExpectedStartError } from '../../errors.js'
import { TimeoutError, withTimeout } from '../timeout.js'
import { connectUnprepared } from './session.js'

/**
 * - `none`: the session is the server's own.
 * - `session`: a pooler, but a connection keeps its session for as long as it lasts.
 * - `transaction`: a pooler that gives each transaction any session.
 */
export type Pooling = 'none' | 'session' | 'transaction'

/**
 * @throws what connecting throws; ExpectedStartError when the pooler has no session for a second connection
 */
export async function findPooling(url: string): Promise<Pooling> {
  const clients = [await connectUnprepared({ url }), await connectUnprepared({ url })] as const
  try {
    const isShared = await shareSessions(clients)
    if (isShared) return 'transaction'
    return (await backendOf(clients[0])) === processIdOf(clients[0]) ? 'none' : 'session'
  } finally {
    for (const client of clients) client.end().catch(() => {})
  }
}

type Two = readonly [pg.Client, pg.Client]

/** The orders in which two transactions may begin, and end: whichever way a pooler picks sessions, in one they change. */
const ORDERS = [
  [0, 1],
  [1, 0],
] as const
const ROUNDS = 3

/** Whether two connections meet in one session, or one of them changes its session. */
async function shareSessions(clients: Two): Promise<boolean> {
  const seen = [new Set<number>(), new Set<number>()] as const
  const look = async (which: 0 | 1) => void seen[which].add(await backendOf(clients[which]))
  const areShared = () => seen[0].size > 1 || seen[1].size > 1 || [...seen[0]].some((pid) => seen[1].has(pid))

  // One after the other: that is enough where nobody else uses the pooler.
  for (const which of [0, 0, 1, 1, 0] as const) await look(which)
  // At once: who ends first leaves a session to who begins next.
  for (let round = 0; round < ROUNDS && !areShared(); round++) {
    for (const begin of ORDERS) {
      for (const end of ORDERS) {
        for (const which of begin) {
          await ask(clients[which], 'begin')
          await look(which)
        }
        for (const which of end) await ask(clients[which], 'commit')
      }
    }
  }
  return areShared()
}

async function backendOf(client: pg.Client): Promise<number> {
  const { rows } = await ask(client, 'select pg_backend_pid() as pid')
  return rows[0].pid
}

/** A pooler lets a client wait that it has no session for. */
async function ask(client: pg.Client, text: string): Promise<pg.QueryResult> {
  try {
    return await withTimeout(client.query(text), LOOK_TIMEOUT_MS, 'The pooler')
  } catch (error) {
    throw error instanceof TimeoutError ? new ExpectedStartError(NO_SESSION, { cause: error }) : error
  }
}

const LOOK_TIMEOUT_MS = 10_000
const NO_SESSION =
  'The pooler of DATABASE_URL has no session for a second connection. Raise its pool size: each process needs up to 20.'

/** The process that serves a connection as it was told at its start; a pooler tells a number of its own making. */
const processIdOf = (client: pg.Client): number => (client as pg.Client & { processID: number }).processID

/**
 * What needs one session for long (a lock that ends with it, notifications, migrations) can't do with a pooler that
 * hands sessions out by transactions: a lock would stay behind in a session that others use.
 *
 * @param purpose in the plural: "Migrations"
 * @throws ExpectedStartError that says what to set; what connecting throws
 */
export async function requireOwnSessions(url: string, purpose: string): Promise<void> {
  if ((await findPooling(url)) !== 'transaction') return
  throw new ExpectedStartError(
    `${purpose} can't go through a pooler in transaction mode. Set DIRECT_DATABASE_URL to the database itself.`,
  )
}
