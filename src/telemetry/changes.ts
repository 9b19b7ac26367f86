import { type DeliverySnapshot, takeDeliverySnapshot } from '../model/delivery-snapshot.js'
import { takeEventSnapshots, type WithEventSnapshot } from '../model/event-snapshot.js'
import type { ServiceEvents } from './service-events.js'

/** A delivery that a statement changed, or an event, or both: the columns of what it is not are null. */
export type ChangedRow = WithEventSnapshot & (DeliverySnapshot | { id: null })

/** Tells of what a statement has changed, after its commit. */
export function announceChanges(serviceEvents: ServiceEvents, rows: ChangedRow[]): void {
  if (rows.length === 0) return
  serviceEvents.emit('deliveriesChanged', () => rows.filter(hasDelivery).map(takeDeliverySnapshot))
  serviceEvents.emit('eventsChanged', () => takeEventSnapshots(rows))
}

export const hasDelivery = <Row extends { id: string | null }>(row: Row): row is Row & DeliverySnapshot =>
  row.id !== null
