import { V7Generator } from 'uuidv7'
import type { Clock } from './clock.js'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

export const isUuid = (text: string): boolean => UUID.test(text)

export const WRONG_UUID = 'must be a UUID'

/** The one that comes before all others. */
export const NIL_UUID = '00000000-0000-0000-0000-000000000000'

/**
 * How far the time in an id may be from the time that is stored beside it. They are made one after the other, which may
 * take a while, by a clock that may be set meanwhile.
 */
export const ID_TIME_MARGIN_MS = 10 * 60 * 1000

/**
 * Makes UUIDv7s, each greater than the one before, by the time of the clock. When that is set back, ids stay at the
 * time that they had reached until it has passed; only where that would take longer than the margin they follow.
 */
export function createIdSource(clock: Clock): () => string {
  const generator = new V7Generator()
  generator.setRollbackAllowance(ID_TIME_MARGIN_MS)
  return () => generator.generateOrResetWithTs(clock.nowMs()).toString()
}

/** Unix milliseconds at which a UUIDv7 was made (RFC 9562 §5.7: its first 48 bits). */
export const timeOfUuidV7 = (id: string): number => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)

/** An SQL expression: what no UUIDv7 made at that time or later comes before. */
export const sqlFirstUuidV7At = (time: string): string =>
  `rpad(lpad(to_hex(greatest(0, floor(extract(epoch from ${time}) * 1000))::bigint), 12, '0'), 32, '0')::uuid`

/** The least UUIDv7 that could be made at a moment: whatever was made before is less, whatever later is greater. */
export function leastUuidV7At(time: Date): string {
  const hex = Math.max(0, time.getTime()).toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`
}
