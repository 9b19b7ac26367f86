/**
 * Applies one migration: its statements and its record in one transaction, so that a process that dies leaves all
 * of it or nothing; or, where its first line says so, statement by statement outside of one (`concurrently.ts`).
 */
import type pg from 'pg'
import { applyConcurrently, isConcurrent } from './concurrently.js'
import type { Migration } from './files.js'
import { type HistoryEntry, readHistory, recordApplied, recordFinished, selectPending } from './history.js'
import { beginChange } from './lock.js'
import { finishHalfApplied } from './unfinished.js'

/**
 * What a migration waits for a table that is in use, before it lets go of all that it has and tries again: behind a
 * statement that waits for the whole table, everybody else waits too.
 */
export const LOCK_TIMEOUT_MS = 500

export async function applyMigration(
  client: pg.ClientBase,
  { migration, schema, signal }: { migration: Migration; schema: string; signal: AbortSignal },
): Promise<void> {
  if (isConcurrent(migration)) await applyConcurrently(client, { migration, schema, signal })
  await inTransaction(client, schema, async () => {
    const history = await readHistory(client, schema)
    if (selectPending([migration], history).length > 0) await applyAndRecord(client, migration, history)
  })
}

export async function inTransaction(
  client: pg.ClientBase,
  schema: string,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await beginChange(client, { schema, lockTimeoutMs: LOCK_TIMEOUT_MS })
    await work()
    await client.query('commit')
  } catch (error) {
    await client.query('rollback').catch(() => {})
    throw error
  }
}

async function applyAndRecord(
  client: pg.ClientBase,
  migration: Migration,
  history: HistoryEntry[],
): Promise<void> {
  if (history.some(({ migration_name }) => migration_name === migration.name)) {
    await finishHalfApplied(client, migration)
    return recordFinished(client, migration)
  }
  if (!isConcurrent(migration)) await client.query(migration.sql)
  await recordApplied(client, migration)
}
