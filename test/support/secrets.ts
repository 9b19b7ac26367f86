/** Keys to encrypt secrets with, and who signed a webhook. */
import { createPublicKey, randomBytes, verify } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { encryptionKeyId, parseEncryptionKey } from '../../src/secrets/encryption-keys.js'
import type { ReceivedRequest } from './receiver.js'

export interface EncryptionKey {
  /** As SECRET_ENCRYPTION_KEY names it. */
  text: string
  id: string
}

export function newEncryptionKey(): EncryptionKey {
  const text = randomBytes(32).toString('base64')
  return { text, id: encryptionKeyId(parseEncryptionKey(text)) }
}

/** Whether one of a webhook's signatures is by a `whsec_` secret, as a consumer finds out. */
export function isSignedBy(secret: string, { body, headers }: ReceivedRequest): boolean {
  try {
    new Webhook(secret).verify(body, headers as Record<string, string>)
    return true
  } catch {
    return false
  }
}

/** Whether one of a webhook's signatures is by the private key of a `whpk_` key, as OpenSSL finds out. */
export function isSignedByPair(publicKey: string, { body, headers }: ReceivedRequest): boolean {
  const x = Buffer.from(publicKey.slice('whpk_'.length), 'base64').toString('base64url')
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  const content = Buffer.from(`${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`)
  return String(headers['webhook-signature'])
    .split(' ')
    .filter((signature) => signature.startsWith('v1a,'))
    .some((signature) => verify(null, content, key, Buffer.from(signature.slice('v1a,'.length), 'base64')))
}

/** How many signatures a webhook carries. */
export const signatureCount = ({ headers }: ReceivedRequest): number =>
  String(headers['webhook-signature']).split(' ').length
