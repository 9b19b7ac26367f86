/**
 * Every error a user can meet, in one catalogue: its code (GraphQL's `extensions.code`), its HTTP status and
 * its title (RFC 9457 §3.1). Code throws `ServiceError` with one of these codes; each face translates it.
 */
export const errorCatalogue = {
  UNAUTHENTICATED: { status: 401, title: 'Missing or wrong API key' },
  FORBIDDEN: { status: 403, title: 'Not allowed with this API key' },
  BAD_USER_INPUT: { status: 400, title: 'Invalid input' },
  NOT_FOUND: { status: 404, title: 'Not found' },
  METHOD_NOT_ALLOWED: { status: 405, title: 'Method not allowed' },
  CONFLICT: { status: 409, title: 'Conflict with the present state' },
  PAYLOAD_TOO_LARGE: { status: 413, title: 'Body too large' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, title: 'Unsupported content type' },
  IDEMPOTENCY_MISMATCH: { status: 422, title: 'Idempotency key used with other content' },
  TOO_MANY_REQUESTS: { status: 429, title: 'Too many requests' },
  INTERNAL_SERVER_ERROR: { status: 500, title: 'Internal error' },
  SERVICE_UNAVAILABLE: { status: 503, title: 'Service unavailable' },
} as const

export type ErrorCode = keyof typeof errorCatalogue

/** One thing that is wrong with an input: `path` is dotted (`data.userId`, `eventTypes.0`), empty for the whole. */
export interface InputError {
  path: string
  message: string
}

export class ServiceError extends Error {
  override readonly name = 'ServiceError'
  readonly code: ErrorCode
  readonly errors: InputError[] | undefined
  /** Seconds after which trying again makes sense; sent as `Retry-After`. */
  readonly retryAfterSeconds: number | undefined

  constructor(
    code: ErrorCode,
    message: string,
    options: { errors?: InputError[]; retryAfterSeconds?: number; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.code = code
    this.errors = options.errors
    this.retryAfterSeconds = options.retryAfterSeconds
  }
}

/** What one answer tells of a wrong input, so that it stays small however wrong the input is. */
const MAX_ERRORS = 10
const MAX_PATH_LENGTH = 100
const MAX_MESSAGE_LENGTH = 200

const shorten = (text: string, length: number): string =>
  text.length <= length ? text : `${text.slice(0, length - 1).toWellFormed()}…`

export function badInput(all: InputError[]): ServiceError {
  const errors = all.slice(0, MAX_ERRORS).map(({ path, message }) => ({
    path: shorten(path, MAX_PATH_LENGTH),
    message: shorten(message, MAX_MESSAGE_LENGTH),
  }))
  const [first] = errors
  const where = first?.path ? `\`${first.path}\`: ` : ''
  const more = all.length > 1 ? ` (and ${all.length - 1} more, see errors)` : ''
  return new ServiceError('BAD_USER_INPUT', `${where}${first?.message ?? 'The input is invalid.'}${more}`, {
    errors,
  })
}

export function notFound(what: string, id: string): ServiceError {
  return new ServiceError('NOT_FOUND', `There is no ${what} with the id ${JSON.stringify(id.slice(0, 64))}.`)
}

/** Why the service can't start, said for the person who started it: the message is all they need. */
export class ExpectedStartError extends Error {
  override readonly name: string = 'ExpectedStartError'
}
