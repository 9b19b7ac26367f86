/** The common parts of filters: ranges of time, and arbitrary texts. */
import { isPostgresText } from '../platform/postgres/postgres-text.js'
import { builder } from './builder.js'

export const TimeRange = builder.inputType('TimeRange', {
  description: 'From a moment, to a moment, or both.',
  fields: (t) => ({
    from: t.field({ type: 'DateTime', description: 'At this moment or later.' }),
    to: t.field({ type: 'DateTime', description: 'Before this moment.' }),
  }),
})

/** The database can't store every text. Such a text matches nothing, and a query for it would be an error. */
export function byText(text: string | null | undefined): string | { in: string[] } | undefined {
  if (text == null) return undefined
  return isPostgresText(text) ? text : { in: [] }
}

/** A condition for Prisma, without undefined members. */
export function condition<Where extends object>(
  where: { [Name in keyof Where]: Where[Name] | undefined },
): Where {
  return Object.fromEntries(Object.entries(where).filter(([, value]) => value !== undefined)) as Where
}
