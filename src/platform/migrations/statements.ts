/** A migration's SQL, taken apart: only where nothing in it holds a semicolon of its own, as a function's body may. */

/** Without comments of whole lines. */
export function splitStatements(sql: string): string[] {
  return sql
    .replaceAll(/^\s*--.*$/gm, '')
    .split(';')
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')
}
