/** Keys to encrypt secrets with, and who signed a webhook. */
import { randomBytes } from 'node:crypto'
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

/** How many signatures a webhook carries. */
export const signatureCount = ({ headers }: ReceivedRequest): number =>
  String(headers['webhook-signature']).split(' ').length
