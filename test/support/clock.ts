import type { Clock } from '../../src/platform/clock.js'
import { createIdSource } from '../../src/platform/uuid.js'

/** This machine's, which is the database's as well. */
export const machineClock: Clock = { now: () => new Date(), nowMs: () => Date.now() }

export const newId = createIdSource(machineClock)
