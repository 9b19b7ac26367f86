/** The keys of SECRET_ENCRYPTION_KEY. Printing, logging or serialising a `KeyObject` does not show its bytes. */
import { createHash, createSecretKey, type KeyObject } from 'node:crypto'

/** The key length of AES-256. */
const KEY_BYTES = 32
const KEY_ID_DIGITS = 8

/** @throws Error; its message does not repeat the text */
export function parseEncryptionKey(text: string): KeyObject {
  const bytes = Buffer.from(text, 'base64')
  // Node.js skips characters outside base64, so the text was base64 only if the bytes encode to the same text.
  if (bytes.length !== KEY_BYTES || bytes.toString('base64') !== text) {
    throw new Error(
      `must be ${KEY_BYTES} bytes in base64, as \`openssl rand -base64 ${KEY_BYTES}\` prints them`,
    )
  }
  return createSecretKey(bytes)
}

/** The id does not reveal the key: nothing can be computed from a hash of 256 random bits. */
export function encryptionKeyId(key: KeyObject): string {
  return createHash('sha256').update(key.export()).digest('hex').slice(0, KEY_ID_DIGITS)
}
