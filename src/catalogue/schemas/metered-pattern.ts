import { compilePattern } from '../../platform/linear-pattern.js'
import { charge } from './allowance.js'

/** A step of RE2 takes as long as so many steps of a check. */
const STEPS = 16

/** For `pattern`: its tests are charged. @throws Error that says what is wrong with it */
export const compileMeteredPattern = (pattern: string) => {
  const { test } = compilePattern(pattern, (cost) => charge(cost * STEPS))
  // The validator tells patterns apart by their texts.
  return { test, toString: () => pattern }
}
