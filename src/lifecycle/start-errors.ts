/**
 * Explains why a start failed: tables from an error's code to a sentence for the operator. No sentence contains a
 * secret. A code that is in no table is unexpected, and is logged as a fault of the service.
 */
import { ExpectedStartError } from '../errors.js'
import type { CodedError } from '../platform/postgres/connect-errors.js'
import { DatabaseUnavailableError } from '../platform/postgres/database-errors.js'
import { redact } from '../platform/redact.js'

const CANNOT_START = "Node Event Service can't start"

/** @returns a sentence for the operator; undefined for an unexpected error */
export function explainStartError(thrown: unknown): string | undefined {
  if (thrown instanceof ExpectedStartError) return thrown.message
  if (!(thrown instanceof Error)) return undefined
  if (thrown instanceof DatabaseUnavailableError) return explainLoss(thrown.cause)
  const error = thrown as CodedError
  const explain = [explainListen, explainFile, explainStatement].find((table) => table(error) !== undefined)
  return explain && `${CANNOT_START}: ${explain(error)}`
}

/** PostgreSQL answered when the start began. */
function explainLoss(cause: unknown): string {
  const { message } = cause as Error
  return `${CANNOT_START}: PostgreSQL went away or was too slow during the start: ${redact(message)}. Start again.`
}

/** The error of `listen` names the address. With several processes the primary binds it, and the error is of `bind`. */
function explainListen(error: CodedError): string | undefined {
  const { syscall = '', code = '', hostname, address = hostname, port } = error
  if (!['listen', 'bind', 'getaddrinfo'].includes(syscall)) return undefined
  return listenSentences[code]?.(address ?? '', port === undefined ? '' : `:${port}`, code)
}

const noSuchName = (host: string, _port: string, code: string) =>
  `HOST=${host} is not a name of this machine (${code}). Set HOST to one of its addresses, or to 0.0.0.0 for all.`

const listenSentences: Record<string, (host: string, port: string, code: string) => string> = {
  EADDRINUSE: (host, port, code) =>
    `another program already listens on ${host}${port} (${code}). Set PORT to another one.`,
  EADDRNOTAVAIL: (host, port, code) =>
    `${host}${port} is not an address of this machine (${code}). Set HOST to one of its addresses, or to 0.0.0.0 for all.`,
  EACCES: (host, port, code) =>
    `this user may not listen on ${host}${port} (${code}): ports below 1024 need a privilege. Set PORT to a higher one.`,
  EPERM: (host, port, code) => `the system forbids listening on ${host}${port} (${code}).`,
  EAFNOSUPPORT: (host, _port, code) =>
    `this machine has no addresses of the family of ${host} (${code}). Set HOST to another one.`,
  EINVAL: (host, _port, code) => `nothing can listen on ${host} (${code}). Set HOST to another address.`,
  ENOTFOUND: noSuchName,
  EAI_AGAIN: noSuchName,
  ENODATA: noSuchName,
}

function explainFile({ code = '', path }: CodedError): string | undefined {
  const reason = fileReasons[code]
  return reason && path && `${path} can't be used: ${reason} (${code}).`
}

const fileReasons: Record<string, string> = {
  EACCES: 'this user may not',
  EPERM: 'this user may not',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: "this user's share of the disk is full",
  ENOENT: 'it does not exist',
  ENOTDIR: 'a part of its path is not a folder',
  EEXIST: 'it exists already',
  EISDIR: 'it is a folder',
  ELOOP: 'its symbolic links form a loop',
}

/** A statement of the start that PostgreSQL refused. `connect-errors.ts` explains failed connections. */
function explainStatement({ code = '', message }: CodedError): string | undefined {
  const advice = statementAdvice[code]
  return advice && `PostgreSQL says ${JSON.stringify(redact(message))}. ${advice}`
}

// https://www.postgresql.org/docs/current/errcodes-appendix.html
const statementAdvice: Record<string, string> = {
  '42501':
    "Grant the right to the user of DATABASE_URL, or make it the database's owner: alter database … owner to …",
  '25006': 'The database is read-only: name the server that can be written in DATABASE_URL.',
  '53100': 'Its disk is full.',
  '53200': 'It has no memory left.',
  '53300': 'Raise the limit of connections, or run fewer processes.',
  '57P01': 'It is being shut down: start again when it is back.',
  '57P02': 'It crashed: start again when it is back.',
}
