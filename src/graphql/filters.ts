/** What filters have in common: ranges of time, and texts that may be anything. */
import type { Range } from '../deliveries/pages.js'
import { isPostgresText } from '../platform/postgres/postgres-text.js'
import { builder } from './builder.js'

export const TimeRange = builder.inputType('TimeRange', {
  description: 'From a moment, to a moment, or both.',
  fields: (t) => ({
    from: t.field({ type: 'DateTime', description: 'At this moment or later.' }),
    to: t.field({ type: 'DateTime', description: 'Before this moment.' }),
  }),
})

export function inRange(range: Range | null | undefined): { gte?: Date; lt?: Date } | undefined {
  if (range == null) return undefined
  return { ...(range.from && { gte: range.from }), ...(range.to && { lt: range.to }) }
}

/** A text that can't be stored matches nothing; asking the database for it would be an error. */
export function byText(text: string | null | undefined): string | { in: string[] } | undefined {
  if (text == null) return undefined
  return isPostgresText(text) ? text : { in: [] }
}

export function oneOf<Value>(values: Value[] | null | undefined): { in: Value[] } | undefined {
  return values == null ? undefined : { in: [...new Set(values)] }
}

/** A condition for Prisma, without the members that say nothing. */
export function condition<Where extends object>(
  where: { [Name in keyof Where]: Where[Name] | undefined },
): Where {
  return Object.fromEntries(Object.entries(where).filter(([, value]) => value !== undefined)) as Where
}
