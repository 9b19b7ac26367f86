/**
 * What of the headers and bodies of an exchange is never kept or shown: credentials. The one place that decides it, for
 * both directions. Signatures are no secrets: they prove nothing beside another body.
 */

/** What is kept in the place of a secret. */
export const REDACTED = '[redacted]'

/** What one endpoint's owner keeps secret, besides what is secret by its name. */
export interface Secrets {
  /** Names of headers, in lower case. */
  headerNames: ReadonlySet<string>
  /** The secrets themselves: some endpoints send back what they were sent. */
  values: readonly string[]
}

export const noSecrets: Secrets = { headerNames: new Set(), values: [] }

/** @param headers secret values by lower-case name; those of `authorization` have a scheme before them */
export const secretsOf = (headers: Record<string, string>): Secrets => ({
  headerNames: new Set(Object.keys(headers)),
  values: Object.entries(headers).flatMap(([name, value]) =>
    name === 'authorization' ? [value, value.slice(value.indexOf(' ') + 1)] : [value],
  ),
})

/** Shorter ones are words that stand in answers by chance. */
const MIN_SECRET_LENGTH = 6
const MAX_KNOWN_NAMES = 1000

const credentials = /^(authorization|proxy-authorization|cookie|set-cookie2?)$/
const credentialWords = /(^|[-_])(auth|jwt|key|apikey|password|passwd|secret|session|token)($|[-_])/
/** Their names have such a word, their values are public. */
const publicNames = new Set(['idempotency-key', 'sec-websocket-key', 'surrogate-key', 'content-key'])

/** By name: endpoints answer with the same headers again and again. */
const known = new Map<string, boolean>()

/** @param name in lower case */
function isSecretHeader(name: string): boolean {
  const remembered = known.get(name)
  if (remembered !== undefined) return remembered
  const isSecret = credentials.test(name) || (credentialWords.test(name) && !publicNames.has(name))
  if (known.size >= MAX_KNOWN_NAMES) known.clear()
  known.set(name, isSecret)
  return isSecret
}

/** The value of a header as it may be kept. @param name in lower case */
export function redactHeader(name: string, value: string, secrets: Secrets): string {
  if (isSecretHeader(name) || secrets.headerNames.has(name)) return REDACTED
  return secrets.values.length === 0 ? value : redactText(value, secrets)
}

/** The same of a body. */
export function redactBytes(body: Buffer, { headerNames, values }: Secrets): Buffer {
  if (values.length === 0) return body
  const inBytes = values.map((secret) => Buffer.from(secret).toString('latin1'))
  return Buffer.from(redactText(body.toString('latin1'), { headerNames, values: inBytes }), 'latin1')
}

/** The text without the secrets that stand in it. */
function redactText(text: string, { values }: Secrets): string {
  return values
    .filter(({ length }) => length >= MIN_SECRET_LENGTH)
    .reduce((redacted, secret) => redacted.replaceAll(secret, REDACTED), text)
}
