/**
 * The deliveries and events that a statement has changed: how a statement returns them, and how they are announced to
 * live updates after its commit.
 */
import { type DeliverySnapshot, deliveryColumns } from '../model/delivery-snapshot.js'
import { type EventSnapshot, eventColumns } from '../model/event-snapshot.js'
import type { ReportedRow } from '../model/operational-event.js'
import { type ColumnTypes, type RowKind, sqlRowsOfKinds } from '../model/row-kinds.js'
import { pickColumns } from '../model/snapshot-columns.js'
import type { ServiceEvents } from './service-events.js'

/** What a statement has changed. The snapshots are built only while live updates have subscribers. */
export interface Changes {
  /** Absent when no delivery has changed. */
  deliveries?: (() => DeliverySnapshot[]) | undefined
  /** Absent when no event has changed. */
  events?: (() => EventSnapshot[]) | undefined
}

/** SQL: a row for each changed delivery and for each changed event. The arguments are those of `changedRowKinds`. */
export const sqlChangedRows = (...rows: Parameters<typeof changedRowKinds>): string =>
  sqlRowsOfKinds(changedRowKinds(...rows))

/**
 * The kinds of `sqlChangedRows`, for a statement that returns rows of further kinds. The arguments go behind `from`.
 */
export const changedRowKinds = (
  deliveries: string,
  events: string,
  moreOfDelivery: ColumnTypes = {},
): Record<'delivery' | 'event', RowKind> => ({
  delivery: { columns: { ...deliveryColumns, ...moreOfDelivery }, from: deliveries },
  event: { columns: eventColumns, from: events },
})

export type ChangedDeliveryRow = { kind: 'delivery' } & DeliverySnapshot
export type ChangedEventRow = { kind: 'event' } & EventSnapshot
export type ChangedRow = ChangedDeliveryRow | ChangedEventRow

/** The changes that a statement with `changedRowKinds` has returned, beside rows of other kinds. */
export function changesOfRows(rows: (ChangedRow | ReportedRow)[]): Changes {
  const deliveries = rows.filter((row) => row.kind === 'delivery')
  const events = rows.filter((row) => row.kind === 'event')
  return {
    deliveries:
      deliveries.length > 0 ? () => deliveries.map((row) => pickColumns(deliveryColumns, row)) : undefined,
    events: events.length > 0 ? () => events.map((row) => pickColumns(eventColumns, row)) : undefined,
  }
}

/** To be called after the commit. */
export function announceChanges(serviceEvents: ServiceEvents, { deliveries, events }: Changes): void {
  if (deliveries !== undefined) serviceEvents.emit('deliveriesChanged', deliveries)
  if (events !== undefined) serviceEvents.emit('eventsChanged', events)
}

/** To be called after the commit of a statement with `reportedRowKind`. */
export function announceReported(
  serviceEvents: ServiceEvents,
  rows: ({ kind: string } | ReportedRow)[],
): void {
  for (const row of rows)
    if ('reported' in row && row.kind === 'reported') serviceEvents.emit('reported', { count: row.reported })
}
