/** What goes wrong between a client and the service, told apart by `code`, never by the text. */

/** One error as the service tells it: of GraphQL, or a payload's own. */
export interface ServiceErrorItem {
  message: string
  code: string
  /** What there is to mend in an input. */
  problems?: { path: string; message: string }[]
}

/**
 * `code` is that of the first error: `UNAUTHENTICATED`, `FORBIDDEN`, `TOO_MANY_REQUESTS`, `BAD_USER_INPUT`,
 * `NOT_FOUND`, `CONFLICT`, `IDEMPOTENCY_MISMATCH`, `SERVICE_UNAVAILABLE`, `INTERNAL_SERVER_ERROR`; or `UNREACHABLE`
 * when the service could not be asked, and `BAD_RESPONSE` when what answered is not the service.
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

/** Whether the same request may well succeed a moment later: the service is away, starting or stopping. */
export const isPassing = (error: unknown): boolean =>
  error instanceof ClientError && (error.code === 'UNREACHABLE' || error.code === 'SERVICE_UNAVAILABLE')
