/**
 * The answer of a mutation holds expected failures as a list of typed errors beside the result. Any other failure is
 * thrown, and reported by a code of `errors.ts`.
 */
import { type InputError, ServiceError } from '../errors.js'
import { builder } from './builder.js'

const InputProblem = builder.objectRef<InputError>('InputProblem').implement({
  description: 'One thing to mend in an input.',
  fields: (t) => ({
    path: t.exposeString('path', {
      description: 'Dotted, such as `eventTypes.0`; empty for the whole input.',
    }),
    message: t.exposeString('message', { description: 'What is wrong with it.' }),
  }),
})

const expectedCodes = ['BAD_USER_INPUT', 'NOT_FOUND', 'CONFLICT', 'IDEMPOTENCY_MISMATCH'] as const
type ExpectedCode = (typeof expectedCodes)[number]

const ErrorCodeEnum = builder.enumType('ErrorCode', {
  description: 'The codes of the errors that a mutation can answer with.',
  values: {
    BAD_USER_INPUT: { description: 'Something in the input must be mended.' },
    NOT_FOUND: { description: 'Nothing has this id.' },
    CONFLICT: { description: 'The present state does not allow it.' },
    IDEMPOTENCY_MISMATCH: { description: 'The idempotency key was used before with other content.' },
  } satisfies Record<ExpectedCode, object>,
})

/** Not an `Error`: GraphQL would take an `Error` in an answer for a thrown one. */
interface ExpectedFailure {
  code: ExpectedCode
  message: string
  problems: InputError[]
}

const UserError = builder.interfaceRef<ExpectedFailure>('UserError').implement({
  description: 'An expected failure of a mutation, which then has changed nothing.',
  fields: (t) => ({
    code: t.expose('code', { type: ErrorCodeEnum, description: 'What kind of failure it is, for programs.' }),
    message: t.exposeString('message', {
      description: 'A sentence for people: what is wrong and what to do.',
    }),
  }),
  resolveType: ({ code }) => typeNames[code],
})

/** Such a list is short, so the fields below it count once. */
const few = { field: 1, multiplier: 1 }

/** The field `errors` of every payload. */
export const userErrors = {
  type: [UserError] as [typeof UserError],
  complexity: few,
  description: 'Why nothing was changed; empty when all went well.',
}

const typeNames: Record<ExpectedCode, string> = {
  BAD_USER_INPUT: 'InvalidInputError',
  NOT_FOUND: 'NotFoundError',
  CONFLICT: 'ConflictError',
  IDEMPOTENCY_MISMATCH: 'IdempotencyMismatchError',
}

builder.objectType(builder.objectRef<ExpectedFailure>('InvalidInputError'), {
  description: 'The input can not be taken as it is.',
  interfaces: [UserError],
  fields: (t) => ({
    problems: t.expose('problems', {
      type: [InputProblem],
      complexity: few,
      description: 'All there is to mend.',
    }),
  }),
})
builder.objectType(builder.objectRef<ExpectedFailure>('NotFoundError'), {
  description: 'Nothing has the id that was given.',
  interfaces: [UserError],
})
builder.objectType(builder.objectRef<ExpectedFailure>('ConflictError'), {
  description:
    'The present state does not allow it: an equal subscription exists, a delivery does not wait, …',
  interfaces: [UserError],
})
builder.objectType(builder.objectRef<ExpectedFailure>('IdempotencyMismatchError'), {
  description: 'The idempotency key was used before with other content.',
  interfaces: [UserError],
})

export type Outcome<Result> = { result: Result | null; errors: ExpectedFailure[] }

/** Runs a use case. An expected error becomes part of the outcome; any other error is thrown. */
export async function outcomeOf<Result>(useCase: () => Promise<Result>): Promise<Outcome<Result>> {
  try {
    return { result: await useCase(), errors: [] }
  } catch (error) {
    if (!(error instanceof ServiceError) || !isExpected(error.code)) throw error
    return {
      result: null,
      errors: [{ code: error.code, message: error.message, problems: error.errors ?? [] }],
    }
  }
}

const isExpected = (code: string): code is ExpectedCode => (expectedCodes as readonly string[]).includes(code)
