/** How long a failed delivery waits for its next attempt. Pure: the clock and chance are passed in. */

const SECOND_MS = 1000
const MAX_RETRY_AFTER_MS = 24 * 60 * 60 * SECOND_MS
const MAX_JITTER = 0.2

export interface RetryDelayInput {
  /** The attempt that has just failed, counted from 1 in the present budget. */
  attemptInBudget: number
  baseSeconds: number
  maxSeconds: number
  /** What the receiver asked for, see `parseRetryAfter`. */
  retryAfterMs?: number | undefined
  /** From 0 to below 1. */
  random?: () => number
}

/**
 * `base × 2^(n-1)`, capped, and up to a fifth more, so that what failed together doesn't come back together.
 * A receiver can ask for a longer wait, up to 24 h, but not for a shorter one.
 */
export function retryDelayMs(input: RetryDelayInput): number {
  const { attemptInBudget, baseSeconds, maxSeconds, retryAfterMs = 0, random = Math.random } = input
  const seconds = Math.min(baseSeconds * 2 ** (attemptInBudget - 1), maxSeconds)
  const ownMs = Math.round(seconds * SECOND_MS * (1 + MAX_JITTER * random()))
  return Math.max(ownMs, Math.min(retryAfterMs, MAX_RETRY_AFTER_MS))
}

/**
 * The wait that a `Retry-After` header asks for (RFC 9110 §10.2.3), in ms and at most 24 h. `undefined` for
 * whatever isn't a header of that form, and for a date that has passed.
 */
export function parseRetryAfter(value: string | string[] | undefined, now: Date): number | undefined {
  if (typeof value !== 'string') return undefined
  const text = value.trim()
  const waitMs = /^\d+$/.test(text) ? Number(text) * SECOND_MS : parseHttpDateMs(text) - now.getTime()
  return waitMs >= 0 ? Math.min(waitMs, MAX_RETRY_AFTER_MS) : undefined
}

/** The three forms of RFC 9110 §5.6.7: the one in use, RFC 850's, and C's asctime. */
const HTTP_DATE_FORMS = [
  /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/,
  /^[A-Z][a-z]{5,8}, \d\d-[A-Z][a-z]{2}-\d\d \d\d:\d\d:\d\d GMT$/,
  /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}$/,
]

/** NaN when it isn't one. The form is checked first, because `Date.parse('-5')` is a day in May 2001. */
function parseHttpDateMs(text: string): number {
  if (!HTTP_DATE_FORMS.some((form) => form.test(text))) return Number.NaN
  // asctime names no zone and means UTC, which Date.parse would take for local time.
  return Date.parse(text.endsWith('GMT') ? text : `${text} GMT`)
}
