/** Errors in GraphQL answers: each has `extensions.code`, and none reveals internals of the service. */
import { PothosValidationError } from '@pothos/core'
import { GraphQLError, type GraphQLFormattedError } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import type { Logger } from 'pino'
import { errorCatalogue, ServiceError } from '../errors.js'
import { toServiceError } from '../platform/service-errors.js'
import { redactVariables } from './redact-variables.js'

const BAD_USER_INPUT = 'BAD_USER_INPUT'
/** Clients with automatic persisted queries look for this code. It is the only code without a use in REST. */
export const PERSISTED_QUERY_NOT_SUPPORTED = 'PERSISTED_QUERY_NOT_SUPPORTED'
const ownCodes = new Set([...Object.keys(errorCatalogue), PERSISTED_QUERY_NOT_SUPPORTED])

/**
 * The most errors of a document in an answer, and the most characters of each: a message may repeat the client's text.
 */
const MAX_TOLD = 10
const MAX_CHARACTERS = 500

/** How much errors may reveal of the schema. */
export interface Disclosure {
  /** Whether errors suggest similar names. They must not where introspection is off. */
  suggestsNames: boolean
}

/** For Yoga's `maskedErrors`: turns an error of the execution into the client's error. */
export function createMaskError(logger: Logger, disclosure: Disclosure): (error: unknown) => Error {
  return (error) => {
    const graphQLError = error instanceof GraphQLError ? error : undefined
    const original = graphQLError?.originalError ?? (graphQLError ? undefined : error)
    // GraphQL's own errors: about the document, or about the values of its variables.
    if (original === undefined || original instanceof GraphQLError)
      return withCode(graphQLError as GraphQLError, disclosure)
    const serviceError = explain(original)
    if (serviceError.cause !== undefined)
      logger.error({ err: serviceError.cause, path: graphQLError?.path }, 'operation failed')
    return new GraphQLError(serviceError.message, {
      ...where(graphQLError),
      extensions: extensionsOf(serviceError),
    })
  }
}

const explain = (error: unknown): ServiceError =>
  error instanceof PothosValidationError
    ? new ServiceError(BAD_USER_INPUT, error.message)
    : toServiceError(error)

/** The `extensions` of an error. REST says the same by status, header and body. */
export const extensionsOf = ({ code, errors, retryAfterSeconds }: ServiceError) => ({
  code,
  ...(errors && { errors }),
  ...(retryAfterSeconds !== undefined && { retryAfterSeconds }),
})

/** Removes `http`, which describes the HTTP answer with the error, for an error that is sent in another way. */
export function withoutHttp(error: GraphQLError): GraphQLFormattedError {
  const { http: _, ...extensions } = error.extensions
  return { ...error.toJSON(), extensions }
}

/** Gives the errors of parsing and validation their code too. */
export function useErrorCodes(disclosure: Disclosure): Plugin {
  return {
    onParse:
      () =>
      ({ result, replaceParseResult }) => {
        if (result instanceof GraphQLError) replaceParseResult(withCode(result, disclosure))
      },
    onValidate:
      () =>
      ({ result, setResult }) =>
        setResult(result.slice(0, MAX_TOLD).map((error) => withCode(error as GraphQLError, disclosure))),
  }
}

/** Gives an error of GraphQL or Yoga about a request the service's own code. */
export function withCode(error: GraphQLError, { suggestsNames }: Disclosure): GraphQLError {
  const message = redactVariables(error.message)
  const { code } = error.extensions
  const isOwn = ownCodes.has(String(code))
  if (isOwn && message === error.message) return error
  const extensions = { ...error.extensions, code: isOwn ? code : BAD_USER_INPUT }
  return new GraphQLError(shortened(suggestsNames ? message : withoutSuggestion(message)), {
    ...where(error),
    extensions,
  })
}

/** graphql-js puts the suggestion at the end. */
function withoutSuggestion(message: string): string {
  const start = message.lastIndexOf(' Did you mean ')
  return start === -1 || !message.endsWith('?') ? message : message.slice(0, start)
}

const shortened = (message: string): string =>
  message.length <= MAX_CHARACTERS ? message : `${message.slice(0, MAX_CHARACTERS)}…`

/** The place of an error in the document and in the answer. */
function where(error: GraphQLError | undefined) {
  const { nodes, source, positions, path } = error ?? {}
  return {
    ...(nodes && { nodes }),
    ...(source && { source }),
    ...(positions && { positions }),
    ...(path && { path }),
  }
}
