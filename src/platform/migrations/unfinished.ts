/**
 * Finishes the half-applied migrations of older versions. They recorded a migration before they applied it, and ran its
 * statements one by one, without a common transaction. A killed process left any number of the first statements done.
 * Here each statement runs again, and the error of a statement done before is ignored.
 */
import type pg from 'pg'
import type { Migration } from './files.js'
import { splitStatements } from './statements.js'

// https://www.postgresql.org/docs/current/errcodes-appendix.html
const DUPLICATE_COLUMN = '42701'
const DUPLICATE_OBJECT = '42710'
const DUPLICATE_FUNCTION = '42723'
const DUPLICATE_TABLE = '42P07'
const UNDEFINED_OBJECT = '42704'

/** PostgreSQL's errors for a statement done before, by its kind. */
const codesWhenDone = (statement: string): string[] =>
  /\bdrop (index|constraint)\b/i.test(statement)
    ? [UNDEFINED_OBJECT]
    : [DUPLICATE_COLUMN, DUPLICATE_OBJECT, DUPLICATE_FUNCTION, DUPLICATE_TABLE]

/** Runs in the caller's transaction, so after an error nothing remains of it. */
export async function finishHalfApplied(client: pg.ClientBase, { sql }: Migration): Promise<void> {
  for (const statement of splitStatements(sql)) {
    if (await hasFilled(client, statement)) continue
    await client.query('savepoint statement')
    try {
      await client.query(statement)
    } catch (error) {
      if (!codesWhenDone(statement).includes((error as pg.DatabaseError).code ?? '')) throw error
      await client.query('rollback to savepoint statement')
    }
  }
}

/**
 * A repeated insert raises no such error. A migration fills only its own new tables, unused by others until its end.
 */
async function hasFilled(client: pg.ClientBase, statement: string): Promise<boolean> {
  const [, table] = /^insert into "(\w+)"/i.exec(statement) ?? []
  if (table === undefined) return false
  const { rows } = await client.query(`select exists (select from "${table}") as "isFilled"`)
  return rows[0].isFilled
}
