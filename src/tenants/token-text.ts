/**
 * A token as text: a JSON Web Token (RFC 7519) signed by HMAC-SHA256 (`HS256`, RFC 7518 §3.2). Nothing of a token is
 * looked at before its signature is right, its header included: it is the one that is made here.
 */
import { createHmac, hkdfSync, type KeyObject, timingSafeEqual } from 'node:crypto'

/** RFC 7519 §4.1; `scope` of RFC 8693 §4.2, `client_id` of RFC 8693 §4.3. Times are in seconds since 1970. */
export interface TokenClaims {
  /** The tenant. */
  sub: string
  /** Scopes, separated by spaces. */
  scope: string
  /** Of the API key that made it. */
  client_id: string
  iat: number
  exp: number
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

const HEADER = encode({ alg: 'HS256', typ: 'JWT' })
/** Longer ones are not looked at. The longest that is made here has some 450 characters. */
const MAX_LENGTH = 1000

const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest()

/**
 * @param tokenSecret of the database. Whoever reads it there still lacks the encryption keys, where there are any.
 * @returns the first signs, and every one verifies
 */
export function tokenKeys(tokenSecret: Buffer, encryptionKeys: readonly KeyObject[]): [Buffer, ...Buffer[]] {
  const [first = Buffer.alloc(0), ...others] = encryptionKeys.map((key) => key.export())
  const derive = (from: Buffer) => Buffer.from(hkdfSync('sha256', from, tokenSecret, 'tenant token', 32))
  return [derive(first), ...others.map(derive)]
}

/** What names an API key in its tokens. It tells nothing of the key, or of its hash, to who reads a token. */
export const clientIdOf = (apiKeyHash: Buffer, key: Buffer): string =>
  hmac(key, `client ${apiKeyHash.toString('hex')}`)
    .toString('base64url')
    .slice(0, 22)

export function signToken(claims: TokenClaims, key: Buffer): string {
  const signed = `${HEADER}.${encode(claims)}`
  return `${signed}.${hmac(key, signed).toString('base64url')}`
}

/** @returns the claims and the key that signed them; undefined for anything that was not signed here */
export function readToken(
  text: string,
  keys: readonly Buffer[],
): { claims: TokenClaims; key: Buffer } | undefined {
  if (text.length > MAX_LENGTH || !text.startsWith(`${HEADER}.`)) return undefined
  const [, claims = '', signature = '', ...more] = text.split('.')
  if (more.length > 0) return undefined
  const given = Buffer.from(signature, 'base64url')
  for (const key of keys) {
    const right = hmac(key, `${HEADER}.${claims}`)
    if (given.length === right.length && timingSafeEqual(given, right))
      return { claims: JSON.parse(Buffer.from(claims, 'base64url').toString()), key }
  }
  return undefined
}
