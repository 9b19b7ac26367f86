/**
 * Holds each operation to the limits. Each is checked before anything runs, and says what it is.
 *
 * Depth is that of the selection; complexity counts fields, those below a connection as often as a page may
 * have rows, and the items of lists in arguments; breadth counts the fields as they are written, aliases included.
 */
import { complexityFromQuery } from '@pothos/plugin-complexity'
import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  getVariableValues,
  Kind,
  type OperationDefinitionNode,
  parse,
} from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { ServiceError } from '../errors.js'
import { type Disclosure, withCode } from './error-extensions.js'
import { limits } from './limits.js'
import { problemOfVariables } from './variables.js'

/** Of the errors in variables an answer tells so many. */
const TOLD_ERRORS = 3

interface Operation {
  document: DocumentNode
  schema: GraphQLSchema
  operationName?: string | null | undefined
  variableValues?: Record<string, unknown> | null | undefined
  contextValue: unknown
}

export function useLimits(disclosure: Disclosure): Plugin {
  function check(args: Operation): readonly GraphQLError[] {
    const { document, schema, operationName, variableValues, contextValue } = args
    const operation = getOperationAST(document, operationName)
    // Execution says what is wrong with the name of the operation.
    if (operation == null) return []
    const variables = variableValues ?? {}
    const problem = problemOfVariables(schema, operation, variables)
    if (problem !== undefined) return [refusal(problem)]
    const { errors } = getVariableValues(schema, operation.variableDefinitions ?? [], variables, {
      maxErrors: TOLD_ERRORS,
    })
    if (errors !== undefined) return errors.slice(0, TOLD_ERRORS).map((error) => withCode(error, disclosure))
    const measured = complexityFromQuery(only(operation, document), {
      schema,
      ctx: contextValue as object,
      variables,
    })
    for (const kind of ['depth', 'breadth', 'complexity'] as const) {
      if (measured[kind] > limits[kind]) return [tooMuch(`a ${kind} of ${measured[kind]}`, `${limits[kind]}`)]
    }
    return []
  }

  function checkSafely(operation: Operation): readonly GraphQLError[] {
    try {
      return check(operation)
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error
      return [refusal(error.message)]
    }
  }

  const guard = (operation: Operation, refuse: (result: { errors: readonly GraphQLError[] }) => void) => {
    const errors = checkSafely(operation)
    if (errors.length > 0) refuse({ errors })
  }
  return {
    onParse({ setParseFn }) {
      setParseFn((source, options) => parse(source, { ...options, maxTokens: limits.tokens }))
    },
    onExecute: ({ args, setResultAndStopExecution }) => guard(args, setResultAndStopExecution),
    onSubscribe: ({ args, setResultAndStopExecution }) => guard(args, setResultAndStopExecution),
  }
}

/** The document without its other operations: of several, Pothos would measure the first. */
const only = (operation: OperationDefinitionNode, document: DocumentNode): DocumentNode => ({
  ...document,
  definitions: document.definitions.filter(
    (definition) => definition === operation || definition.kind === Kind.FRAGMENT_DEFINITION,
  ),
})

const tooMuch = (asked: string, limit: string) =>
  refusal(`The operation has ${asked}; at most ${limit} is allowed. Ask for less at a time.`)

/** The error of an operation that is not run. */
export const refusal = (message: string) =>
  new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT', http: { status: 400 } } })
