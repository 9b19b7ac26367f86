/** The `webhook-signature` header of Standard Webhooks 1.0.0 ("Signature scheme": symmetric, `v1`). */
import { createHmac } from 'node:crypto'

export interface SignatureInput {
  /** As sent in `webhook-id`. */
  id: string
  /** As sent in `webhook-timestamp`: whole seconds since 1970. */
  timestampSeconds: number
  /** The exact bytes or text that is sent. */
  body: string | Uint8Array
  /** Every signing key that is valid now: several after a change of secret. */
  signingKeys: readonly Uint8Array[]
}

/**
 * `v1,<base64>` for each key, separated by spaces. A receiver accepts a webhook when one of them matches. Equal
 * keys make one signature: during an upgrade a former secret may be stored twice, encrypted differently.
 */
export function sign({ id, timestampSeconds, body, signingKeys }: SignatureInput): string {
  const head = `${id}.${timestampSeconds}.`
  const signatures = signingKeys.map(
    (key) => `v1,${createHmac('sha256', key).update(head).update(body).digest('base64')}`,
  )
  return [...new Set(signatures)].join(' ')
}
