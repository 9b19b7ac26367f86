/** What filters have in common: ranges of time, and ids and texts that may be anything. */
import { isStorable } from '../platform/storable.js'
import { isUuid, leastUuidV7At } from '../platform/uuid.js'
import { builder } from './builder.js'

export const TimeRange = builder.inputType('TimeRange', {
  description: 'From a moment, to a moment, or both.',
  fields: (t) => ({
    from: t.field({ type: 'DateTime', description: 'At this moment or later.' }),
    to: t.field({ type: 'DateTime', description: 'Before this moment.' }),
  }),
})

export interface Range {
  from?: Date | null | undefined
  to?: Date | null | undefined
}

export function inRange(range: Range | null | undefined): { gte?: Date; lt?: Date } | undefined {
  if (range == null) return undefined
  return { ...(range.from && { gte: range.from }), ...(range.to && { lt: range.to }) }
}

/** A row and its id are made in one statement, which may take a while, by a clock that may be set meanwhile. */
const CLOCK_MARGIN_MS = 10 * 60 * 1000

/**
 * The ids that rows of a time can have, in which the rows are then looked for: so a list of an hour reads that hour
 * only, and needs no index on the time.
 */
export function idsInRange(range: Range | null | undefined): { gte?: string; lte?: string } | undefined {
  if (!range?.from && !range?.to) return undefined
  const idAt = (time: Date, marginMs: number) => leastUuidV7At(new Date(time.getTime() + marginMs))
  return {
    ...(range.from && { gte: idAt(range.from, -CLOCK_MARGIN_MS) }),
    ...(range.to && { lte: idAt(range.to, CLOCK_MARGIN_MS) }),
  }
}

/** An id that can't exist matches nothing; asking the database for it would be an error. */
export function byId(id: string | null | undefined): string | { in: string[] } | undefined {
  if (id == null) return undefined
  return isUuid(id) ? id : { in: [] }
}

/** A text that can't be stored matches nothing, either. */
export function byText(text: string | null | undefined): string | { in: string[] } | undefined {
  if (text == null) return undefined
  return isStorable(text) ? text : { in: [] }
}

export function oneOf<Value>(values: Value[] | null | undefined): { in: Value[] } | undefined {
  return values == null ? undefined : { in: values }
}

/** A condition for Prisma, without the members that say nothing. */
export function condition<Where extends object>(
  where: { [Name in keyof Where]: Where[Name] | undefined },
): Where {
  return Object.fromEntries(Object.entries(where).filter(([, value]) => value !== undefined)) as Where
}
