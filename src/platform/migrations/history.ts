/**
 * The record of applied migrations: `_prisma_migrations`, with Prisma's columns and checksums, so that Prisma's tools
 * also understand the database.
 */
import { randomUUID } from 'node:crypto'
import type pg from 'pg'
import { ExpectedStartError } from '../../errors.js'
import type { Migration } from './files.js'

/** From Prisma's schema engine (`sql_migration_persistence.rs`). */
const createTable = `
  create table if not exists _prisma_migrations (
    id varchar(36) primary key not null,
    checksum varchar(64) not null,
    finished_at timestamptz,
    migration_name varchar(255) not null,
    logs text,
    rolled_back_at timestamptz,
    started_at timestamptz not null default now(),
    applied_steps_count integer not null default 0
  )`

export interface HistoryEntry {
  id: string
  migration_name: string
  checksum: string
  /** False after an older version died or failed: it recorded a migration before it applied it. */
  isFinished: boolean
}

/** The client's search path must begin with the service's schema. */
export async function createHistory(client: pg.ClientBase): Promise<void> {
  await client.query(createTable)
}

/** The records without a rollback; empty while the table is missing. */
export async function readHistory(client: pg.ClientBase, schema: string): Promise<HistoryEntry[]> {
  const table = `${client.escapeIdentifier(schema)}._prisma_migrations`
  const { rows: found } = await client.query('select to_regclass($1) is not null as "isThere"', [table])
  if (!found[0].isThere) return []
  const { rows } = await client.query<HistoryEntry>(
    `select id, migration_name, checksum, finished_at is not null as "isFinished"
     from ${table} where rolled_back_at is null`,
  )
  return rows
}

/** The missing migrations, oldest first. @throws ExpectedStartError when one was applied with other content */
export function selectPending(migrations: Migration[], history: HistoryEntry[]): Migration[] {
  return migrations.filter((migration) => {
    const records = history.filter(({ migration_name }) => migration_name === migration.name)
    if (records.some(({ checksum }) => checksum !== migration.checksum)) throw changedFile(migration)
    return !records.some(({ isFinished }) => isFinished)
  })
}

export async function recordApplied(client: pg.ClientBase, { name, checksum }: Migration): Promise<void> {
  await client.query(
    `insert into _prisma_migrations (id, checksum, finished_at, migration_name, applied_steps_count)
     values ($1, $2, clock_timestamp(), $3, 1)`,
    [randomUUID(), checksum, name],
  )
}

export async function recordFinished(client: pg.ClientBase, { name }: Migration): Promise<void> {
  await client.query(
    `update _prisma_migrations set finished_at = clock_timestamp(), applied_steps_count = 1, logs = null
     where migration_name = $1 and finished_at is null and rolled_back_at is null`,
    [name],
  )
}

const changedFile = ({ name }: Migration) =>
  new ExpectedStartError(
    `The migration ${name} was applied to this database with another content than its file has now ` +
      `(prisma/migrations/${name}/migration.sql). Put the file back as it was released; a change belongs in a new migration.`,
  )
