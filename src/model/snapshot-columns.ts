/** What every list of a snapshot's columns is used for: to ask Prisma or SQL for them, and to pick them from a row. */
import type { ColumnTypes } from './row-kinds.js'

type Name<Columns> = keyof Columns & string
const namesOf = <Columns extends ColumnTypes>(columns: Columns) => Object.keys(columns) as Name<Columns>[]

/** For a `select` of Prisma. */
export const selectColumns = <Columns extends ColumnTypes>(columns: Columns) =>
  Object.fromEntries(namesOf(columns).map((name) => [name, true])) as { [Column in keyof Columns]: true }

/** SQL: the columns of a table. @param table its alias */
export const sqlColumns = (columns: ColumnTypes, table: string): string =>
  namesOf(columns)
    .map((name) => `${table}."${name}"`)
    .join(', ')

/** @param row may have further columns */
export const pickColumns = <Columns extends ColumnTypes, Row extends Record<Name<Columns>, unknown>>(
  columns: Columns,
  row: Row,
) => Object.fromEntries(namesOf(columns).map((name) => [name, row[name]])) as Pick<Row, Name<Columns>>
