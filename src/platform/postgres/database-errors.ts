import pg from 'pg'

/** PostgreSQL was not reachable, or did not answer in time. The statement may or may not have been executed. */
export class DatabaseUnavailableError extends Error {
  override readonly name = 'DatabaseUnavailableError'

  constructor(cause: unknown) {
    super('The database is away.', { cause })
  }
}

// https://www.postgresql.org/docs/current/errcodes-appendix.html
const CONNECTION_EXCEPTION = '08'
const INSUFFICIENT_RESOURCES = '53'
const OPERATOR_INTERVENTION = '57'
const DATA_EXCEPTION = '22'
const PROGRAM_LIMIT_EXCEEDED = '54'
const SERIALIZATION_FAILURE = '40001'
const DEADLOCK_DETECTED = '40P01'
const UNIQUE_VIOLATION = '23505'
/** A server that was demoted to a standby, or made read-only, refuses writes on connections that it leaves open. */
const READ_ONLY = '25006'
/** The server ended a transaction that was idle or took too long, and its connection. */
const TRANSACTION_ENDED = ['25P03', '25P04']
const SYSTEM_ERROR = '58'

/**
 * The codes that Prisma gives to a database it can't reach, that times out, also in the middle of a
 * transaction (P2028), or that closed the connection.
 */
const prismaUnavailable = new Set(['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2028', 'P2037'])

function sqlState(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined
}

export const asUnavailable = (error: unknown): DatabaseUnavailableError =>
  error instanceof DatabaseUnavailableError ? error : new DatabaseUnavailableError(error)

/** Whether an error of `pg` is of the connection, rather than an answer of the server. */
export function isUnavailable(error: unknown): boolean {
  const state = sqlState(error)
  // An error that the server did not send is of the connection.
  return state === undefined || saysAway(state)
}

const saysAway = (state: string): boolean =>
  state === READ_ONLY ||
  TRANSACTION_ENDED.includes(state) ||
  [CONNECTION_EXCEPTION, INSUFFICIENT_RESOURCES, OPERATOR_INTERVENTION, SYSTEM_ERROR].includes(
    state.slice(0, 2),
  )

/** Whether the server takes no writes, so that another server may be the primary. */
export const isReadOnlyServer = (error: unknown): boolean => sqlState(error) === READ_ONLY

/** Whether an error, from either driver, means that the database is away. */
export function isDatabaseAway(error: unknown): boolean {
  if (error instanceof DatabaseUnavailableError) return true
  if (error instanceof pg.DatabaseError) return isUnavailable(error)
  const { name, code, cause, meta } = (error ?? {}) as PrismaError
  if (code !== undefined && prismaUnavailable.has(code)) return true
  // Prisma passes on errors of `pg` without a code, such as a timeout, with its version added.
  if (name === 'Error' && error instanceof Error && 'clientVersion' in error) return true
  // For errors without a code of its own, Prisma wraps the error of the driver.
  if (meta?.driverAdapterError !== undefined) return isDatabaseAway(meta.driverAdapterError)
  return (
    name === 'DriverAdapterError' &&
    (driverUnavailable.has(cause?.kind ?? '') || saysAway(cause?.originalCode ?? ''))
  )
}

interface PrismaError {
  name?: string
  code?: string
  cause?: { kind?: string; originalCode?: string }
  meta?: { driverAdapterError?: unknown }
}

const driverUnavailable = new Set([
  'AuthenticationFailed',
  'DatabaseAccessDenied',
  'DatabaseDoesNotExist',
  'DatabaseNotReachable',
  'TlsConnectionError',
  'ConnectionClosed',
  'SocketTimeout',
  'TooManyConnections',
])

/** Whether a statement failed for a value in it, so that the same statement without that value may succeed. */
export function isDataFault(error: unknown): boolean {
  return [DATA_EXCEPTION, PROGRAM_LIMIT_EXCEEDED].includes(sqlState(error)?.slice(0, 2) ?? '')
}

/**
 * Whether a conflict with another transaction failed the statement, by either driver, so that it may succeed when
 * repeated.
 */
export function isConflictOfTransactions(error: unknown): boolean {
  if ([SERIALIZATION_FAILURE, DEADLOCK_DETECTED].includes(sqlState(error) ?? '')) return true
  const { code, cause, meta } = (error ?? {}) as PrismaError
  const driverError = meta?.driverAdapterError
  return (
    code === 'P2034' ||
    cause?.kind === 'TransactionWriteConflict' ||
    (driverError !== undefined && isConflictOfTransactions(driverError))
  )
}

/** Whether a write, by either driver, was refused because an equal row exists. */
export function isUniqueViolation(error: unknown): boolean {
  return sqlState(error) === UNIQUE_VIOLATION || (error as { code?: string } | null)?.code === 'P2002'
}
