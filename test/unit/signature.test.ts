import { Webhook } from 'standardwebhooks'
import { expect, test } from 'vitest'
import { sign } from '../../src/delivery-engine/attempt/signature.js'
import { generateSecret, signingKeyBytes } from '../../src/secrets/signing-secret.js'

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const message = {
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestampSeconds: 1_614_265_330,
  body: '{"test": 2432232314}',
}
const SIGNATURE = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='

test('gives the reference value', () => {
  expect(sign({ ...message, signingKeys: [signingKeyBytes(SECRET)] })).toBe(SIGNATURE)
})

test('signs bytes as it signs text', () => {
  const body = '{"name": "Zoë 🦊"}'
  const signingKeys = [signingKeyBytes(SECRET)]
  expect(sign({ ...message, body: Buffer.from(body), signingKeys })).toBe(
    sign({ ...message, body, signingKeys }),
  )
})

test('signs with every key, in order, separated by spaces', () => {
  const other = signingKeyBytes('another secret')
  const signature = sign({ ...message, signingKeys: [signingKeyBytes(SECRET), other] })
  expect(signature).toBe(`${SIGNATURE} ${sign({ ...message, signingKeys: [other] })}`)
})

test.each(['', 'plain text', 'Zoë 🦊'])('a secret without the prefix is its UTF-8 bytes: %j', (secret) => {
  expect(signingKeyBytes(secret)).toEqual(Buffer.from(secret, 'utf8'))
})

test('a secret with the prefix is base64 after it', () => {
  expect(signingKeyBytes('whsec_AAECAw==')).toEqual(Buffer.from([0, 1, 2, 3]))
})

test('generated secrets have the prefix and 32 bytes, and differ', () => {
  const [first, second] = [generateSecret(), generateSecret()]
  expect(first).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
  expect(signingKeyBytes(first)).toHaveLength(32)
  expect(second).not.toBe(first)
})

test.each([
  ['a generated secret', generateSecret(), (secret: string) => new Webhook(secret)],
  ['a plain secret', 'plain Zoë 🦊', (secret: string) => new Webhook(Buffer.from(secret), { format: 'raw' })],
])('an independent verifier accepts what %s signed, and nothing else', (_, secret, verifier) => {
  const body = '{"name":"Zoë 🦊"}'
  const timestampSeconds = Math.floor(Date.now() / 1000)
  const signingKeys = [signingKeyBytes('an older secret'), signingKeyBytes(secret)]
  const headers = {
    'webhook-id': message.id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': sign({ id: message.id, timestampSeconds, body, signingKeys }),
  }
  expect(verifier(secret).verify(body, headers)).toEqual(JSON.parse(body))
  expect(() => verifier(secret).verify(`${body} `, headers)).toThrow('No matching signature found')
})
