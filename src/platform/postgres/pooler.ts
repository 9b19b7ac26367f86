/**
 * What stands between the service and PostgreSQL: nothing, or a pooler such as PgBouncer, and how it hands its sessions
 * out. It is found out by looking, since a URL doesn't say.
 */
import type pg from 'pg'
import { ExpectedStartError } from '../../errors.js'
import { connectUnprepared } from './session.js'

/**
 * - `none`: the session is the server's own.
 * - `session`: a pooler, but a connection keeps its session for as long as it lasts.
 * - `transaction`: a pooler that gives each transaction any session.
 */
export type Pooling = 'none' | 'session' | 'transaction'

/** In this order two connections meet in one session, or change theirs, whichever way a pooler picks sessions. */
const ORDER = [0, 0, 1, 1, 0, 1, 1, 0, 0, 1] as const

/** @throws what connecting throws */
export async function findPooling(url: string): Promise<Pooling> {
  const clients = [await connectUnprepared({ url }), await connectUnprepared({ url })] as const
  try {
    const seen = [new Set<number>(), new Set<number>()] as const
    for (const which of ORDER) {
      const { rows } = await clients[which].query<{ pid: number }>('select pg_backend_pid() as pid')
      for (const { pid } of rows) seen[which].add(pid)
    }
    const sessions = new Set([...seen[0], ...seen[1]])
    if (sessions.size !== 2 || seen[0].size !== 1) return 'transaction'
    return sessions.has(processIdOf(clients[0])) ? 'none' : 'session'
  } finally {
    await Promise.all(clients.map((client) => client.end()))
  }
}

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
