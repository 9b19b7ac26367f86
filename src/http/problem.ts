/** Errors as `application/problem+json` (RFC 9457). Nothing of the service's inside is told. */
import type { FastifyError, FastifyReply } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { badInput, type ErrorCode, errorCatalogue, ServiceError } from '../errors.js'
import { isDatabaseAway } from '../platform/database-errors.js'
import { inputErrors } from '../platform/input-errors.js'

/** The shape of every error's body. */
export const problemBody = z
  .object({
    type: z.string().meta({ description: 'Identifies the kind of problem.', format: 'uri-reference' }),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457' })

const DATABASE_RETRY_AFTER_SECONDS = 5

export function sendProblem(reply: FastifyReply, error: ServiceError): FastifyReply {
  const { status, title } = errorCatalogue[error.code]
  if (error.retryAfterSeconds !== undefined) reply.header('retry-after', String(error.retryAfterSeconds))
  const errors = error.errors === undefined ? {} : { errors: error.errors }
  return reply
    .code(status)
    .type('application/problem+json')
    .serializer((body: object) => JSON.stringify(body))
    .send({ type: problemType(error.code), title, status, detail: error.message, ...errors })
}

const problemType = (code: ErrorCode): string =>
  `urn:node-event-service:${code.toLowerCase().replaceAll('_', '-')}`

/** What the user is told of any error that a route or the framework throws. */
export function toServiceError(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error
  if (hasZodFastifySchemaValidationErrors(error)) {
    return badInput(inputErrors(error.validation.map(({ params }) => params.issue as z.core.$ZodIssue)))
  }
  if (isDatabaseAway(error)) {
    return new ServiceError('SERVICE_UNAVAILABLE', 'The database is away for the moment. Try again.', {
      retryAfterSeconds: DATABASE_RETRY_AFTER_SECONDS,
      cause: error,
    })
  }
  return (
    fromFramework(error as FastifyError) ??
    new ServiceError(
      'INTERNAL_SERVER_ERROR',
      'Something went wrong here. It was logged; trying again may help.',
      { cause: error },
    )
  )
}

/** The errors that Fastify itself throws, before a route is reached. */
function fromFramework(error: FastifyError): ServiceError | undefined {
  switch (error.code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
    case 'FST_ERR_CTP_EMPTY_TYPE':
      return new ServiceError('UNSUPPORTED_MEDIA_TYPE', 'Send the body as `content-type: application/json`.')
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new ServiceError(
        'PAYLOAD_TOO_LARGE',
        'The body is larger than this service takes (EVENT_MAX_BYTES).',
      )
  }
  if (error.statusCode === undefined || error.statusCode >= 500) return undefined
  return new ServiceError('BAD_USER_INPUT', error.message)
}
