/**
 * Explains why a connection to PostgreSQL failed: a table from an error's code to a sentence for the operator. Errors
 * are distinguished by code, never by text, and no sentence contains a secret.
 */
import { redact } from '../redact.js'

/** An error of Node.js or of PostgreSQL, as far as sentences need it. */
export interface CodedError {
  name: string
  message: string
  code?: string
  syscall?: string
  address?: string
  hostname?: string
  port?: number
  path?: string
}

/** Which database was tried, and as which user. */
export interface DatabasePlace {
  /** `127.0.0.1:5432`, or the folder of a Unix socket. */
  address: string
  user: string
  database: string
}

export interface ConnectProblem {
  sentence: string
  /** It may pass by itself, so waiting makes sense. */
  isPassing: boolean
}

export function explainConnectError(error: CodedError, place: DatabasePlace): ConnectProblem {
  const { code = '', message } = error
  const passing = passingReasons[code]
  if (passing) return { sentence: `PostgreSQL at ${place.address} ${passing} (${code}).`, isPassing: true }
  const lasting = lastingSentences[code]
  if (lasting) return { sentence: lasting(place, redact(message)), isPassing: false }
  const isCertificate = code.startsWith('ERR_TLS') || code.includes('CERT') || code.includes('LEAF_SIGNATURE')
  if (isCertificate) return { sentence: untrusted(place, message, code), isPassing: false }
  const sentence = `PostgreSQL at ${place.address} can't be used: ${redact(message)}${code && ` (${code})`}.`
  // A connection that broke has no code. An error of PostgreSQL has one.
  return { sentence, isPassing: code === '' && !isDriversRefusal.test(message) }
}

/** Errors of the driver itself have no code either: a missing password, missing TLS. */
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
  ENOTFOUND: 'has an unknown host name',
  EAI_AGAIN: 'has a host name that could not be looked up',
  ENOENT: 'has no Unix socket',
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
