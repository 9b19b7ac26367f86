/** The `webhook-signature` header of Standard Webhooks 1.0.0 ("Signature scheme": symmetric, `v1`). */
import { createHmac } from 'node:crypto'

export interface SignatureInput {
  /** As sent in `webhook-id`. */
  id: string
  /** As sent in `webhook-timestamp`: whole seconds since 1970. */
  timestampSeconds: number
  /** The very bytes, or the very text, that is sent. */
  body: string | Uint8Array
  /** Every key that is valid now, see `secretKey`; more than one while a secret is being replaced. */
  keys: readonly Uint8Array[]
}

/** `v1,<base64>` for each key, separated by spaces: a receiver accepts when any one of them fits. */
export function sign({ id, timestampSeconds, body, keys }: SignatureInput): string {
  const head = `${id}.${timestampSeconds}.`
  return keys
    .map((key) => `v1,${createHmac('sha256', key).update(head).update(body).digest('base64')}`)
    .join(' ')
}
