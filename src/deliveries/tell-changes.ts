import { takeEventSnapshots, type WithEventSnapshot } from '../events/snapshot.js'
import type { Happenings } from '../platform/happenings.js'
import { type DeliverySnapshot, takeDeliverySnapshot } from './snapshot.js'

/** A delivery that a statement changed, and its event where that changed too. */
export type ChangedRow = DeliverySnapshot & WithEventSnapshot

/** Tells of what a statement has changed, after its commit. */
export function tellChanges(happenings: Happenings, rows: ChangedRow[]): void {
  const events = takeEventSnapshots(rows)
  if (rows.length > 0) happenings.emit('deliveriesChanged', rows.map(takeDeliverySnapshot))
  if (events.length > 0) happenings.emit('eventsChanged', events)
}
