/** The signing keys of stored secrets. Every attempt needs them, so decrypted keys stay in memory. */

import { SEALED_PREFIX, type SecretCipher } from './cipher.js'
import { signingKeyBytes } from './signing-secret.js'

/** The key of a stored secret. @throws UnreadableSecretError */
export type SigningKeys = (subscriptionId: string, stored: string) => Uint8Array

/** These keys take about 5 MB at most. */
const MAX_REMEMBERED = 10_000

export function createSigningKeys(cipher: SecretCipher, maxRemembered = MAX_REMEMBERED): SigningKeys {
  /** By stored text: every change of a secret makes a new text. The least recently used keys come first. */
  const remembered = new Map<string, { subscriptionId: string; key: Uint8Array }>()

  return (subscriptionId, stored) => {
    // Decoding a plain secret costs less than a look-up.
    if (!stored.startsWith(SEALED_PREFIX)) return signingKeyBytes(stored)
    const known = remembered.get(stored)
    // A copy of a sealed text in another subscription must not open there.
    if (known?.subscriptionId === subscriptionId) {
      remembered.delete(stored)
      remembered.set(stored, known)
      return known.key
    }
    const key = signingKeyBytes(cipher.open(subscriptionId, stored))
    remembered.set(stored, { subscriptionId, key })
    if (remembered.size > maxRemembered) remembered.delete(remembered.keys().next().value as string)
    return key
  }
}
