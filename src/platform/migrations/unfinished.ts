/**
 * What older versions left. They recorded a migration before they applied it, and ran its statements one by one,
 * each for itself; one that was killed left any number of the first ones done. Here each statement is run again, and
 * one that finds its work done already is passed over.
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

/** The error of a statement that was run before, by its kind. */
const codesWhenDone = (statement: string): string[] =>
  /\bdrop (index|constraint)\b/i.test(statement)
    ? [UNDEFINED_OBJECT]
    : [DUPLICATE_COLUMN, DUPLICATE_OBJECT, DUPLICATE_FUNCTION, DUPLICATE_TABLE]

/** In the transaction of the caller, whatever it throws leaves nothing. */
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
 * Inserted rows raise no such error. A migration fills only tables that it has made, which are unused until its end.
 */
async function hasFilled(client: pg.ClientBase, statement: string): Promise<boolean> {
  const [, table] = /^insert into "(\w+)"/i.exec(statement) ?? []
  if (table === undefined) return false
  const { rows } = await client.query(`select exists (select from "${table}") as "isFilled"`)
  return rows[0].isFilled
}
