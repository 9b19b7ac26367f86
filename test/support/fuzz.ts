/** What the fuzz runs share: a seed that is told, values that break things elsewhere, and how long a run takes. */
import { expect } from 'vitest'
import { createRandom, type Random } from '../faults/random.js'

export interface Fuzz extends Random {
  /** A whole number from 0 to below `count`. */
  below(count: number): number
  /** A value that was never meant to be where it is put. */
  odd(): unknown
  oddText(): string
}

/** With FUZZ_SEED, the run that was; otherwise a new one. */
export const fuzzSeed = process.env.FUZZ_SEED ?? Math.random().toString(36).slice(2)

const FUZZ_MS = Number(process.env.FUZZ_SECONDS ?? 4) * 1000
/** However slow the machine: fewer would show nothing. */
const FEWEST = 200
const AT_ONCE = 8

const oddTexts = [
  ...['', ' ', '\0', 'a\0b', '\ud83d', '\udc00', '\r\nx: y', '\t', '\x7f', '\ufeff', '\u202e', '😀', 'é'],
  ...[
    'null',
    'undefined',
    'true',
    'NaN',
    '-1',
    '1e400',
    '0x10',
    '__proto__',
    'constructor',
    'toString',
    'then',
  ],
  ...["'; drop table events; --", '" or ""="', '#{7*7}', '{{7*7}}', '%s%n%x', '%00', '../../etc/passwd'],
  ...[
    'http://',
    'http://127.0.0.1:9/a',
    'http://[::1',
    'http://127.0.0.1:99999',
    'javascript:alert(1)',
    '//a',
  ],
  ...['2026-02-30T00:00:00Z', '0000-01-01T00:00:00Z', '2026-01-31', '00000000-0000-0000-0000-000000000000'],
  ...['whsec_', 'whsec_!', '*', 'a'.repeat(256), 'a'.repeat(5000), '[', '{"a":', '\\', '\\u0000'],
]

const oddValues = [
  ...[null, true, false, 0, -0, 1, -1, 1.5, 201, 2 ** 31, -(2 ** 31) - 1, 2 ** 53 + 2, 1e308, 5e-324],
  ...[[], [[]], [null], {}, { a: {} }, { toJSON: 1 }, { length: 1 }, Array(300).fill('a')],
  ...[
    JSON.parse('{"then":{},"__proto__":{"polluted":1}}'),
    JSON.parse(`${'['.repeat(200)}${']'.repeat(200)}`),
  ],
]

export function createFuzz(): Fuzz {
  process.stdout.write(`FUZZ_SEED=${fuzzSeed}\n`)
  const random = createRandom(fuzzSeed)
  const oddText = () => random.pick(oddTexts) + (random.isOneIn(4) ? random.pick(oddTexts) : '')
  return {
    ...random,
    below: (count) => Math.floor(random.next() * count),
    odd: () => (random.isOneIn(2) ? oddText() : random.pick(oddValues)),
    oddText,
  }
}

/** Some members of an object or list, or the whole, replaced, left out or added. */
export function mutate(fuzz: Fuzz, value: unknown): unknown {
  if (fuzz.isOneIn(8) || typeof value !== 'object' || value === null) return fuzz.odd()
  if (Array.isArray(value)) return [...value, fuzz.odd()].slice(fuzz.below(2))
  const entries = Object.entries(value)
  const at = fuzz.below(entries.length + 1)
  const [name, member] = entries[at] ?? [fuzz.oddText(), undefined]
  if (fuzz.isOneIn(4)) return Object.fromEntries(entries.filter((_, index) => index !== at))
  return Object.fromEntries([...entries, [name, fuzz.isOneIn(3) ? mutate(fuzz, member) : fuzz.odd()]])
}

/** Tries one request after another, a few at a time, until the time is over; returns how many. */
export async function fuzzFor(tryOne: () => () => Promise<void>): Promise<number> {
  const endsAt = performance.now() + FUZZ_MS
  let count = 0
  while (count < FEWEST || performance.now() < endsAt) {
    // All are made up before one is sent, so that a seed means the same requests in the same order.
    const tries = Array.from({ length: AT_ONCE }, tryOne)
    await Promise.all(tries.map((run) => run()))
    count += tries.length
  }
  return count
}

/** Far more than any answer takes, and far less than a hang. */
const SLOWEST_MS = 5000

/** The answer to one request. @param what is told when it is not what it must be */
export async function timed(what: unknown, ask: () => Promise<Response>) {
  const startedAt = performance.now()
  const response = await ask()
  const text = await response.text()
  const tookMs = performance.now() - startedAt
  const sent = () => `FUZZ_SEED=${fuzzSeed} ${JSON.stringify(what).slice(0, 5000)}\n${text.slice(0, 1000)}`
  expect(tookMs, sent()).toBeLessThan(SLOWEST_MS)
  expect(response.status, sent()).toBeLessThan(500)
  expect({}, sent()).not.toHaveProperty('polluted')
  return { status: response.status, headers: response.headers, text, sent }
}

/** What only the service's inside would say. */
export const leak =
  /\bat \S+:\d+|node_modules|\.[jt]s:\d|prisma|postgres|\bselect |insert into|syntax error at/i
