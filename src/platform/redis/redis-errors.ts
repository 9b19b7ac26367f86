/** Explains errors of Redis in sentences. The code of such an error is its first word. */

interface Meaning {
  /** Redis 6.2 puts other words before the code of an error in a script. */
  code: RegExp
  sentence: string
  /** Whether only an operator can solve it, so that a start ends. */
  isRefusal?: boolean
}

const meanings: Meaning[] = [
  {
    code: /\bWRONGPASS\b|invalid (username-password|password)/,
    sentence: 'Redis refuses the user or the password of REDIS_URL',
    isRefusal: true,
  },
  { code: /\bNOAUTH\b/, sentence: 'Redis wants a password, and REDIS_URL has none', isRefusal: true },
  {
    code: /\bNOPERM\b|can't run this command or subcommand|No permissions to access/i,
    sentence: 'The user of REDIS_URL may not do what the service needs: docs/operating/redis.md lists it',
    isRefusal: true,
  },
  { code: /DB index is out of range/, sentence: 'Redis has no database of that number', isRefusal: true },
  {
    code: /\bREADONLY\b|\bUNBLOCKED\b/,
    sentence: 'Redis is read-only: a replica, or a primary that was demoted',
  },
  { code: /\bMASTERDOWN\b/, sentence: 'Redis is a replica that has lost its primary' },
  { code: /\bOOM\b/, sentence: 'Redis has no memory left (maxmemory)' },
  { code: /\bMISCONF\b/, sentence: 'Redis takes no writes, because it cannot save them to its disk' },
  { code: /\bNOREPLICAS\b/, sentence: 'Redis takes no writes, because it has too few replicas' },
  { code: /\bLOADING\b/, sentence: 'Redis is still loading its data' },
  { code: /\bCLUSTERDOWN\b/, sentence: 'A part of the Redis Cluster is down' },
  {
    code: /No such master with that name|connected to sentinel .* invalid reply: null/,
    sentence: 'The Sentinels of REDIS_URL watch nothing of the name that it gives',
    isRefusal: true,
  },
  {
    code: /^(SELF_SIGNED|DEPTH_ZERO|UNABLE_TO|CERT_|ERR_TLS|ERR_SSL)/,
    sentence: 'No TLS connection to Redis can be made with REDIS_URL and REDIS_CA_FILE',
    isRefusal: true,
  },
]

const textsOf = (error: unknown): string[] => {
  const { message, code, errors } = (error ?? {}) as NodeJS.ErrnoException & { errors?: Error[] }
  // When no address of a name can be connected to, the error has one error for each address.
  return [message || errors?.[0]?.message || code || String(error), code ?? '']
}

const meaningOf = (error: unknown): Meaning | undefined =>
  meanings.find(({ code }) => textsOf(error).some((text) => code.test(text)))

/** Whether another connection may lead to a server that takes writes. */
export const isElsewhere = (error: Error): boolean =>
  /\bREADONLY\b|\bUNBLOCKED\b|\bMASTERDOWN\b/.test(error.message)

/** Whether Redis answered, and will answer the same until an operator changes something. */
export const isRefusal = (error: unknown): boolean => meaningOf(error)?.isRefusal ?? false

/**
 * Explains the error without secrets: ioredis adds the command with its arguments, and Redis may repeat arguments in
 * its message.
 */
export function explainRedisError(error: unknown, secrets: string[]): Error {
  const said = secrets.reduce((text, secret) => text.replaceAll(secret, '***'), textsOf(error)[0] ?? '')
  const sentence = meaningOf(error)?.sentence
  const code = (error as NodeJS.ErrnoException).code
  return Object.assign(new Error(sentence === undefined ? said : `${sentence} (${said})`), code && { code })
}
