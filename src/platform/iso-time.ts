/** The times that the service takes: ISO 8601 as RFC 3339 §5.6 profiles it, without leap seconds. */
import { z } from 'zod'

const DATE_TIME = /^(\d{4}-\d\d-\d\d)[Tt]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)$/

export const WRONG_ISO_TIME =
  'must be an ISO 8601 time with its zone, in the years 0001 to 9999, such as 2026-01-31T18:20:43.400Z'

/** Undefined where the text names no time, or one outside of the years 0001 to 9999 in UTC. */
export function parseIsoTime(text: string): Date | undefined {
  const day = DATE_TIME.exec(text)?.[1]
  if (day === undefined || !isDay(day)) return undefined
  const date = new Date(text)
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
