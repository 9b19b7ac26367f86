/** The secrets that webhooks are signed with, as Standard Webhooks 1.0.0 writes them ("Signature scheme"). */
import { randomBytes } from 'node:crypto'

const PREFIX = 'whsec_'
/** The spec asks for 24 to 64 bytes; 32 is the size of the HMAC-SHA256 that the key goes into. */
const KEY_BYTES = 32

export function generateSecret(): string {
  return PREFIX + randomBytes(KEY_BYTES).toString('base64')
}

/** The bytes to sign with: base64 after `whsec_`; any other secret is taken as its UTF-8 bytes. */
export function secretKey(secret: string): Buffer {
  return secret.startsWith(PREFIX)
    ? Buffer.from(secret.slice(PREFIX.length), 'base64')
    : Buffer.from(secret, 'utf8')
}

/** Whether a secret gives a key at all: what follows `whsec_` must be base64 of something. */
export function isUsableSecret(secret: string): boolean {
  const isWellFormed =
    !secret.startsWith(PREFIX) || /^[A-Za-z0-9+/]+={0,2}$/.test(secret.slice(PREFIX.length))
  return isWellFormed && secretKey(secret).length > 0
}
