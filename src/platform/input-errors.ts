import type { z } from 'zod'
import type { InputError } from '../errors.js'

/** What a schema found wrong, in the service's own words: one entry for each thing to mend. */
export function inputErrors(issues: readonly z.core.$ZodIssue[]): InputError[] {
  return issues.flatMap((issue) => {
    const path = issue.path.join('.')
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((key) => ({
        path: [...issue.path, key].join('.'),
        message: 'is not a known field',
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
