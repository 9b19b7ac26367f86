/** An event, without its payload, as it is at one moment, read with the statement that changed it. */
import type { Event } from '../generated/prisma/client.js'

const columns = [
  'id',
  'type',
  'status',
  'idempotencyKey',
  'deliveryCount',
  'sentCount',
  'deadCount',
  'createdAt',
  'updatedAt',
] as const

export type EventSnapshot = Pick<Event, (typeof columns)[number]>

/** The columns of a snapshot, for a `select` of Prisma. */
export const eventSnapshotSelect = Object.fromEntries(columns.map((column) => [column, true])) as {
  [Column in (typeof columns)[number]]: true
}

/** The columns of a snapshot, for a `returning` in which the event goes by the name `e`. */
export const sqlEventSnapshot = (e: string): string => columns.map((column) => `${e}."${column}"`).join(', ')

/** The same beside other columns, each behind the prefix `event.`, for `takeEventSnapshot`. */
export const sqlPrefixedEventSnapshot = (e: string): string =>
  columns.map((column) => `${e}."${column}" as "event.${column}"`).join(', ')

/** Nulls in their place, for the rows of a `union` that hold something else. */
export const sqlNoEventSnapshot = columns.map((column) => `null as "event.${column}"`).join(', ')

/** A row that may hold an event's columns behind their prefix; all null where it holds none. */
export type WithEventSnapshot = Record<`event.${string}`, unknown>

/** The events that rows hold, each once. */
export function takeEventSnapshots(rows: WithEventSnapshot[]): EventSnapshot[] {
  const byId = new Map<unknown, WithEventSnapshot>()
  for (const row of rows) if (row['event.id'] !== null) byId.set(row['event.id'], row)
  return [...byId.values()].map(
    (row) =>
      Object.fromEntries(
        columns.map((column) => [column, row[`event.${column}`]]),
      ) as unknown as EventSnapshot,
  )
}
