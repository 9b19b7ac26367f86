/**
 * Regular expressions from outside, by RE2: they take time in proportion to a text, times the repeats that they count.
 * The caller charges that time to what it allows for one event.
 */
import { RE2JS } from '@bufbuild/re2'

const MAX_LENGTH = 256
const MAX_REPEATS = 64

/** Refuses a pattern. */
export class PatternError extends Error {
  override readonly name = 'PatternError'
}

/** Patterns by their text; a filter or schema names few, and many name the same. */
const compiled = new Map<string, RE2JS>()
const MAX_KEPT = 1000

/**
 * @param charge is called with the cost of each test before it; it may throw
 * @throws PatternError
 */
export function compilePattern(
  pattern: string,
  charge: (cost: number) => void,
): { test(text: string): boolean } {
  const repeats = countRepeats(pattern)
  if (pattern.length > MAX_LENGTH || repeats > MAX_REPEATS)
    throw new PatternError(
      `a pattern must have at most ${MAX_LENGTH} characters and count at most ${MAX_REPEATS} repeats`,
    )
  const expression = compiled.get(pattern) ?? compile(pattern)
  return {
    test(text) {
      charge((text.length * repeats) / 4)
      return expression.test(text)
    },
  }
}

function compile(pattern: string): RE2JS {
  if (compiled.size >= MAX_KEPT) compiled.clear()
  const expression = RE2JS.compile(pattern)
  compiled.set(pattern, expression)
  return expression
}

const countRepeats = (pattern: string): number =>
  [...pattern.matchAll(/\{(\d+)(?:,(\d*))?\}/g)].reduce(
    (product, [, least = '', most]) => product * Math.max(1, Number(most || least)),
    1,
  )
