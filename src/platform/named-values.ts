import { z } from 'zod'

/**
 * The schema of values by names that somebody else chose. `z.record` alone would leave a value out without a word
 * whose name is `__proto__`.
 */
export const namedValues = <Name extends z.ZodString, Value extends z.ZodType>(name: Name, value: Value) =>
  z.preprocess(
    (given, context) => {
      if (typeof given === 'object' && given !== null && Object.hasOwn(given, '__proto__'))
        context.addIssue({ code: 'custom', path: ['__proto__'], message: 'is a name that can not be used' })
      return given
    },
    z.record(name, value),
  )
