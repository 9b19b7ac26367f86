/** The text of a token: nothing that was not signed here is read. */
import { createSecretKey, randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { clientIdOf, readToken, signToken, tokenKeys } from '../../src/tenants/token-text.js'

const secret = randomBytes(32)
const encryptionKeys = [createSecretKey(randomBytes(32)), createSecretKey(randomBytes(32))]
const keys = tokenKeys(secret, encryptionKeys)
const claims = { sub: 'acme', scope: 'read', client_id: 'abc', iat: 1_800_000_000, exp: 1_800_003_600 }
const token = signToken(claims, keys[0])

describe('a token', () => {
  it('is a JSON Web Token that any of the keys verifies', () => {
    const [header = '', body = ''] = token.split('.')
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({ alg: 'HS256', typ: 'JWT' })
    expect(JSON.parse(Buffer.from(body, 'base64url').toString())).toEqual(claims)
    expect(readToken(token, keys.toReversed())).toEqual({ claims, key: keys[0] })
  })

  it('needs the encryption key beside the secret of the database', () => {
    expect(readToken(token, tokenKeys(secret, []))).toBeUndefined()
    expect(readToken(token, tokenKeys(randomBytes(32), encryptionKeys))).toBeUndefined()
    expect(readToken(signToken(claims, tokenKeys(secret, [])[0]), keys)).toBeUndefined()
  })

  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const [header, body, signature] = token.split('.')
  it.each([
    ['nothing', ''],
    ['another algorithm', `${encode({ alg: 'none', typ: 'JWT' })}.${body}.`],
    ['other claims', `${header}.${encode({ ...claims, sub: 'zeta' })}.${signature}`],
    ['no signature', `${header}.${body}.`],
    ['half of a signature', token.slice(0, -10)],
    ['a further part', `${token}.${signature}`],
    ['a very long text', `${header}.${'a'.repeat(100_000)}.${signature}`],
  ])('is not %s', (_what, text) => {
    expect(readToken(text, keys)).toBeUndefined()
  })

  it('names its API key in a way that tells nothing of it', () => {
    const hash = randomBytes(32)
    expect(clientIdOf(hash, keys[0])).toMatch(/^[\w-]{22}$/)
    expect(clientIdOf(hash, keys[0])).not.toBe(clientIdOf(hash, keys[1] as Buffer))
  })
})
