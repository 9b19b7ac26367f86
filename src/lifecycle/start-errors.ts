/**
 * Why a start can't be, in one table for each thing that a start needs: an error's code, and the sentence for the person
 * who can mend it. None of them holds a secret. Errors are told apart by code; a code that is in no table is a fault of
 * the service's own, or of something that nobody has met yet.
 */
import { ExpectedStartError } from '../errors.js'
import { DatabaseUnavailableError } from '../platform/database-errors.js'
import { redact } from '../platform/redact.js'

interface CodedError {
  name: string
  message: string
  code?: string
  syscall?: string
  address?: string
  hostname?: string
  port?: number
  path?: string
}

const CANNOT_START = "Node Event Service can't start"

/** A sentence for what a person can mend; undefined for what only a developer can. */
export function explainStartError(thrown: unknown): string | undefined {
  if (thrown instanceof ExpectedStartError) return thrown.message
  if (!(thrown instanceof Error)) return undefined
  if (thrown instanceof DatabaseUnavailableError) return explainLoss(thrown.cause)
  const error = thrown as CodedError
  const explain = [explainListen, explainFile, explainStatement].find((table) => table(error) !== undefined)
  return explain && `${CANNOT_START}: ${explain(error)}`
}

/** It was there when the start began. */
function explainLoss(cause: unknown): string {
  const { message } = cause as Error
  return `${CANNOT_START}: PostgreSQL went away, or was too slow, in the middle of it: ${redact(message)}. Start it again.`
}

/** `listen` names the address; in one of several processes, which asks the first one for it, it is `bind`. */
function explainListen(error: CodedError): string | undefined {
  const { syscall = '', code = '', hostname, address = hostname, port } = error
  if (!['listen', 'bind', 'getaddrinfo'].includes(syscall)) return undefined
  return listenSentences[code]?.(address ?? '', port === undefined ? '' : `:${port}`, code)
}

const noSuchName = (host: string, _port: string, code: string) =>
  `HOST=${host} is no name of this machine (${code}). Set HOST to an address of its own, or to 0.0.0.0 for all of them.`

const listenSentences: Record<string, (host: string, port: string, code: string) => string> = {
  EADDRINUSE: (host, port, code) =>
    `another program listens on ${host}${port} already (${code}). Set PORT to another one.`,
  EADDRNOTAVAIL: (host, port, code) =>
    `${host}${port} is not an address of this machine (${code}). Set HOST to one of its own, or to 0.0.0.0 for all of them.`,
  EACCES: (host, port, code) =>
    `this user may not listen on ${host}${port} (${code}): ports below 1024 need a right of their own. Set PORT to a higher one.`,
  EPERM: (host, port, code) => `the system forbids to listen on ${host}${port} (${code}).`,
  EAFNOSUPPORT: (host, _port, code) =>
    `this machine has no addresses of the kind of ${host} (${code}). Set HOST to another one.`,
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
  ENOENT: 'it is not there',
  ENOTDIR: 'a part of that path is not a folder',
  EEXIST: 'something else is there already',
  EISDIR: 'it is a folder',
  ELOOP: 'its links go round in circles',
}

/** A statement of the start that PostgreSQL refused; what happens on connecting is in the next table. */
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

/** Where a database is, and as whom it is asked. */
export interface DatabasePlace {
  /** `127.0.0.1:5432`, or the folder of a Unix socket. */
  address: string
  user: string
  database: string
}

export interface ConnectProblem {
  sentence: string
  /** Whether it may be over in a while, so that waiting for it makes sense. */
  isPassing: boolean
}

/** Why a connection to PostgreSQL can't be had. */
export function explainConnectError(error: CodedError, place: DatabasePlace): ConnectProblem {
  const { code = '', message } = error
  const passing = passingReasons[code]
  if (passing) return { sentence: `PostgreSQL at ${place.address} ${passing} (${code}).`, isPassing: true }
  const lasting = lastingSentences[code]
  if (lasting) return { sentence: lasting(place, redact(message)), isPassing: false }
  const isCertificate = code.startsWith('ERR_TLS') || code.includes('CERT') || code.includes('LEAF_SIGNATURE')
  if (isCertificate) return { sentence: untrusted(place, message, code), isPassing: false }
  const sentence = `PostgreSQL at ${place.address} can't be used: ${redact(message)}${code && ` (${code})`}.`
  // A connection that broke or was too slow has no code; PostgreSQL's own word has one.
  // A connection that broke has no code, and PostgreSQL's own word has one.
  return { sentence, isPassing: code === '' && !isDriversRefusal.test(message) }
}

/** What the driver refuses by itself has no code either: a password that is missing, TLS that is. */
const isDriversRefusal = /^SASL: |does not support SSL/

const untrusted = ({ address }: DatabasePlace, message: string, code: string) =>
  `The certificate of PostgreSQL at ${address} is not trusted: ${message} (${code}). Name the file of its CA in DATABASE_URL: ?sslmode=verify-full&sslrootcert=….`

const passingReasons: Record<string, string> = {
  ECONNREFUSED: 'takes no connections: nothing listens there',
  ECONNRESET: 'closed the connection',
  EPIPE: 'closed the connection',
  ETIMEDOUT: 'does not answer',
  EHOSTUNREACH: "can't be reached",
  ENETUNREACH: "can't be reached",
  EHOSTDOWN: 'is down',
  ENOTFOUND: 'has a name that nobody knows',
  EAI_AGAIN: 'has a name that nobody could look up',
  ENOENT: 'has no Unix socket there',
  '57P03': 'is starting or stopping, or a standby that takes no connections',
  '57P01': 'is being shut down',
  '57P02': 'crashed',
  '53300': 'has no connection left for this user',
  '53400': 'has no connection left',
  '08006': 'closed the connection',
  '08001': "can't be reached",
  '08004': 'refused the connection',
}

const lastingSentences: Record<string, (place: DatabasePlace, message: string) => string> = {
  '28P01': ({ address, user }) =>
    `PostgreSQL at ${address} refused the password of user "${user}", or does not know that user. Correct DATABASE_URL.`,
  '28000': ({ address, user }, message) =>
    `PostgreSQL at ${address} does not let user "${user}" in: ${message}. Correct DATABASE_URL, or the server's pg_hba.conf.`,
  '3D000': ({ address, database }) =>
    `PostgreSQL at ${address} has no database "${database}". Create it, or correct DATABASE_URL.`,
  '42501': ({ user, database }, message) =>
    `User "${user}" may not use the database "${database}": ${message}. Grant it: grant connect, create on database "${database}" to "${user}".`,
  EACCES: ({ address }) => `This user may not use PostgreSQL's Unix socket in ${address} (EACCES).`,
}
