/**
 * One process migrates at a time. The lock belongs to a transaction on a separate connection, open until the migrations
 * end. Any pooler keeps one session of the server for a transaction, and the transaction ends with its process in every
 * case. A lock of the session would stay with a pooled session for ever.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type pg from 'pg'
import { beginTransaction, withSession } from './session.js'

/** Spells "mig". Every version uses this number, so that an older one never migrates at the same time. */
const MIGRATION_LOCK = 0x6d6967

/** A second lock, together with the number above: for transactions with changes. */
const CHANGE = 1

/** Polls, because `create index concurrently` would wait for the snapshot of a waiting `pg_advisory_lock()`. */
const POLL_MS = 200

export interface LockOptions {
  databaseUrl: string
  signal?: AbortSignal | undefined
  onWait(): void
}

/**
 * Begins a transaction for changes, and waits for the end of another one. Such a transaction can only belong to a
 * process that died a moment ago: PostgreSQL still runs its last statement.
 */
export async function beginChange(
  client: pg.ClientBase,
  options: { schema: string; lockTimeoutMs: number },
): Promise<void> {
  await beginTransaction(client, options)
  await client.query('select pg_advisory_xact_lock($1, $2)', [MIGRATION_LOCK, CHANGE])
}

/** The signal for the work also aborts when the connection with the lock breaks. */
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
  // A machine that vanishes closes no connection. PostgreSQL releases its lock after 40 seconds without an answer.
  await client.query(
    'set local tcp_keepalives_idle = 10; set local tcp_keepalives_interval = 10; set local tcp_keepalives_count = 3',
  )
  // Without parameters: a portal would keep a snapshot, and `create index concurrently` would wait for its end.
  const { rows } = await client.query(`select pg_try_advisory_xact_lock(${MIGRATION_LOCK}) as "isTaken"`)
  if (rows[0].isTaken) return true
  await client.query('rollback')
  return false
}
