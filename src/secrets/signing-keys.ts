/**
 * The signing keys and credentials of stored secrets. Every attempt needs them, so what is decrypted stays in memory.
 */
import type { KeyObject } from 'node:crypto'
import { isSealed, type SecretCipher, UnreadableSecretError } from './cipher.js'
import { privateKeyObject } from './key-pair.js'
import { validKeyPairs } from './key-pairs.js'
import { signingKeyBytes } from './signing-secret.js'
import { type SigningSecrets, validSecrets } from './valid-secrets.js'

/** The bytes of a secret, for V1; or the private key of a pair, for V1A. */
export type SigningKey = Uint8Array | KeyObject

export interface SigningKeys {
  /** The key of a stored secret. @throws UnreadableSecretError */
  ofSecret(subscriptionId: string, stored: string): Uint8Array
  /** The key of a stored private key. @throws UnreadableSecretError */
  ofPrivateKey(subscriptionId: string, stored: string): KeyObject
  /** A credential that requests carry: see `SecretCipher`. @throws UnreadableSecretError */
  open(owner: string, stored: string, what?: string): string
}

/** These keys take about 5 MB at most. */
const MAX_REMEMBERED = 10_000

export function createSigningKeys(cipher: SecretCipher, maxRemembered = MAX_REMEMBERED): SigningKeys {
  const remembered = <Key>(read: (secret: string) => Key) => createMemory(cipher, read, maxRemembered)
  const ofSealedSecret = remembered(signingKeyBytes)
  const ofSealedCredential = remembered((credential) => credential)
  return {
    ofSecret: (subscriptionId, stored) =>
      // Decoding a plain secret costs less than a look-up.
      isSealed(stored) ? ofSealedSecret(subscriptionId, stored) : signingKeyBytes(stored),
    ofPrivateKey: remembered(privateKeyObject),
    open: (owner, stored, what) => (isSealed(stored) ? ofSealedCredential(owner, stored, what) : stored),
  }
}

function createMemory<Key>(cipher: SecretCipher, read: (secret: string) => Key, maxRemembered: number) {
  /** By stored text: every change of a secret makes a new text. The least recently used keys come first. */
  const remembered = new Map<string, { owner: string; key: Key }>()

  return (owner: string, stored: string, what?: string): Key => {
    const known = remembered.get(stored)
    // A copy of a sealed text in another subscription must not open there.
    if (known?.owner === owner) {
      remembered.delete(stored)
      remembered.set(stored, known)
      return known.key
    }
    const key = read(cipher.open(owner, stored, what))
    remembered.set(stored, { owner, key })
    if (remembered.size > maxRemembered) remembered.delete(remembered.keys().next().value as string)
    return key
  }
}

/**
 * The keys that sign a subscription's webhooks at a moment, the newest of each version first. @throws
 * UnreadableSecretError
 */
export function validSigningKeys(
  keys: SigningKeys,
  subscriptionId: string,
  stored: SigningSecrets,
  nowMs: number,
): SigningKey[] {
  const { otherSignatures } = stored
  const ofSecrets = () => validSecrets(stored, nowMs).map((secret) => keys.ofSecret(subscriptionId, secret))
  if (otherSignatures === null) return ofSecrets()
  const ofPairs = validKeyPairs(otherSignatures.keyPairs, nowMs).map(({ privateKey }) =>
    keys.ofPrivateKey(subscriptionId, privateKey),
  )
  if (ofPairs.length === 0) throw new UnreadableSecretError('the subscription has no key pair to sign with')
  return otherSignatures.versions.includes('V1') ? [...ofSecrets(), ...ofPairs] : ofPairs
}
