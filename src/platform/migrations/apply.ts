/**
 * Applies one migration. Its statements and its record share a transaction, so a process killed in the middle leaves
 * all of it or nothing. If its first line says so, its statements run one by one without a transaction
 * (`concurrently.ts`).
 */
import type pg from 'pg'
import { applyConcurrently, isConcurrent } from './concurrently.js'
import type { Migration } from './files.js'
import { type HistoryEntry, readHistory, recordApplied, recordFinished, selectPending } from './history.js'
import { beginChange } from './lock.js'
import { finishHalfApplied } from './unfinished.js'

/**
 * The longest wait for a table in use. After it, the migration releases all its locks and tries again: every other
 * session waits behind a statement that waits for the whole table.
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
    // A concurrent one is finished by its own repeatable statements.
    if (!isConcurrent(migration)) await finishHalfApplied(client, migration)
    return recordFinished(client, migration)
  }
  if (!isConcurrent(migration)) await client.query(migration.sql)
  await recordApplied(client, migration)
}
