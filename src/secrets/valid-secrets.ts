/** The stored secrets of a subscription, and the choice of the signing secrets at a moment. */
import type { StoredKeyPair } from './key-pairs.js'

/** A replaced secret: a value of the column `formerSecrets`. */
export type FormerSecret = {
  /** As stored: encrypted where the service has an encryption key. */
  secret: string
  /** ISO 8601, by the database's clock. */
  validUntil: string
}

export interface StoredSecrets {
  secret: string
  /** The newest first. */
  formerSecrets: FormerSecret[]
  /** The newest former secret once more, for processes of the previous version. Such a process may have replaced it. */
  previousSecret: string | null
  previousSecretUntil: Date | null
}

/** SQL: the columns of `StoredSecrets` of the subscription `s`. */
export const sqlStoredSecrets = (s: string): string =>
  `${s}.secret, ${s}."formerSecrets", ${s}."previousSecret", ${s}."previousSecretUntil"`

/** What signs the webhooks of a subscription. */
export interface SigningSecrets extends StoredSecrets {
  /** Null for a subscription with V1 alone, for which nothing more is read. */
  otherSignatures: { versions: string[]; keyPairs: StoredKeyPair[] } | null
}

/** SQL: the columns of `SigningSecrets` of the subscription `s`. */
export const sqlSigningSecrets = (s: string): string => `${sqlStoredSecrets(s)},
           case when ${s}.signatures <> '{V1}'
             then jsonb_build_object('versions', ${s}.signatures, 'keyPairs', ${s}."keyPairs")
           end as "otherSignatures"`

/** The former secrets still signing at a moment of the database's clock, the newest first. */
export function validFormerSecrets(stored: StoredSecrets, nowMs: number): FormerSecret[] {
  const { previousSecret, previousSecretUntil } = stored
  const former = stored.formerSecrets.filter(({ validUntil }) => nowMs < Date.parse(validUntil))
  if (previousSecret === null || previousSecretUntil === null) return former
  const isValid = nowMs < previousSecretUntil.getTime()
  if (!isValid || former.some(({ secret }) => secret === previousSecret)) return former
  return [{ secret: previousSecret, validUntil: previousSecretUntil.toISOString() }, ...former]
}

/**
 * The signing secrets of webhooks at a moment of the database's clock, the newest first. A replaced secret goes on
 * signing for a while, so a receiver can change over without losing a webhook.
 */
export function validSecrets(stored: StoredSecrets, nowMs: number): string[] {
  if (stored.previousSecret === null && stored.formerSecrets.length === 0) return [stored.secret]
  return [stored.secret, ...validFormerSecrets(stored, nowMs).map(({ secret }) => secret)]
}
