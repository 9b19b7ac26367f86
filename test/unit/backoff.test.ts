import { describe, expect, test } from 'vitest'
import { parseRetryAfter, retryDelayMs } from '../../src/delivery-engine/attempt/backoff.js'

const DAY_MS = 86_400_000
const leastJitter = () => 0
const mostJitter = () => 1 - Number.EPSILON

describe('retryDelayMs', () => {
  const settings = { baseSeconds: 5, maxSeconds: 3600, random: leastJitter }

  test.each([
    [1, 5],
    [2, 10],
    [3, 20],
    [10, 2560],
    [11, 3600],
    [1000, 3600],
  ])('attempt %i waits %i seconds', (attemptInBudget, seconds) => {
    expect(retryDelayMs({ ...settings, attemptInBudget })).toBe(seconds * 1000)
  })

  test.each([
    [1, 6000],
    [11, 4_320_000],
  ])('attempt %i waits at most a fifth more', (attemptInBudget, ms) => {
    expect(retryDelayMs({ ...settings, attemptInBudget, random: mostJitter })).toBe(ms)
  })

  test('takes fractions of a second and gives whole milliseconds', () => {
    const input = { attemptInBudget: 2, baseSeconds: 0.0625, maxSeconds: 0.1, random: () => 0.123 }
    expect(retryDelayMs(input)).toBe(102)
    expect(retryDelayMs({ ...input, baseSeconds: 0 })).toBe(0)
  })

  test('is random by itself, within its bounds', () => {
    const { random: _, ...rest } = settings
    const delays = Array.from({ length: 100 }, () => retryDelayMs({ ...rest, attemptInBudget: 1 }))
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(5000)
    expect(Math.max(...delays)).toBeLessThanOrEqual(6000)
    expect(new Set(delays).size).toBeGreaterThan(1)
  })

  test.each([
    ['lengthens', 60_000, 60_000],
    ['never shortens', 1, 5000],
    ['never lengthens past a day', 10 * DAY_MS, DAY_MS],
    ['may be absent', undefined, 5000],
  ])('Retry-After %s', (_, retryAfterMs, expected) => {
    expect(retryDelayMs({ ...settings, attemptInBudget: 1, retryAfterMs })).toBe(expected)
  })

  test('a scheduled wait has no jitter and no cap, and Retry-After lengthens it', () => {
    const scheduled = { ...settings, random: mostJitter, attemptInBudget: 3, scheduledSeconds: 7200.5 }
    expect(retryDelayMs(scheduled)).toBe(7_200_500)
    expect(retryDelayMs({ ...scheduled, scheduledSeconds: 0 })).toBe(0)
    expect(retryDelayMs({ ...scheduled, retryAfterMs: 8_000_000 })).toBe(8_000_000)
  })

  test('Retry-After does not shorten an own wait of more than a day', () => {
    const slow = { attemptInBudget: 1, baseSeconds: 200_000, maxSeconds: 200_000, random: leastJitter }
    expect(retryDelayMs({ ...slow, retryAfterMs: 60_000 })).toBe(200_000_000)
  })
})

describe('parseRetryAfter', () => {
  const now = new Date('2026-11-06T08:49:37.000Z')

  test.each([
    ['0', 0],
    ['120', 120_000],
    [' 120 ', 120_000],
    ['007', 7000],
    ['86400', DAY_MS],
    ['86401', DAY_MS],
    ['9'.repeat(400), DAY_MS],
    // RFC 9110 §5.6.7: the form in use and the two obsolete ones.
    ['Fri, 06 Nov 2026 08:50:37 GMT', 60_000],
    ['Friday, 06-Nov-26 08:50:37 GMT', 60_000],
    ['Fri Nov  6 08:50:37 2026', 60_000],
    ['Fri, 06 Nov 2026 08:49:37 GMT', 0],
    ['Thu, 31 Dec 9999 23:59:59 GMT', DAY_MS],
  ])('%j is a wait of %i ms', (value, expected) => {
    expect(parseRetryAfter(value, now)).toBe(expected)
  })

  test.each([
    [undefined],
    [''],
    ['   '],
    ['-1'],
    ['-0'],
    ['+5'],
    ['1.5'],
    ['1e3'],
    ['1e309'],
    ['0x10'],
    ['1_000'],
    ['１２'],
    ['NaN'],
    ['Infinity'],
    ['null'],
    ['5 apples'],
    ['apples 5'],
    ['5 seconds'],
    ['120, 120'],
    ['120\n120'],
    ['tomorrow'],
    ['2027'.padEnd(5, '-')],
    ['2026-11-06T08:50:37Z'],
    ['Fri, 06 Nov 2026 08:50:37 PST'],
    ['Fri, 06 Nov 2026 08:50:37'],
    ['Fri, 99 Nov 2026 08:50:37 GMT'],
    ['Fri, 06 Xyz 2026 08:50:37 GMT'],
    ['Fri, 06 Nov 2026 08:49:36 GMT'],
    ['Sun, 06 Nov 1994 08:49:37 GMT'],
    [['120']],
    [['120', '240']],
    [[]],
  ])('%j is none', (value) => {
    expect(parseRetryAfter(value, now)).toBeUndefined()
  })
})
