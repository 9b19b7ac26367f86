/**
 * A secret of a subscription is stored plain or, with an encryption key, sealed by AES-256-GCM as
 *
 *     enc:v1:<id of the key>:<nonce>:<ciphertext and tag>
 *
 * The first key seals and every key opens. A plain secret stays readable, so operators can add and replace keys at any
 * time. A sealed text is bound to its subscription: a copy in another subscription does not open.
 */
import type { KeyObject } from 'node:crypto'
import { openBytes, sealBytes } from './aes-gcm.js'
import { encryptionKeyId } from './encryption-keys.js'

/** Every sealed text starts with this. */
export const SEALED_PREFIX = 'enc:v1:'

export const isSealed = (text: string): boolean => text.startsWith(SEALED_PREFIX)
/** Why a secret is refused that looks like a sealed one. */
export const LOOKS_SEALED = `must not start with ${SEALED_PREFIX}, which marks secrets that are stored encrypted`

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
      const { nonce, sealed } = sealBytes(first[1], owner, Buffer.from(secret))
      return `${currentPrefix}${nonce.toString('base64url')}:${sealed.toString('base64url')}`
    },
    open(owner, stored, what = 'the secret to sign with') {
      if (!isSealed(stored)) return stored
      const [keyId = '', nonce = '', sealed = ''] = stored.slice(SEALED_PREFIX.length).split(':')
      const key = byId.get(keyId)
      if (key === undefined) throw new UnreadableSecretError(lacksKey(what, keyId))
      try {
        const bytes = { nonce: Buffer.from(nonce, 'base64url'), sealed: Buffer.from(sealed, 'base64url') }
        return openBytes(key, owner, bytes).toString()
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

const lacksKey = (what: string, keyId: string): string =>
  `${what} was stored with a key that SECRET_ENCRYPTION_KEY does not have (${keyId})`
