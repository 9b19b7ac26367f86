import { type ReplaySnapshot, replayColumns } from '../model/replay.js'
import type { ServiceEvents } from '../telemetry/service-events.js'

/** To be called after the commit. @param row may have further columns */
export function announceReplay(serviceEvents: ServiceEvents, row: ReplaySnapshot): void {
  serviceEvents.emit('replaysChanged', () => [snapshotOf(row)])
}

function snapshotOf(row: ReplaySnapshot): ReplaySnapshot {
  const names = Object.keys(replayColumns) as (keyof ReplaySnapshot)[]
  return Object.fromEntries(names.map((name) => [name, row[name]])) as unknown as ReplaySnapshot
}
