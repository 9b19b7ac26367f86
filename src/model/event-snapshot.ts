/** An event without its payload, as it is at one moment: what live updates show. */
import type { Event } from '../generated/prisma/client.js'
import { timeOfUuidV7 } from '../platform/uuid.js'
import { selectColumns, sqlColumns } from './snapshot-columns.js'

/** The columns of a snapshot with their types in PostgreSQL: the only list of them. */
export const eventColumns = {
  id: 'uuid',
  type: 'text',
  tenant: 'text',
  status: 'text',
  idempotencyKey: 'text',
  deliveryCount: 'int',
  sentCount: 'int',
  deadCount: 'int',
  isTest: 'bool',
  deliverAt: 'timestamptz',
  expiresAt: 'timestamptz',
  erasedAt: 'timestamptz',
  orderingKey: 'text',
  createdAt: 'timestamptz',
  updatedAt: 'timestamptz',
} as const satisfies { readonly [Column in keyof Event]?: string }

export type EventSnapshot = Pick<Event, keyof typeof eventColumns>

/** The columns of a snapshot, for a `select` of Prisma. */
export const eventSnapshotSelect = selectColumns(eventColumns)

/** SQL: the columns of a snapshot of the event `e`. */
export const sqlEventSnapshot = (e: string): string => sqlColumns(eventColumns, e)

type NewEvent = Pick<
  EventSnapshot,
  'id' | 'type' | 'tenant' | 'idempotencyKey' | 'deliveryCount' | 'createdAt'
>

/** An event that was accepted and dispatched just now, for a statement that does not return every column of it. */
export const snapshotOfDispatchedEvent = (
  { id, type, tenant, idempotencyKey, deliveryCount, createdAt }: NewEvent,
  now: Date,
): EventSnapshot => ({
  ...{ id, type, tenant, idempotencyKey, createdAt, updatedAt: now, isTest: false },
  ...{ deliveryCount, sentCount: 0, deadCount: 0 },
  // One with any of these is not dispatched with its commit.
  ...{ deliverAt: null, expiresAt: null, erasedAt: null, orderingKey: null },
  status: deliveryCount === 0 ? 'UNMATCHED' : 'PROCESSING',
})

/** When an event could first be dispatched, in Unix milliseconds: it was accepted then, or its own time had come. */
export const dispatchableAtMs = ({ id, deliverAt }: { id: string; deliverAt: Date | null }): number =>
  Math.max(timeOfUuidV7(id), deliverAt?.getTime() ?? 0)
