import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { createSecretCipher, SEALED_PREFIX, UnreadableSecretError } from '../../src/secrets/cipher.js'
import { encryptionKeyId, parseEncryptionKey } from '../../src/secrets/encryption-keys.js'
import { createSigningKeys } from '../../src/secrets/signing-keys.js'
import { signingKeyBytes } from '../../src/secrets/signing-secret.js'

const newKey = () => parseEncryptionKey(randomBytes(32).toString('base64'))
const [older, newer] = [newKey(), newKey()]
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const cipher = createSecretCipher([newer, older])

describe('a stored secret', () => {
  it.each([SECRET, 'plain sécret', '?'])('opens to what was sealed: %s', (secret) => {
    const stored = cipher.seal('sub', secret)
    expect(stored).toMatch(/^enc:v1:[0-9a-f]{8}:[\w-]{16}:[\w-]+$/)
    expect(stored).not.toContain(secret)
    expect(cipher.open('sub', stored)).toBe(secret)
  })

  it('is sealed with the first key, and never twice alike', () => {
    const stored = [cipher.seal('sub', SECRET), cipher.seal('sub', SECRET)]
    expect(new Set(stored).size).toBe(2)
    for (const text of stored) expect(text).toMatch(`${SEALED_PREFIX}${encryptionKeyId(newer)}:`)
  })

  it('opens with any of the keys, and is read as it is when it is plain', () => {
    expect(cipher.open('sub', createSecretCipher([older]).seal('sub', SECRET))).toBe(SECRET)
    expect(cipher.open('sub', SECRET)).toBe(SECRET)
  })

  it('is left as it is without keys', () => {
    const none = createSecretCipher([])
    expect(none.seal('sub', SECRET)).toBe(SECRET)
    expect(none.open('sub', SECRET)).toBe(SECRET)
  })

  it('says which key it lacks', () => {
    const open = () =>
      createSecretCipher([newer]).open('sub', createSecretCipher([older]).seal('sub', SECRET))
    expect(open).toThrow(UnreadableSecretError)
    expect(open).toThrow(`a key that SECRET_ENCRYPTION_KEY does not have (${encryptionKeyId(older)})`)
  })

  it('does not open for another subscription, nor with one character changed or missing', () => {
    const stored = cipher.seal('sub', SECRET)
    const spoil = (at: number) =>
      stored.slice(0, at) + (stored[at] === 'A' ? 'B' : 'A') + stored.slice(at + 1)
    const head = SEALED_PREFIX.length + 9
    const colon = stored.indexOf(':', head)
    for (const text of [spoil(head), spoil(colon + 1), spoil(stored.length - 5), stored.slice(0, -4)])
      expect(() => cipher.open('sub', text)).toThrow('can not be decrypted')
    expect(() => cipher.open('other', stored)).toThrow('can not be decrypted')
    for (const text of [SEALED_PREFIX, stored.slice(0, colon), `${stored.slice(0, head)}::`])
      expect(() => cipher.open('sub', text)).toThrow(UnreadableSecretError)
  })
})

describe('the keys to sign with', () => {
  const counted = () => {
    const opened: string[] = []
    const open = (id: string, stored: string) => {
      opened.push(stored)
      return cipher.open(id, stored)
    }
    return { opened, cipher: { ...cipher, open } }
  }

  it('are opened once, plain ones never', () => {
    const { opened, cipher: counting } = counted()
    const keyOf = createSigningKeys(counting).ofSecret
    const stored = cipher.seal('sub', SECRET)
    for (const text of [stored, stored, SECRET]) expect(keyOf('sub', text)).toEqual(signingKeyBytes(SECRET))
    expect(opened).toEqual([stored])
  })

  it('are not given to another subscription, though they are remembered', () => {
    const keyOf = createSigningKeys(cipher).ofSecret
    const stored = cipher.seal('sub', SECRET)
    keyOf('sub', stored)
    expect(() => keyOf('other', stored)).toThrow('can not be decrypted')
  })

  it('are forgotten when there are too many, those first that were not used for longest', () => {
    const { opened, cipher: counting } = counted()
    const keyOf = createSigningKeys(counting, 2).ofSecret
    const [one, two, three] = ['1', '2', '3'].map((text) => cipher.seal('sub', text)) as [
      string,
      string,
      string,
    ]
    for (const text of [one, two, one, three, one, two]) keyOf('sub', text)
    expect(opened).toEqual([one, two, three, two])
  })
})

describe('a key', () => {
  it.each(['', 'short', randomBytes(31).toString('base64'), randomBytes(32).toString('hex')])(
    'is refused, and not repeated: %s',
    (text) => {
      expect(() => parseEncryptionKey(text)).toThrow(
        /^must be 32 bytes in base64, as `openssl rand -base64 32` prints/,
      )
    },
  )

  it('shows its bytes to nobody', () => {
    const text = randomBytes(32).toString('base64')
    const key = parseEncryptionKey(text)
    for (const shown of [inspect({ key }), JSON.stringify({ key }), `${key}`])
      expect(shown).not.toContain(text)
    expect(inspect(key, { depth: 9, showHidden: true })).not.toContain(
      Buffer.from(text, 'base64').toString('hex'),
    )
  })
})
