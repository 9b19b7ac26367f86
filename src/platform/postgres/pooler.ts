/**
 * Detects whether a pooler such as PgBouncer is between the service and PostgreSQL, and its mode, because a URL does
 * not say so.
 */
import type pg from 'pg'
import { ExpectedStartError } from '../../errors.js'
import { TimeoutError, withTimeout } from '../timeout.js'
import { connectUnprepared } from './session.js'

/**
 * - `none`: no pooler.
 * - `session`: a pooler whose client keeps a session for as long as it is connected.
 * - `transaction`: a pooler that may give each transaction another session.
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

/**
 * Orders in which two transactions begin and end. However a pooler picks sessions, in one of them a session changes.
 */
const ORDERS = [
  [0, 1],
  [1, 0],
] as const
const ROUNDS = 3

/** Whether two connections get the same session, or one of them gets another session. */
async function shareSessions(clients: Two): Promise<boolean> {
  const seen = [new Set<number>(), new Set<number>()] as const
  const look = async (which: 0 | 1) => void seen[which].add(await backendOf(clients[which]))
  const areShared = () => seen[0].size > 1 || seen[1].size > 1 || [...seen[0]].some((pid) => seen[1].has(pid))

  // In turn: enough to detect a pooler without other clients.
  for (const which of [0, 0, 1, 1, 0] as const) await look(which)
  // Overlapping: the transaction that ends first leaves its session to the one that begins next.
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

/** A pooler without a free session lets the client wait. */
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

/** The process id that the server reported when connecting. A pooler makes one up. */
const processIdOf = (client: pg.Client): number => (client as pg.Client & { processID: number }).processID

/**
 * Work that needs one session for long (a session lock, notifications, migrations) can't use a pooler in transaction
 * mode: a lock would stay in a session that other clients use.
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
