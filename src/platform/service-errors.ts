/** What a client gets for an error that is not a `ServiceError`: the same text over REST and GraphQL. */
import { ServiceError } from '../errors.js'
import { isDatabaseAway } from './postgres/database-errors.js'

const DATABASE_RETRY_AFTER_SECONDS = 5

/** Keeps the error as `cause`, which is for the log alone. */
export function toServiceError(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error
  if (isDatabaseAway(error)) {
    return new ServiceError('SERVICE_UNAVAILABLE', 'The database is away for the moment. Try again.', {
      retryAfterSeconds: DATABASE_RETRY_AFTER_SECONDS,
      cause: error,
    })
  }
  return new ServiceError(
    'INTERNAL_SERVER_ERROR',
    'Something went wrong here. It was logged; trying again may help.',
    { cause: error },
  )
}
