import { createSecretKey, randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { createBodyCipher } from '../../src/secrets/body-cipher.js'

const newKey = () => createSecretKey(randomBytes(32))
const body = Buffer.from([0, 1, 2, 255, 0x65])

describe.each([
  ['without a key', []],
  ['with a key', [newKey()]],
])('a body %s', (_, keys) => {
  const cipher = createBodyCipher(keys)

  it.each([[body], [Buffer.alloc(0)], [Buffer.from('enc:v1:')]])('of %o is opened as it was', (bytes) => {
    expect(cipher.open('a/1', cipher.seal('a/1', bytes))).toEqual(bytes)
  })

  it('is nothing when it was damaged', () => {
    expect(cipher.open('a/1', Buffer.alloc(0))).toBeUndefined()
    expect(cipher.open('a/1', Buffer.of(7, 1, 2))).toBeUndefined()
    expect(cipher.open('a/1', Buffer.of(1, 1, 2))).toBeUndefined()
  })
})

describe('a sealed body', () => {
  const [key, other] = [newKey(), newKey()]
  const sealed = createBodyCipher([key]).seal('a/1', Buffer.from('an answer'))

  it('does not have its text', () => expect(sealed.toString('latin1')).not.toContain('answer'))

  it('opens with an older key', () => {
    expect(createBodyCipher([other, key]).open('a/1', sealed)?.toString()).toBe('an answer')
  })

  it.each([
    ['another key', [other], 'a/1'],
    ['no key', [], 'a/1'],
    ['another attempt', [key], 'a/2'],
  ])('does not open with %s', (_, keys, attemptId) => {
    expect(createBodyCipher(keys).open(attemptId, sealed)).toBeUndefined()
  })

  it('opens from what was written before encryption', () => {
    const plain = createBodyCipher([]).seal('a/1', body)
    expect(createBodyCipher([key]).open('a/1', plain)).toEqual(body)
  })
})
