/** A delivery as it is at one moment: what live updates show. */
import type { Delivery } from '../generated/prisma/client.js'
import { selectColumns, sqlColumns } from './snapshot-columns.js'

/**
 * The columns of a snapshot with their types in PostgreSQL: the only list of them. A status goes as text, so that
 * deliveries and events can share the column in one result.
 */
export const deliveryColumns = {
  id: 'uuid',
  eventId: 'uuid',
  subscriptionId: 'uuid',
  tenant: 'text',
  status: 'text',
  attempts: 'int',
  nextRunAt: 'timestamptz',
  lastError: 'text',
  lastStatusCode: 'int',
  discardedAt: 'timestamptz',
  createdAt: 'timestamptz',
  updatedAt: 'timestamptz',
} as const satisfies { readonly [Column in keyof Delivery]?: string }

export type DeliverySnapshot = Pick<Delivery, keyof typeof deliveryColumns>

/** The columns of a snapshot, for a `select` of Prisma. */
export const deliverySnapshotSelect = selectColumns(deliveryColumns)

/** SQL: the columns of a snapshot of the delivery `d`. */
export const sqlDeliverySnapshot = (d: string): string => sqlColumns(deliveryColumns, d)

type NewDelivery = Pick<DeliverySnapshot, 'id' | 'eventId' | 'subscriptionId' | 'tenant'>

/** A delivery that was written just now, for a statement that does not return every column of it. */
export const snapshotOfNewDelivery = (
  { id, eventId, subscriptionId, tenant }: NewDelivery,
  now: Date,
): DeliverySnapshot => ({
  ...{ id, eventId, subscriptionId, tenant, createdAt: now, updatedAt: now },
  ...{ status: 'PENDING', attempts: 0, nextRunAt: now, lastError: null, lastStatusCode: null },
  discardedAt: null,
})
