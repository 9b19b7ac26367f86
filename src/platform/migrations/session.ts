/** Connections for migrations. Each ends with its work, and at once on an abort, even during a wait. */
import type pg from 'pg'
import { connectSession, connectToRead } from '../postgres/session.js'

type Work<Result> = (client: pg.Client) => Promise<Result>

export const withSession = <Result>(url: string, signal: AbortSignal | undefined, work: Work<Result>) =>
  withConnection(() => connectSession({ url }), signal, work)

/** Only for reads; it also works through a pooler. */
export const withReader = <Result>(url: string, signal: AbortSignal | undefined, work: Work<Result>) =>
  withConnection(() => connectToRead({ url }), signal, work)

async function withConnection<Result>(
  connect: () => Promise<pg.Client>,
  signal: AbortSignal | undefined,
  work: Work<Result>,
): Promise<Result> {
  signal?.throwIfAborted()
  let abort = () => {}
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => reject(signal?.reason)
  })
  signal?.addEventListener('abort', abort)
  const connecting = connect()
  try {
    return await Promise.race([aborted, connecting.then(work)])
  } finally {
    signal?.removeEventListener('abort', abort)
    // This cuts off a running statement. A connection in the making is closed once it is open.
    const ended = connecting.then((client) => client.end()).catch(() => {})
    if (!signal?.aborted) await ended
  }
}

/**
 * Begins a transaction with all settings of a migration. Poolers lend another session to each transaction, so the
 * settings of the session do not count. Timeouts unknown to the server are left out.
 */
export async function beginTransaction(
  client: pg.ClientBase,
  { schema, lockTimeoutMs = 0 }: { schema?: string; lockTimeoutMs?: number } = {},
): Promise<void> {
  await client.query('begin isolation level read committed read write')
  await setInTransaction(client, { schema, lockTimeoutMs })
}

export async function setInTransaction(
  client: pg.ClientBase,
  { schema, lockTimeoutMs = 0 }: { schema?: string | undefined; lockTimeoutMs?: number },
): Promise<void> {
  await client.query(
    `select set_config(name, case name when 'lock_timeout' then $1 else '0' end, true) from pg_settings
     where name in ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')`,
    [String(lockTimeoutMs)],
  )
  if (schema !== undefined)
    await client.query(`select set_config('search_path', quote_ident($1), true)`, [schema])
}
