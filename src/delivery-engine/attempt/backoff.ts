/** How long a failed delivery waits for its next attempt. */

const SECOND_MS = 1000
const MAX_RETRY_AFTER_MS = 24 * 60 * 60 * SECOND_MS
const MAX_JITTER = 0.2

export interface RetryDelayInput {
  /** The number of the failed attempt in the current budget, from 1. */
  attemptInBudget: number
  baseSeconds: number
  maxSeconds: number
  /** A wait that is used as it is, in the place of the backoff. */
  scheduledSeconds?: number | undefined
  /** The wait of the `Retry-After` header, see `parseRetryAfter`. */
  retryAfterMs?: number | undefined
  /** From 0 to below 1. */
  random?: () => number
}

/**
 * `base × 2^(n-1)`, capped, plus up to 20 % at random, so that deliveries that failed together are not retried
 * together; or exactly the scheduled wait. An endpoint can ask for a longer wait, up to 24 h, but not for a shorter
 * one.
 */
export function retryDelayMs(input: RetryDelayInput): number {
  const { attemptInBudget, baseSeconds, maxSeconds, retryAfterMs = 0, random = Math.random } = input
  const seconds = Math.min(baseSeconds * 2 ** (attemptInBudget - 1), maxSeconds)
  const waitSeconds = input.scheduledSeconds ?? seconds * (1 + MAX_JITTER * random())
  const ownMs = Math.round(waitSeconds * SECOND_MS)
  return Math.max(ownMs, Math.min(retryAfterMs, MAX_RETRY_AFTER_MS))
}

/**
 * The wait that a `Retry-After` header asks for (RFC 9110 §10.2.3), in ms and at most 24 h. `undefined` for a
 * malformed header and for a date that has passed.
 */
export function parseRetryAfter(value: string | string[] | undefined, now: Date): number | undefined {
  if (typeof value !== 'string') return undefined
  const text = value.trim()
  const waitMs = /^\d+$/.test(text) ? Number(text) * SECOND_MS : parseHttpDateMs(text) - now.getTime()
  return waitMs >= 0 ? Math.min(waitMs, MAX_RETRY_AFTER_MS) : undefined
}

/** The three date formats of RFC 9110 §5.6.7: IMF-fixdate, RFC 850 and asctime. */
const HTTP_DATE_FORMS = [
  /^[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/,
  /^[A-Z][a-z]{5,8}, \d\d-[A-Z][a-z]{2}-\d\d \d\d:\d\d:\d\d GMT$/,
  /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}$/,
]

/** NaN for a text that is no HTTP date. The format is checked first, because `Date.parse('-5')` is a day in 2001. */
function parseHttpDateMs(text: string): number {
  if (!HTTP_DATE_FORMS.some((form) => form.test(text))) return Number.NaN
  // asctime has no time zone and means UTC, but Date.parse would read it as local time.
  return Date.parse(text.endsWith('GMT') ? text : `${text} GMT`)
}
