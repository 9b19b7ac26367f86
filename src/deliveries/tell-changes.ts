import { takeEventSnapshots, type WithEventSnapshot } from '../events/snapshot.js'
import type { Happenings } from '../platform/happenings.js'
import { type DeliverySnapshot, takeDeliverySnapshot } from './snapshot.js'

/** A delivery that a statement changed, or an event, or both: the columns of what it is not are null. */
export type ChangedRow = WithEventSnapshot & (DeliverySnapshot | { id: null })

/** Tells of what a statement has changed, after its commit. */
export function tellChanges(happenings: Happenings, rows: ChangedRow[]): void {
  const events = takeEventSnapshots(rows)
  const deliveries = rows.filter(hasDelivery).map(takeDeliverySnapshot)
  if (deliveries.length > 0) happenings.emit('deliveriesChanged', deliveries)
  if (events.length > 0) happenings.emit('eventsChanged', events)
}

export const hasDelivery = <Row extends { id: string | null }>(row: Row): row is Row & DeliverySnapshot =>
  row.id !== null
