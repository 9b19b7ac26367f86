/**
 * Why a connection to PostgreSQL can't be had: an error's code, and the sentence for the person who can mend it. Errors
 * are told apart by code, never by text, and no sentence holds a secret.
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
