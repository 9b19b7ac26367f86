/** The keys that webhooks are signed with, from stored secrets: asked for at every attempt, so opened once and remembered. */

import { SEALED_PREFIX, type SecretCipher } from './cipher.js'
import { signingKeyBytes } from './signing-secret.js'

/** The key of a stored secret. @throws UnreadableSecretError */
export type SigningKeys = (subscriptionId: string, stored: string) => Uint8Array

/** Some 5 MB at most. */
const MAX_REMEMBERED = 10_000

export function createSigningKeys(cipher: SecretCipher, maxRemembered = MAX_REMEMBERED): SigningKeys {
  /** By the stored text, which is another one after every change; those not used for longest come first. */
  const remembered = new Map<string, { subscriptionId: string; key: Uint8Array }>()

  return (subscriptionId, stored) => {
    // A plain secret costs less to read than to find.
    if (!stored.startsWith(SEALED_PREFIX)) return signingKeyBytes(stored)
    const known = remembered.get(stored)
    // A text that was copied to another subscription must not open there because it was opened here.
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
