import { type ReplaySnapshot, replayColumns } from '../model/replay.js'
import { pickColumns } from '../model/snapshot-columns.js'
import type { ServiceEvents } from '../telemetry/service-events.js'

/** To be called after the commit. @param row may have further columns */
export function announceReplay(serviceEvents: ServiceEvents, row: ReplaySnapshot): void {
  serviceEvents.emit('replaysChanged', () => [pickColumns(replayColumns, row)])
}
