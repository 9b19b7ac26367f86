/** The signing secrets of webhooks, in the form of Standard Webhooks 1.0.0 ("Signature scheme"). */
import { randomBytes } from 'node:crypto'
import { isOfKeyPair } from './key-pair.js'

const PREFIX = 'whsec_'
/** The spec asks for 24 to 64 bytes. 32 is the size of an HMAC-SHA256, and the key goes into one. */
const KEY_BYTES = 32

export function generateSecret(): string {
  return PREFIX + randomBytes(KEY_BYTES).toString('base64')
}

/** The bytes of the signing key: base64 after `whsec_`, or the UTF-8 bytes of any other secret. */
export function signingKeyBytes(secret: string): Buffer {
  return secret.startsWith(PREFIX)
    ? Buffer.from(secret.slice(PREFIX.length), 'base64')
    : Buffer.from(secret, 'utf8')
}

/** Standard, padded base64 (RFC 4648 §4). */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
/** Standard Webhooks 1.0.0, "Signature scheme". */
const MIN_KEY_BYTES = 24
const MAX_KEY_BYTES = 64
const MIN_PLAIN_LENGTH = 8
const MAX_PLAIN_LENGTH = 255
const PLAIN = /^[\x21-\x7e][\x20-\x7e]*[\x21-\x7e]$/
const PLAIN_FORM = `${MIN_PLAIN_LENGTH} to ${MAX_PLAIN_LENGTH} printable ASCII characters without blanks at the ends`
const BASE64_FORM = `padded base64 of ${MIN_KEY_BYTES} to ${MAX_KEY_BYTES} bytes`

/** The form of a secret, for the documentation of an input. */
export const SECRET_FORM = `\`${PREFIX}\` and ${BASE64_FORM}; or ${PLAIN_FORM}, used as their bytes.`

/** What holds for both forms, as JSON Schema says it. */
export const SECRET_BOUNDS = {
  minLength: MIN_PLAIN_LENGTH,
  maxLength: MAX_PLAIN_LENGTH,
  pattern: '^[!-~][ -~]*[!-~]$',
} as const

/**
 * Checks a new secret only: stored secrets go on signing in any form.
 *
 * @returns the reason to refuse the secret, as a sentence; undefined when every library for Standard Webhooks reads it
 * as this service does
 */
export function secretRefusal(secret: string): string | undefined {
  if (isOfKeyPair(secret)) return 'must not start with whsk_ or whpk_, which mark the keys of a pair'
  if (!secret.toLowerCase().trimStart().startsWith(PREFIX)) {
    const hasLength = secret.length >= MIN_PLAIN_LENGTH && secret.length <= MAX_PLAIN_LENGTH
    return hasLength && PLAIN.test(secret) ? undefined : `must be ${PLAIN_FORM}, or ${PREFIX} and base64`
  }
  const base64 = secret.slice(PREFIX.length)
  const bytes = signingKeyBytes(secret).length
  const isWhole = secret.startsWith(PREFIX) && BASE64.test(base64)
  if (isWhole && bytes >= MIN_KEY_BYTES && bytes <= MAX_KEY_BYTES) return undefined
  return `starts with ${PREFIX}, so the rest must be ${BASE64_FORM}`
}
