/**
 * The times that the service takes: ISO 8601 in its extended format with a zone, as Java, PHP, Python, Go and
 * JavaScript print it. Beyond RFC 3339 §5.6 the seconds may be absent, the offset may be `+0100` or `+01`, and 24:00
 * ends a day. Leap seconds are refused.
 */
import { z } from 'zod'

const DATE_TIME = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d(?::\d\d(?:\.\d+)?)?)(?:Z|([+-]\d\d)(?::?(\d\d))?)$/

export const WRONG_ISO_TIME =
  'must be an ISO 8601 time with its zone, in the years 0001 to 9999, such as 2026-01-31T18:20:43.400Z'

/** Undefined where the text names no time, or one outside of the years 0001 to 9999 in UTC. */
export function parseIsoTime(text: string): Date | undefined {
  const [, day, time, hours, minutes = '00'] = DATE_TIME.exec(text.toUpperCase()) ?? []
  if (day === undefined || !isDay(day)) return undefined
  // `Date` reads one form of offset only.
  const date = new Date(`${day}T${time}${hours === undefined ? 'Z' : `${hours}:${minutes}`}`)
  const year = date.getUTCFullYear()
  return year >= 1 && year <= 9999 ? date : undefined
}

/** `Date` takes the 30th of February for the 2nd of March. */
function isDay(day: string): boolean {
  const start = new Date(day)
  return !Number.isNaN(start.getTime()) && start.toISOString().startsWith(`${day}T`)
}

/** A schema that turns the text into a `Date`. */
export const isoTime = z
  .string(WRONG_ISO_TIME)
  .meta({ format: 'date-time' })
  .transform((text, context) => {
    const date = parseIsoTime(text)
    if (date !== undefined) return date
    context.addIssue(WRONG_ISO_TIME)
    return z.NEVER
  })
