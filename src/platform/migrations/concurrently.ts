/**
 * Creates and drops indexes of large tables while other sessions write to them. PostgreSQL can't do so in a
 * transaction. Therefore such a migration holds nothing else, its first line marks it, and each of its statements can
 * be repeated: an unfinished index of a killed process is dropped and created again.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type pg from 'pg'
import type { Migration } from './files.js'
import { splitStatements } from './statements.js'

export const CONCURRENTLY_MARKER = '-- Indexes, concurrently: outside of a transaction.'

export const isConcurrent = ({ sql }: Pick<Migration, 'sql'>): boolean => sql.startsWith(CONCURRENTLY_MARKER)

interface IndexStatement {
  index: string
  /** The parts of `create index`, without the table's schema; absent for `drop index`. */
  create?: { isUnique: boolean; table: string; definition: string }
}

const CREATE = /^create (unique )?index concurrently "([^"]+)" on "([^"]+)" *(.+)$/is
const DROP = /^drop index concurrently "([^"]+)"$/is

/** @throws Error with the first statement of another kind */
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
  // A build takes long, and waits for older transactions. A pooler may lend another session to each statement. Then
  // these settings are lost and a timeout may end the build; the next run repeats it.
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

/** PostgreSQL may still build for a client that died, until it notices. Two builds at once would block each other. */
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
