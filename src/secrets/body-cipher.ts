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
import type { KeyObject } from 'node:crypto'
import { NONCE_BYTES, openBytes, sealBytes } from './aes-gcm.js'
import { encryptionKeyId } from './encryption-keys.js'

export interface BodyCipher {
  /** @param attemptId the delivery's id and the number of the attempt */
  seal(attemptId: string, body: Uint8Array): Buffer
  /** Undefined when its key is gone, or it was damaged. */
  open(attemptId: string, stored: Uint8Array): Buffer | undefined
}

const PLAIN = 0
const SEALED = 1
const KEY_ID_BYTES = 4
const NONCE_AT = 1 + KEY_ID_BYTES
const TEXT_AT = NONCE_AT + NONCE_BYTES

export function createBodyCipher(keys: readonly KeyObject[]): BodyCipher {
  const byId = new Map(keys.map((key) => [encryptionKeyId(key), key]))
  const [first] = byId

  return {
    seal(attemptId, body) {
      if (first === undefined) return Buffer.concat([Buffer.of(PLAIN), body])
      const { nonce, sealed } = sealBytes(first[1], attemptId, body)
      return Buffer.concat([Buffer.of(SEALED), Buffer.from(first[0], 'hex'), nonce, sealed])
    },
    open(attemptId, bytes) {
      const stored = Buffer.from(bytes)
      if (stored[0] === PLAIN) return stored.subarray(1)
      const key = byId.get(stored.subarray(1, NONCE_AT).toString('hex'))
      if (stored[0] !== SEALED || key === undefined) return undefined
      try {
        const nonce = stored.subarray(NONCE_AT, TEXT_AT)
        return openBytes(key, attemptId, { nonce, sealed: stored.subarray(TEXT_AT) })
      } catch {
        return undefined
      }
    },
  }
}
