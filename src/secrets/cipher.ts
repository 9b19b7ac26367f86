/**
 * A secret of a subscription is stored plain or, with an encryption key, sealed by AES-256-GCM as
 *
 *     enc:v1:<id of the key>:<nonce>:<ciphertext and tag>
 *
 * The first key seals and every key opens. A plain secret stays readable, so operators can add and replace keys at any
 * time. A sealed text is bound to its subscription: a copy in another subscription does not open.
 */
import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto'
import { encryptionKeyId } from './encryption-keys.js'

/** Every sealed text starts with this. No secret may start with it. */
export const SEALED_PREFIX = 'enc:v1:'

const ALGORITHM = 'aes-256-gcm'
/** NIST SP 800-38D, section 5.2.1.1, recommends this length. */
const NONCE_BYTES = 12
const TAG_BYTES = 16

export interface SecretCipher {
  /** The prefix of texts sealed with the first key; undefined without keys. */
  readonly currentPrefix: string | undefined
  readonly keyIds: readonly string[]
  /**
   * @param owner what the sealed text is bound to: the subscription, and its place in there unless it signs
   * @returns the text to store: without keys, the secret itself
   */
  seal(owner: string, secret: string): string
  /**
   * @param what the secret, for the message of the error
   * @returns the secret of a stored text. @throws UnreadableSecretError
   */
  open(owner: string, stored: string, what?: string): string
}

/** A stored secret can't be decrypted. The message goes into delivery logs and is for operators. */
export class UnreadableSecretError extends Error {
  override readonly name = 'UnreadableSecretError'
}

export function createSecretCipher(keys: readonly KeyObject[]): SecretCipher {
  const byId = new Map(keys.map((key) => [encryptionKeyId(key), key]))
  const [first] = byId
  const currentPrefix = first && `${SEALED_PREFIX}${first[0]}:`

  return {
    currentPrefix,
    keyIds: [...byId.keys()],
    seal(owner, secret) {
      if (first === undefined) return secret
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv(ALGORITHM, first[1], nonce, { authTagLength: TAG_BYTES })
      cipher.setAAD(Buffer.from(owner))
      const sealed = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final(), cipher.getAuthTag()])
      return `${currentPrefix}${nonce.toString('base64url')}:${sealed.toString('base64url')}`
    },
    open(owner, stored, what = 'the secret to sign with') {
      if (!stored.startsWith(SEALED_PREFIX)) return stored
      const [keyId = '', nonce = '', sealed = ''] = stored.slice(SEALED_PREFIX.length).split(':')
      const key = byId.get(keyId)
      if (key === undefined) throw new UnreadableSecretError(lacksKey(what, keyId))
      try {
        return unseal(key, Buffer.from(nonce, 'base64url'), Buffer.from(sealed, 'base64url'), owner)
      } catch {
        throw new UnreadableSecretError(
          `${what} can not be decrypted: what is stored was damaged, or belongs to another subscription`,
        )
      }
    },
  }
}

/** @returns null when the encryption key is lost: the old secret can't sign, and a new secret is the way out */
export function openIfReadable(cipher: SecretCipher, subscriptionId: string, stored: string): string | null {
  try {
    return cipher.open(subscriptionId, stored)
  } catch (error) {
    if (error instanceof UnreadableSecretError) return null
    throw error
  }
}

function unseal(key: KeyObject, nonce: Buffer, sealed: Buffer, owner: string): string {
  const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES })
  decipher.setAAD(Buffer.from(owner))
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES))
  return decipher.update(sealed.subarray(0, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
}

const lacksKey = (what: string, keyId: string): string =>
  `${what} was stored with a key that SECRET_ENCRYPTION_KEY does not have (${keyId})`
