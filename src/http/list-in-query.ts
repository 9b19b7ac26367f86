import { z } from 'zod'

const splitAtCommas = (given: unknown) =>
  typeof given === 'string' ? given.split(',') : Array.isArray(given) ? given.join().split(',') : given

/** A query parameter with some of these values: `A,B`, or given several times. */
export const listInQuery = <const Values extends readonly [string, ...string[]]>(values: Values) =>
  z.preprocess(
    splitAtCommas,
    z.array(z.enum(values, { error: `must be one of ${values.join(', ')}` })).max(values.length),
  )
