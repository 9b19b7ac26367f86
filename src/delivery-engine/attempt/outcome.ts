/** Decides what an attempt makes of its delivery: SENT, FAILED with a wait, or DEAD. */
import type { DeliveryStatus } from '../../generated/prisma/enums.js'
import type { RetryPolicy } from '../../model/delivery-policy.js'
import { parseRetryAfter, retryDelayMs } from './backoff.js'
import type { Exchange } from './sender.js'

export interface AttemptOutcome {
  status: Exclude<DeliveryStatus, 'PENDING'>
  /** For the delivery log and `lastError`; null when SENT. */
  error: string | null
  /** Wait until the next attempt; null unless FAILED. */
  delayMs: number | null
  /**
   * Whether the endpoint said that it is gone for good. That disables its subscription, unless it was changed
   * since.
   */
  isGone: boolean
}

const GONE = 410
/** Statuses with which `Retry-After` counts. */
const statusesWithRetryAfter = new Set([429, 502, 503, 504])

/**
 * @param attemptInBudget counts from 1, and again from 1 after each manual retry.
 * @param now when the exchange ended.
 */
export function decideOutcome(
  exchange: Pick<Exchange, 'statusCode' | 'error' | 'retryAfter'>,
  attemptInBudget: number,
  policy: RetryPolicy,
  now: Date,
): AttemptOutcome {
  const { statusCode } = exchange
  if (statusCode !== null && statusCode >= 200 && statusCode < 300) {
    return { status: 'SENT', error: null, delayMs: null, isGone: false }
  }
  const error = exchange.error ?? describeStatus(statusCode)
  const isGone = statusCode === GONE
  if (isGone || attemptInBudget >= policy.maxAttempts) return { status: 'DEAD', error, delayMs: null, isGone }

  const heeded = statusCode !== null && statusesWithRetryAfter.has(statusCode)
  const delayMs = retryDelayMs({
    attemptInBudget,
    baseSeconds: policy.backoffBaseSeconds,
    maxSeconds: policy.backoffMaxSeconds,
    scheduledSeconds: policy.scheduleSeconds?.[attemptInBudget - 1],
    retryAfterMs: heeded ? parseRetryAfter(exchange.retryAfter, now) : undefined,
  })
  return { status: 'FAILED', error, delayMs, isGone: false }
}

function describeStatus(statusCode: number | null): string {
  // Whether the subscription was disabled is not known here: it may have been changed since.
  if (statusCode === GONE) return 'answered 410: the endpoint is gone for good'
  if (statusCode !== null && statusCode >= 300 && statusCode < 400) {
    return `answered ${statusCode}: redirects are not followed`
  }
  return `answered ${statusCode}`
}
