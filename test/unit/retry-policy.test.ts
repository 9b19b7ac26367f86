import { expect, test } from 'vitest'
import { decideOutcome } from '../../src/delivery-engine/attempt/outcome.js'
import { type OwnRetryPolicy, retryPolicyOf } from '../../src/model/delivery-policy.js'

const settings = { maxAttempts: 10, backoffBaseSeconds: 5, backoffMaxSeconds: 3600 }
const failure = { statusCode: 500, error: null, retryAfter: undefined, responseTimeMs: 1 }

/** What each attempt of a budget makes of its delivery, as long as the endpoint fails. */
function outcomesOf(own: OwnRetryPolicy | null, attempts: number) {
  const policy = retryPolicyOf(own, settings)
  return Array.from({ length: attempts }, (_, place) => decideOutcome(failure, place + 1, policy, new Date()))
}

test('without one of its own a subscription has that of the settings', () => {
  expect(retryPolicyOf(null, settings)).toBe(settings)
})

test('the settings stand for what a backoff leaves out', () => {
  expect(retryPolicyOf({ maxAttempts: 3 }, settings)).toEqual({ ...settings, maxAttempts: 3 })
  expect(retryPolicyOf({ backoffBaseSeconds: 1 }, settings)).toEqual({ ...settings, backoffBaseSeconds: 1 })
})

test('n waits are n + 1 attempts', () => {
  expect(outcomesOf({ scheduleSeconds: [1, 60, 3.5] }, 4).map(({ delayMs }) => delayMs)).toEqual([
    1000,
    60_000,
    3500,
    null,
  ])
  expect(outcomesOf({ scheduleSeconds: [] }, 1)).toMatchObject([{ status: 'DEAD' }])
})

test('a schedule that became shorter ends a budget that is past it', () => {
  expect(outcomesOf({ scheduleSeconds: [1] }, 5).map(({ status }) => status)).toEqual([
    ...['FAILED', 'DEAD', 'DEAD', 'DEAD', 'DEAD'],
  ])
})
