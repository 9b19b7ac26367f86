/**
 * Results with rows of several kinds, for a statement that answers about deliveries and events at once. PostgreSQL
 * gives all rows of a result the same columns, so each row names its kind and holds null in the columns of the other
 * kinds.
 */

/** Columns by name, with their types in PostgreSQL. Two kinds may share a column if its type is the same in both. */
export type ColumnTypes = Readonly<Record<string, string>>

export interface RowKind {
  columns: ColumnTypes
  /** SQL: a table, a `with` query or a subquery with an alias, that has these columns. */
  from: string
}

/**
 * SQL: the rows of all kinds, each with its kind's name in the column `kind`. The row type in TypeScript is a union
 * that `kind` tells apart.
 */
export function sqlRowsOfKinds(kinds: Readonly<Record<string, RowKind>>): string {
  const all: ColumnTypes = Object.assign({}, ...Object.values(kinds).map(({ columns }) => columns))
  const selects = Object.entries(kinds).map(([kind, { columns, from }]) => {
    const list = Object.entries(all).map(
      ([name, type]) => `${name in columns ? `"${name}"` : 'null'}::${type} as "${name}"`,
    )
    return `select '${kind}' as kind, ${list.join(', ')} from ${from}`
  })
  return selects.join('\n    union all\n    ')
}
