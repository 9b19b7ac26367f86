/** The errors between a client and the service. Callers tell them apart by `code`, never by the text. */

/** One error from the service: a GraphQL error, or an error in a payload. */
export interface ServiceErrorItem {
  message: string
  code: string
  /** The faults of an input, each with its place. */
  problems?: { path: string; message: string }[]
}

/**
 * `code` is the code of the first error: `UNAUTHENTICATED`, `FORBIDDEN`, `TOO_MANY_REQUESTS`, `BAD_USER_INPUT`,
 * `NOT_FOUND`, `CONFLICT`, `IDEMPOTENCY_MISMATCH`, `SERVICE_UNAVAILABLE`, `INTERNAL_SERVER_ERROR`; or `UNREACHABLE`
 * when the connection failed, and `BAD_RESPONSE` when the answer does not come from the service.
 */
export class ClientError extends Error {
  override name = 'ClientError'
  readonly code: string
  readonly errors: readonly ServiceErrorItem[]

  constructor(errors: readonly ServiceErrorItem[], options?: ErrorOptions) {
    super(errors.map(({ message }) => message).join(' '), options)
    this.code = errors[0]?.code ?? 'INTERNAL_SERVER_ERROR'
    this.errors = errors
  }
}

/** Whether the same request may succeed a moment later: the service is away, starting or stopping. */
export const isPassing = (error: unknown): boolean =>
  error instanceof ClientError && (error.code === 'UNREACHABLE' || error.code === 'SERVICE_UNAVAILABLE')
