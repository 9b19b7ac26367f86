/** Sends errors as `application/problem+json` (RFC 9457), without any internals of the service. */
import type { FastifyError, FastifyReply } from 'fastify'
import { z } from 'zod'
import { badInput, type ErrorCode, errorCatalogue, ServiceError } from '../errors.js'
import { MAX_BATCH_BYTES } from '../events/publication.js'
import { isDatabaseAway } from '../platform/postgres/database-errors.js'
import { toServiceError } from '../platform/service-errors.js'
import { UNDECODABLE_BODY } from './content-encoding.js'

export const problemBody = z
  .object({
    type: z.string().meta({
      description: 'Identifies the kind of problem.',
      format: 'uri-reference',
      examples: ['urn:node-event-service:bad-user-input'],
    }),
    title: z.string().meta({ examples: ['Invalid input'] }),
    status: z.int().meta({ examples: [400] }),
    detail: z.string().meta({ examples: ['`data`: must be an object'] }),
    errors: z
      .array(
        z.object({
          path: z.string().meta({
            description: 'Dotted (`eventTypes.0`); empty for the whole.',
            examples: ['data'],
          }),
          message: z.string().meta({ examples: ['must be an object'] }),
        }),
      )
      .optional()
      .meta({ description: 'What is wrong with the input, when that is the problem: the first 10 faults.' }),
  })
  .meta({ id: 'Problem', description: 'What went wrong (RFC 9457).' })

export const PROBLEM_TYPE = 'application/problem+json'

/** The body of an answer that tells of an error. */
export function toProblem({ code, message, errors }: ServiceError): z.output<typeof problemBody> {
  const { status, title } = errorCatalogue[code]
  return { type: problemType(code), title, status, detail: message, ...(errors !== undefined && { errors }) }
}

export function sendProblem(reply: FastifyReply, error: ServiceError): FastifyReply {
  const problem = toProblem(error)
  if (error.retryAfterSeconds !== undefined) reply.header('retry-after', String(error.retryAfterSeconds))
  return reply
    .code(problem.status)
    .type(PROBLEM_TYPE)
    .serializer((body: object) => JSON.stringify(body))
    .send(problem)
}

const problemType = (code: ErrorCode): string =>
  `urn:node-event-service:${code.toLowerCase().replaceAll('_', '-')}`

/** Converts any error of a route or of the framework to an error for the client. */
export const toHttpError = (error: unknown): ServiceError =>
  fromFramework(error as FastifyError) ?? toServiceError(error)

/** Converts the errors Fastify itself throws before it calls a route. */
function fromFramework(error: FastifyError): ServiceError | undefined {
  if (error instanceof ServiceError || isDatabaseAway(error)) return undefined
  switch (error.code) {
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
    case 'FST_ERR_CTP_EMPTY_TYPE':
      return new ServiceError('UNSUPPORTED_MEDIA_TYPE', 'Send the body as `content-type: application/json`.')
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return new ServiceError(
        'PAYLOAD_TOO_LARGE',
        `The body is larger than is taken: EVENT_MAX_BYTES, and ${MAX_BATCH_BYTES / 1024 / 1024} MiB for many events.`,
      )
    case UNDECODABLE_BODY:
      return badInput([{ path: '', message: 'The body is not in the encoding that content-encoding names.' }])
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return new ServiceError('NOT_FOUND', 'There is nothing with an id as long as this.')
    case 'FST_ERR_BAD_URL':
      return badInput([{ path: '', message: 'The path of the URL is not valid percent-encoding.' }])
  }
  if (error.statusCode === undefined || error.statusCode >= 500) return undefined
  return badInput([{ path: '', message: error.message }])
}
