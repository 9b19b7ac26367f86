/**
 * Replaces a subscription's secret. The old secret goes on signing for the overlap, so receivers have time to change
 * over.
 */
import { openIfReadable, type SecretCipher } from './cipher.js'
import { type FormerSecret, type StoredSecrets, validFormerSecrets } from './valid-secrets.js'

export const HOUR_MS = 60 * 60 * 1000
export const DEFAULT_OVERLAP_HOURS = 24
/** Beyond this number the oldest secret stops signing: each secret costs a signature in every webhook. */
export const MAX_FORMER_SECRETS = 10

/**
 * Encrypts all secrets anew, so nothing stays under an older encryption key. Secrets that were replaced before keep
 * their own times.
 *
 * @param overlapHours how long the replaced secret goes on signing; with 0 it signs no more
 * @returns the columns to write; none when the subscription has this secret already
 */
export function replaceSecret(
  cipher: SecretCipher,
  { id, ...stored }: StoredSecrets & { id: string },
  newSecret: string,
  now: Date,
  overlapHours: number = DEFAULT_OVERLAP_HOURS,
): Partial<StoredSecrets> {
  const current = openIfReadable(cipher, id, stored.secret)
  if (newSecret === current) return {}
  const validUntil = new Date(now.getTime() + overlapHours * HOUR_MS).toISOString()
  const untilBySecret = new Map<string, string>()
  if (current !== null && overlapHours > 0) untilBySecret.set(current, validUntil)
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
