/** Splits a migration's SQL into its statements. */

/** What a semicolon doesn't end: a text between dollar quotes, which is the body of a function. */
const statement = /(?:\$(\w*)\$.*?\$\1\$|[^;])+/gs

/** Drops comments of whole lines. */
export function splitStatements(sql: string): string[] {
  return Array.from(sql.replaceAll(/^\s*--.*$/gm, '').matchAll(statement), ([text]) => text.trim()).filter(
    (text) => text !== '',
  )
}
