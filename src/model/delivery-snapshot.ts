/** A delivery as it is at one moment, read with the statement that changed it: what live updates show. */
import type { Delivery } from '../generated/prisma/client.js'

const columns = [
  'id',
  'eventId',
  'subscriptionId',
  'status',
  'attempts',
  'nextRunAt',
  'lastError',
  'lastStatusCode',
  'createdAt',
  'updatedAt',
] as const

export type DeliverySnapshot = Pick<Delivery, (typeof columns)[number]>

/** The columns of a snapshot, for a `select` of Prisma. */
export const deliverySnapshotSelect = Object.fromEntries(columns.map((column) => [column, true])) as {
  [Column in (typeof columns)[number]]: true
}

/** The columns of a snapshot, for a hand-written statement in which the delivery goes by the name `d`. */
export const sqlDeliverySnapshot = (d: string): string =>
  columns.map((column) => `${d}."${column}"`).join(', ')

/** Nulls in their place, for the rows of a `union` that hold something else. */
export const sqlNoDeliverySnapshot = columns.map(() => 'null').join(', ')

/** Without the other columns of a row. By name, because it runs for every change. */
export function takeDeliverySnapshot(row: DeliverySnapshot): DeliverySnapshot {
  const { id, eventId, subscriptionId, status, attempts, nextRunAt } = row
  const { lastError, lastStatusCode, createdAt, updatedAt } = row
  return {
    ...{ id, eventId, subscriptionId, status, attempts, nextRunAt },
    ...{ lastError, lastStatusCode, createdAt, updatedAt },
  }
}
