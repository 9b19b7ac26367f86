/**
 * Answers of endpoints as delivery logs keep them: plain, or sealed by AES-256-GCM where the service has an encryption
 * key. They are bytes, not texts, because an endpoint may answer with anything. The first byte tells the two forms
 * apart:
 *
 *     0 <body>
 *     1 <id of the key, 4 bytes> <nonce, 12> <ciphertext> <tag, 16>
 *
 * A sealed body is bound to its attempt. When its key is taken away it can't be read any more, unlike a secret, which a
 * start encrypts anew: a log is not kept for long.
 */
import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto'
import { encryptionKeyId } from './encryption-keys.js'

export interface BodyCipher {
  /** @param attemptId the delivery's id and the number of the attempt */
  seal(attemptId: string, body: Uint8Array): Buffer
  /** Undefined when its key is gone, or it was damaged. */
  open(attemptId: string, stored: Uint8Array): Buffer | undefined
}

const PLAIN = 0
const SEALED = 1
const ALGORITHM = 'aes-256-gcm'
const KEY_ID_BYTES = 4
const NONCE_BYTES = 12
const TAG_BYTES = 16
const NONCE_AT = 1 + KEY_ID_BYTES
const TEXT_AT = NONCE_AT + NONCE_BYTES

export function createBodyCipher(keys: readonly KeyObject[]): BodyCipher {
  const byId = new Map(keys.map((key) => [encryptionKeyId(key), key]))
  const [first] = byId

  return {
    seal(attemptId, body) {
      if (first === undefined) return Buffer.concat([Buffer.of(PLAIN), body])
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv(ALGORITHM, first[1], nonce, { authTagLength: TAG_BYTES })
      cipher.setAAD(Buffer.from(attemptId))
      const sealed = [cipher.update(body), cipher.final(), cipher.getAuthTag()]
      return Buffer.concat([Buffer.of(SEALED), Buffer.from(first[0], 'hex'), nonce, ...sealed])
    },
    open(attemptId, bytes) {
      const stored = Buffer.from(bytes)
      if (stored[0] === PLAIN) return stored.subarray(1)
      const key = byId.get(stored.subarray(1, NONCE_AT).toString('hex'))
      if (stored[0] !== SEALED || key === undefined) return undefined
      try {
        const nonce = stored.subarray(NONCE_AT, TEXT_AT)
        const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES })
        decipher.setAAD(Buffer.from(attemptId))
        decipher.setAuthTag(stored.subarray(-TAG_BYTES))
        return Buffer.concat([decipher.update(stored.subarray(TEXT_AT, -TAG_BYTES)), decipher.final()])
      } catch {
        return undefined
      }
    },
  }
}
