import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { inject } from 'vitest'
import { createDatabase, type Database } from '../../src/platform/postgres/database.js'
import { TEMPLATE_DATABASE, withDatabase } from './global-setup.js'

export interface TestDatabase extends AsyncDisposable {
  url: string
  /** For a look at what the service has written. */
  query<Row extends object = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>
}

/** A database of a test's own. Copying the template's files costs a third of a copy through the WAL. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const serverUrl = inject('postgresUrl')
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await asAdmin(serverUrl, `create database ${name} template ${TEMPLATE_DATABASE} strategy file_copy`)
  const url = withDatabase(serverUrl, name)
  const pool = new pg.Pool({ connectionString: url, max: 2 })
  pool.on('error', () => {})
  // A copy has the id of what it was copied from, and would be the same service to a Redis that both use.
  await pool.query('update installation set id = gen_random_uuid()')
  return {
    url,
    async query<Row extends object>(text: string, values: unknown[] = []) {
      return (await pool.query<Row>(text, values)).rows
    },
    async [Symbol.asyncDispose]() {
      await pool.end()
      await asAdmin(serverUrl, `drop database ${name} with (force)`)
    },
  }
}

/** A test's database behind the service's own access to it. */
export const openDatabase = ({ url }: TestDatabase): Database => createDatabase({ url })

async function asAdmin(serverUrl: string, statement: string): Promise<void> {
  const client = new pg.Client(serverUrl)
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
