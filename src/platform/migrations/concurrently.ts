/**
 * Indexes of tables that may be large, made and dropped while others write to them. PostgreSQL does not do that in a
 * transaction, so such a migration holds nothing else, its first line says what it is, and each of its statements
 * can be repeated: whatever a process that died has left of an index is dropped and made anew.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type pg from 'pg'
import type { Migration } from './files.js'
import { splitStatements } from './statements.js'

export const CONCURRENTLY_MARKER = '-- Indexes, concurrently: outside of a transaction.'

export const isConcurrent = ({ sql }: Pick<Migration, 'sql'>): boolean => sql.startsWith(CONCURRENTLY_MARKER)

interface IndexStatement {
  index: string
  /** What makes it, but for its table's schema; absent: it is dropped. */
  create?: { isUnique: boolean; table: string; definition: string }
}

const CREATE = /^create (unique )?index concurrently "([^"]+)" on "([^"]+)" *(.+)$/is
const DROP = /^drop index concurrently "([^"]+)"$/is

/** @throws Error that names the first statement that is anything else */
export function parseIndexStatements(sql: string): IndexStatement[] {
  return splitStatements(sql).map((statement) => {
    const [, unique, index, table = '', definition = ''] = CREATE.exec(statement) ?? []
    if (index !== undefined) return { index, create: { isUnique: unique !== undefined, table, definition } }
    const [, dropped] = DROP.exec(statement) ?? []
    if (dropped !== undefined) return { index: dropped }
    throw new Error(
      `A migration that begins with "${CONCURRENTLY_MARKER}" may only hold ` +
        `create index concurrently "i" on "t" … and drop index concurrently "i", not: ${statement.slice(0, 80)}`,
    )
  })
}

export interface ConcurrentOptions {
  migration: Migration
  schema: string
  signal: AbortSignal
}

export async function applyConcurrently(client: pg.ClientBase, options: ConcurrentOptions): Promise<void> {
  const { migration, schema, signal } = options
  const statements = parseIndexStatements(migration.sql)
  // Building takes its time, and waits for transactions that are older. Behind a pooler that lends another session to
  // each statement this may not last, and then a build may be cut off: it is repeated by the next run.
  await client.query(
    'set statement_timeout = 0; set lock_timeout = 0; set client_connection_check_interval = 2000',
  )
  // Names are qualified for the same reason.
  const qualify = (name: string) => `${client.escapeIdentifier(schema)}.${client.escapeIdentifier(name)}`
  for (const { index, create } of statements) {
    const name = qualify(index)
    if (create !== undefined) await untilNobodyBuilds(client, qualify(create.table), signal)
    const state = await readState(client, name)
    if (create !== undefined && state === 'valid') continue
    if (state !== 'missing') await client.query(`drop index concurrently if exists ${name}`)
    if (create === undefined) continue
    const { isUnique, table, definition } = create
    const kind = isUnique ? 'unique index' : 'index'
    await client.query(
      `create ${kind} concurrently ${client.escapeIdentifier(index)} on ${qualify(table)} ${definition}`,
    )
  }
}

const POLL_MS = 200

/** A server that has not yet noticed that its client died may be building still, and two at once block each other. */
async function untilNobodyBuilds(client: pg.ClientBase, table: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    const { rows } = await client.query(
      'select from pg_stat_progress_create_index where relid = to_regclass($1) and pid <> pg_backend_pid()',
      [table],
    )
    if (rows.length === 0) return
    await pause(POLL_MS, undefined, { signal })
  }
}

async function readState(client: pg.ClientBase, index: string): Promise<'missing' | 'invalid' | 'valid'> {
  const { rows } = await client.query(
    'select indisvalid as "isValid" from pg_index where indexrelid = to_regclass($1)',
    [index],
  )
  if (rows.length === 0) return 'missing'
  return rows[0].isValid ? 'valid' : 'invalid'
}
