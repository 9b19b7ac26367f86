/**
 * Holds each operation to the limits. All checks come before anything runs, and each error names its limit.
 *
 * Depth is the depth of the selection. Complexity counts fields, and the items of lists in arguments; a field below a
 * connection counts once for each row a page may have. Breadth counts the fields in the document, aliases included.
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
import { type Disclosure, extensionsOf, withCode } from './error-extensions.js'
import { limits } from './limits.js'
import { problemOfVariables } from './variables.js'

/** The most errors in variables an answer reports. */
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
    // Execution reports a wrong name of the operation.
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
      return [
        new GraphQLError(error.message, { extensions: { ...extensionsOf(error), http: { status: 400 } } }),
      ]
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

/** The document with this operation only: of several operations, Pothos would measure the first. */
const only = (operation: OperationDefinitionNode, document: DocumentNode): DocumentNode => ({
  ...document,
  definitions: document.definitions.filter(
    (definition) => definition === operation || definition.kind === Kind.FRAGMENT_DEFINITION,
  ),
})

const tooMuch = (asked: string, limit: string) =>
  refusal(`The operation has ${asked}; at most ${limit} is allowed. Ask for less at a time.`)

/** The error of a refused operation: it does not run. */
export const refusal = (message: string) =>
  new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT', http: { status: 400 } } })
