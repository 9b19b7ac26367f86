/** A subscription's secrets as stored, encrypted where the service has an encryption key. */
export interface StoredSecrets {
  secret: string
  previousSecret: string | null
  previousSecretUntil: Date | null
}

/**
 * The secrets that webhooks are signed with at a moment of the database's clock, the newest first. While a secret is being
 * replaced the previous one signs as well, so that a receiver can change over without losing a webhook.
 */
export function validSecrets(stored: StoredSecrets, nowMs: number): string[] {
  const { secret, previousSecret, previousSecretUntil } = stored
  const isPreviousValid = previousSecretUntil !== null && nowMs < previousSecretUntil.getTime()
  return previousSecret !== null && isPreviousValid ? [secret, previousSecret] : [secret]
}
