/**
 * Ed25519 key pairs in the form of Standard Webhooks 1.0.0 ("Signature scheme"): `whsk_` and `whpk_` before base64. The
 * private key is the seed with the public key behind it, 64 bytes, as libsodium and Svix write it.
 */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'

const PRIVATE_PREFIX = 'whsk_'
const PUBLIC_PREFIX = 'whpk_'
const SEED_BYTES = 32
/** What PKCS #8 has before the seed of an Ed25519 key (RFC 8410 §7). */
const PKCS8_HEAD = Buffer.from('302e020100300506032b657004220420', 'hex')

export interface KeyPair {
  publicKey: string
  privateKey: string
}

export function generateKeyPair(): KeyPair {
  const { privateKey } = generateKeyPairSync('ed25519')
  const { d = '', x = '' } = privateKey.export({ format: 'jwk' })
  const [seed, point] = [Buffer.from(d, 'base64url'), Buffer.from(x, 'base64url')]
  return {
    publicKey: PUBLIC_PREFIX + point.toString('base64'),
    privateKey: PRIVATE_PREFIX + Buffer.concat([seed, point]).toString('base64'),
  }
}

/** The key that signs, of a `whsk_` text. */
export function privateKeyObject(privateKey: string): KeyObject {
  const seed = Buffer.from(privateKey.slice(PRIVATE_PREFIX.length), 'base64').subarray(0, SEED_BYTES)
  return createPrivateKey({ key: Buffer.concat([PKCS8_HEAD, seed]), format: 'der', type: 'pkcs8' })
}

/** Whether a text says that it is a key of a pair: as a secret, it would be signed with where it is no secret. */
export const isOfKeyPair = (text: string): boolean => /^\s*wh[sp]k_/i.test(text)
