import type { z } from 'zod'
import { badInput, type InputError } from '../errors.js'

/** What a schema makes of an input. @throws ServiceError BAD_USER_INPUT */
export function parseInput<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  // The messages tell what is missing from what is of the wrong type by the input.
  const { data, error } = schema.safeParse(input, { reportInput: true })
  if (error) throw badInput(inputErrors(error.issues))
  return data as z.output<Schema>
}

/**
 * What a schema found wrong, in the service's own words: one entry for each thing to mend.
 *
 * @param member what the members of the input are called
 */
export function inputErrors(
  issues: readonly z.core.$ZodIssue[],
  member: 'field' | 'parameter' = 'field',
): InputError[] {
  return issues.flatMap((issue) => {
    const path = issue.path.join('.')
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        path: [...issue.path, key].join('.'),
        message: `is not a known ${member}`,
      }))
    }
    if (issue.code === 'invalid_type') return [{ path, message: wrongType(issue) }]
    return [{ path, message: issue.message.replace(/^Invalid input: /, '') }]
  })
}

function wrongType({ expected, input }: z.core.$ZodIssueInvalidType): string {
  const article = /^[aeio]/.test(expected) ? 'an' : 'a'
  return input === undefined
    ? `is required and must be ${article} ${expected}`
    : `must be ${article} ${expected}`
}
