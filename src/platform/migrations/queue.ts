/** BullMQ's own migrations for the queue on PostgreSQL. BullMQ applies all pending ones in one transaction. */
import {
  assertSchemaCompatibility,
  LATEST_SCHEMA_VERSION,
  runMigrations,
  SchemaMigrationRequiredError,
} from 'bullmq'
import type pg from 'pg'
import { LOCK_TIMEOUT_MS } from './apply.js'
import { setInTransaction } from './session.js'

export async function isQueueMigrated(client: pg.ClientBase, schema: string): Promise<boolean> {
  try {
    return (await assertSchemaCompatibility(client, schema)) >= LATEST_SCHEMA_VERSION
  } catch (error) {
    if (error instanceof SchemaMigrationRequiredError) return false
    throw error
  }
}

/** The schema must exist. */
export async function migrateQueue(client: pg.ClientBase, schema: string): Promise<void> {
  await runMigrations(
    {
      async query(text: string, values?: unknown[]) {
        // The schema exists, but PostgreSQL still demands the right to create one.
        if (text.startsWith('CREATE SCHEMA IF NOT EXISTS')) return { rows: [] }
        const result = await client.query(text, values)
        if (text === 'BEGIN') await setInTransaction(client, { lockTimeoutMs: LOCK_TIMEOUT_MS })
        return result
      },
    },
    schema,
  )
}
