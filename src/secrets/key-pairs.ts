/** The stored key pairs of a subscription: a new one for V1A, and a rotation. */
import { openIfReadable, type SecretCipher } from './cipher.js'
import { generateKeyPair } from './key-pair.js'
import { HOUR_MS, MAX_FORMER_SECRETS } from './replace-secret.js'

/** A value of the column `keyPairs`. */
export type StoredKeyPair = {
  /** `whpk_`: anyone may know it. */
  publicKey: string
  /** As stored: encrypted where the service has an encryption key. */
  privateKey: string
  /** ISO 8601, by the database's clock; null for the newest pair, which has no end. */
  validUntil: string | null
}

/** The key pairs still signing at a moment of the database's clock, the newest first. */
export const validKeyPairs = (keyPairs: readonly StoredKeyPair[], nowMs: number): StoredKeyPair[] =>
  keyPairs.filter(({ validUntil }) => validUntil === null || nowMs < Date.parse(validUntil))

export function newKeyPair(cipher: SecretCipher, subscriptionId: string): StoredKeyPair {
  const { publicKey, privateKey } = generateKeyPair()
  return { publicKey, privateKey: cipher.seal(subscriptionId, privateKey), validUntil: null }
}

interface Rotation {
  subscriptionId: string
  now: Date
  /** How long the newest pair goes on signing; with 0 it signs no more. */
  overlapHours: number
}

/** Puts a new pair before the others. Encrypts all of them anew; what can't be read can't sign, and is left out. */
export function rotateKeyPairs(
  cipher: SecretCipher,
  keyPairs: readonly StoredKeyPair[],
  { subscriptionId, now, overlapHours }: Rotation,
): StoredKeyPair[] {
  const ends = new Date(now.getTime() + overlapHours * HOUR_MS).toISOString()
  const former = keyPairs.map((pair) => ({ ...pair, validUntil: pair.validUntil ?? ends }))
  const sealed = validKeyPairs(former, now.getTime()).flatMap((pair) => {
    const privateKey = openIfReadable(cipher, subscriptionId, pair.privateKey)
    return privateKey === null ? [] : [{ ...pair, privateKey: cipher.seal(subscriptionId, privateKey) }]
  })
  return [newKeyPair(cipher, subscriptionId), ...sealed.slice(0, MAX_FORMER_SECRETS)]
}
