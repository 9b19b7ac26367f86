/**
 * AES-256-GCM, by which secrets and bodies are sealed. What is sealed is bound to its owner: elsewhere it does not
 * open.
 */
import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto'

const ALGORITHM = 'aes-256-gcm'
/** NIST SP 800-38D, section 5.2.1.1, recommends this length. */
export const NONCE_BYTES = 12
const TAG_BYTES = 16

export interface Sealed {
  nonce: Buffer
  /** The ciphertext, and the tag behind it. */
  sealed: Buffer
}

export function sealBytes(key: KeyObject, owner: string, plain: Uint8Array): Sealed {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES })
  cipher.setAAD(Buffer.from(owner))
  return { nonce, sealed: Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]) }
}

/** @throws Error when it was damaged, or belongs to another owner */
export function openBytes(key: KeyObject, owner: string, { nonce, sealed }: Sealed): Buffer {
  const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES })
  decipher.setAAD(Buffer.from(owner))
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
  return Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()])
}
