/** Event types, and the patterns by which subscriptions want them. */
import { z } from 'zod'

const MAX_LENGTH = 128
export const EVENT_TYPE_FORM = `1 to ${MAX_LENGTH} characters of A-Z a-z 0-9 _ . : -`

export const eventType = z
  .string()
  .regex(new RegExp(`^[A-Za-z0-9_.:-]{1,${MAX_LENGTH}}$`), `must be ${EVENT_TYPE_FORM}`)
  .meta({ examples: ['user.created'] })

/** Whether there can be such a type. Nobody need look for one that can't be: PostgreSQL refuses some texts. */
export const isEventType = (text: string): boolean => eventType.safeParse(text).success

/** The types of operational events begin with it: nobody but the service publishes these. */
export const OPERATIONAL_PREFIX = 'service.'

export const isOperational = (type: string): boolean => type.startsWith(OPERATIONAL_PREFIX)

/** The type of what a producer publishes or describes. */
export const publishedType = eventType
  .refine((type) => !isOperational(type), {
    error: `must not begin with "${OPERATIONAL_PREFIX}": the service alone publishes events of these types`,
  })
  .meta({ examples: ['user.created'] })

/** The pattern that every type has, but those of operational events. */
export const EVERY_TYPE = '*'

const MORE_SEGMENTS = '.*'

/** `user.*`: the types that begin with these segments and have at least one more. */
export const eventTypePattern = z
  .string()
  .regex(
    new RegExp(`^[A-Za-z0-9_.:-]{1,${MAX_LENGTH - MORE_SEGMENTS.length}}\\.\\*$`),
    'must be an event type and ".*" behind it',
  )
  .meta({ examples: ['user.*'] })

/**
 * A type itself, and every pattern that it has: `user.address.changed` has `user.address.*`, `user.*` and `*`. An
 * operational event doesn't have `*`: who wants it names it, so that no endpoint gets events about itself unasked.
 */
export function patternsOf(eventType: string): string[] {
  const patterns = isOperational(eventType) ? [eventType] : [eventType, EVERY_TYPE]
  // A dot at the very end has no segment behind it.
  for (
    let dot = eventType.indexOf('.', 1);
    dot !== -1 && dot < eventType.length - 1;
    dot = eventType.indexOf('.', dot + 1)
  )
    patterns.push(eventType.slice(0, dot) + MORE_SEGMENTS)
  return patterns
}
