/**
 * What a single request may ask for. Each limit is checked before anything runs, and says what it is.
 *
 * Depth is that of the selection; complexity counts fields, those below a connection as often as a page may
 * have rows; breadth counts the fields as they are written, aliases included.
 */
import { complexityFromQuery } from '@pothos/plugin-complexity'
import { type DocumentNode, GraphQLError, type GraphQLSchema, parse } from 'graphql'
import type { Plugin } from 'graphql-yoga'

export const limits = { depth: 12, breadth: 250, complexity: 150_000, tokens: 5_000, batchedOperations: 10 }

interface Operation {
  document: DocumentNode
  schema: GraphQLSchema
  variableValues?: Record<string, unknown> | null | undefined
  contextValue: unknown
}

export function useLimits(): Plugin {
  function check({ document, schema, variableValues, contextValue }: Operation): GraphQLError | undefined {
    const measured = complexityFromQuery(document, {
      schema,
      ctx: contextValue as object,
      ...(variableValues && { variables: variableValues }),
    })
    for (const kind of ['depth', 'breadth', 'complexity'] as const) {
      if (measured[kind] > limits[kind]) return tooMuch(`a ${kind} of ${measured[kind]}`, `${limits[kind]}`)
    }
    return undefined
  }

  const guard = (operation: Operation, refuse: (result: { errors: GraphQLError[] }) => void) => {
    const error = check(operation)
    if (error !== undefined) refuse({ errors: [error] })
  }
  return {
    onParse({ setParseFn }) {
      setParseFn((source, options) => parse(source, { ...options, maxTokens: limits.tokens }))
    },
    onExecute: ({ args, setResultAndStopExecution }) => guard(args, setResultAndStopExecution),
    onSubscribe: ({ args, setResultAndStopExecution }) => guard(args, setResultAndStopExecution),
  }
}

const tooMuch = (asked: string, limit: string) =>
  new GraphQLError(`The operation has ${asked}; at most ${limit} is allowed. Ask for less at a time.`, {
    extensions: { code: 'BAD_USER_INPUT', http: { status: 400 } },
  })
