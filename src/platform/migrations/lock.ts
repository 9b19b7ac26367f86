/**
 * One process migrates at a time. The lock belongs to a transaction that stays open for as long as the migrations
 * run, on a connection of its own: any pooler keeps a server's session for it, and it ends with its process, however
 * that ends. A lock of the session would stay with a pooled session for ever.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type pg from 'pg'
import { beginTransaction, withSession } from './session.js'

/** Spells "mig". The same in every version, so that an older one never migrates at the same time. */
const MIGRATION_LOCK = 0x6d6967

/** A second lock: together with the number above, for transactions that change something. */
const CHANGE = 1

/** Tries again instead of `pg_advisory_lock()`, whose snapshot `create index concurrently` would wait for. */
const POLL_MS = 200

export interface LockOptions {
  databaseUrl: string
  signal?: AbortSignal | undefined
  onWait(): void
}

/**
 * Begins a transaction that changes something. It waits for the end of another such one, which can only be that of a
 * process that died a moment ago: PostgreSQL still runs the statement that it has sent.
 */
export async function beginChange(
  client: pg.ClientBase,
  options: { schema: string; lockTimeoutMs: number },
): Promise<void> {
  await beginTransaction(client, options)
  await client.query('select pg_advisory_xact_lock($1, $2)', [MIGRATION_LOCK, CHANGE])
}

/** Gives the work a signal that aborts as well when the connection that holds the lock breaks. */
export function withMigrationLock<Result>(
  { databaseUrl, signal, onWait }: LockOptions,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  return withSession(databaseUrl, signal, async (client) => {
    while (!(await tryLock(client))) {
      onWait()
      await pause(POLL_MS, undefined, { signal })
    }
    const lost = new AbortController()
    const lose = () => lost.abort(new Error('The connection that held the lock for migrations broke.'))
    client.once('error', lose).once('end', lose)
    return work(AbortSignal.any([lost.signal, ...(signal ? [signal] : [])]))
  })
}

async function tryLock(client: pg.Client): Promise<boolean> {
  await beginTransaction(client)
  // A machine that vanishes closes no connection. The server releases its lock after 40 seconds without an answer.
  await client.query(
    'set local tcp_keepalives_idle = 10; set local tcp_keepalives_interval = 10; set local tcp_keepalives_count = 3',
  )
  // Without parameters: a portal would keep a snapshot, and an index that is made concurrently would wait for its end.
  const { rows } = await client.query(`select pg_try_advisory_xact_lock(${MIGRATION_LOCK}) as "isTaken"`)
  if (rows[0].isTaken) return true
  await client.query('rollback')
  return false
}
