/** Splits a migration's SQL at every semicolon: not for SQL with a semicolon inside a statement (a function's body). */

/** Drops comments of whole lines. */
export function splitStatements(sql: string): string[] {
  return sql
    .replaceAll(/^\s*--.*$/gm, '')
    .split(';')
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')
}
