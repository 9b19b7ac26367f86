import { takeEventSnapshots, type WithEventSnapshot } from '../events/snapshot.js'
import type { Happenings } from '../platform/happenings.js'
import { type DeliverySnapshot, takeDeliverySnapshot } from './snapshot.js'

/** A delivery that a statement changed, or an event, or both: the columns of what it is not are null. */
export type ChangedRow = WithEventSnapshot & (DeliverySnapshot | { id: null })

/** Tells of what a statement has changed, after its commit. */
export function tellChanges(happenings: Happenings, rows: ChangedRow[]): void {
  if (rows.length === 0) return
  happenings.emit('deliveriesChanged', () => rows.filter(hasDelivery).map(takeDeliverySnapshot))
  happenings.emit('eventsChanged', () => takeEventSnapshots(rows))
}

export const hasDelivery = <Row extends { id: string | null }>(row: Row): row is Row & DeliverySnapshot =>
  row.id !== null
