/**
 * Replaces a subscription's secret. The old secret goes on signing for a day, so receivers have time to change over.
 */
import { type SecretCipher, UnreadableSecretError } from './cipher.js'
import { type FormerSecret, type StoredSecrets, validFormerSecrets } from './valid-secrets.js'

const FORMER_SECRET_LASTS_MS = 24 * 60 * 60 * 1000
/** Beyond this number the oldest secret stops signing: each secret costs a signature in every webhook. */
const MAX_FORMER_SECRETS = 10

/**
 * Encrypts all secrets anew, so nothing stays under an older encryption key.
 *
 * @returns the columns to write; none when the subscription has this secret already
 */
export function replaceSecret(
  cipher: SecretCipher,
  { id, ...stored }: StoredSecrets & { id: string },
  newSecret: string,
  now: Date,
): Partial<StoredSecrets> {
  const current = openIfReadable(cipher, id, stored.secret)
  if (newSecret === current) return {}
  const validUntil = new Date(now.getTime() + FORMER_SECRET_LASTS_MS).toISOString()
  const untilBySecret = new Map<string, string>()
  if (current !== null) untilBySecret.set(current, validUntil)
  for (const former of validFormerSecrets(stored, now.getTime())) {
    const secret = openIfReadable(cipher, id, former.secret)
    if (secret !== null && !untilBySecret.has(secret)) untilBySecret.set(secret, former.validUntil)
  }
  untilBySecret.delete(newSecret)
  const formerSecrets = [...untilBySecret]
    .slice(0, MAX_FORMER_SECRETS)
    .map(([secret, validUntil]): FormerSecret => ({ secret: cipher.seal(id, secret), validUntil }))
  const [newest] = formerSecrets
  return {
    secret: cipher.seal(id, newSecret),
    formerSecrets,
    previousSecret: newest?.secret ?? null,
    previousSecretUntil: newest ? new Date(newest.validUntil) : null,
  }
}

/** @returns null when the encryption key is lost: the old secret can't sign, and a new secret is the way out */
function openIfReadable(cipher: SecretCipher, id: string, stored: string): string | null {
  try {
    return cipher.open(id, stored)
  } catch (error) {
    if (error instanceof UnreadableSecretError) return null
    throw error
  }
}
