/** Connections for migrations: each ends with its work, and at once when it is aborted, whatever it waits for. */
import type pg from 'pg'
import { connectSession, connectToRead } from '../postgres/session.js'

type Work<Result> = (client: pg.Client) => Promise<Result>

export const withSession = <Result>(url: string, signal: AbortSignal | undefined, work: Work<Result>) =>
  withConnection(() => connectSession({ url }), signal, work)

/** For a look, also through a pooler. */
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
    // A statement that is under way is cut off. A connection that is still being made is ended once it is there.
    const ended = connecting.then((client) => client.end()).catch(() => {})
    if (!signal?.aborted) await ended
  }
}

/**
 * What a migration needs of its transaction, whatever the session has: poolers lend another session to each
 * transaction, and what was set in the last one says nothing. Timeouts that a server doesn't know are left out.
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
