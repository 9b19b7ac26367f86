/** The `webhook-signature` header of Standard Webhooks 1.0.0 ("Signature scheme": `v1` and `v1a`). */
import { createHmac, sign as signAsymmetric } from 'node:crypto'
import type { SigningKey } from '../../secrets/signing-keys.js'

export interface SignatureInput {
  /** As sent in `webhook-id`. */
  id: string
  /** As sent in `webhook-timestamp`: whole seconds since 1970. */
  timestampSeconds: number
  /** The exact bytes or text that is sent. */
  body: string | Uint8Array
  /** Every signing key that is valid now: several after a change of secret. */
  signingKeys: readonly SigningKey[]
}

/**
 * `v1,<base64>` for each secret and `v1a,<base64>` for each key pair, separated by spaces. A receiver accepts a webhook
 * when one of them matches. Equal keys make one signature: during an upgrade a former secret may be stored twice,
 * encrypted differently.
 */
export function sign({ id, timestampSeconds, body, signingKeys }: SignatureInput): string {
  const head = `${id}.${timestampSeconds}.`
  // Ed25519 goes over its input twice, so it takes it whole.
  const whole = () => Buffer.concat([Buffer.from(head), typeof body === 'string' ? Buffer.from(body) : body])
  const signatures = signingKeys.map((key) =>
    key instanceof Uint8Array
      ? `v1,${createHmac('sha256', key).update(head).update(body).digest('base64')}`
      : `v1a,${signAsymmetric(null, whole(), key).toString('base64')}`,
  )
  return [...new Set(signatures)].join(' ')
}
