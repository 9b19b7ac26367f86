import { describe, expect, it } from 'vitest'
import {
  connectionFields,
  exchangeFields,
  writeConnection,
  writeHeaders,
} from '../../src/model/attempt-details.js'
import { noSecrets, REDACTED } from '../../src/model/header-redaction.js'

const used = {
  ...{ dnsMs: 3, connectMs: 0, tlsMs: null, isConnectionReused: false },
  ...{ httpVersion: '1.1', remoteAddress: '2001:db8::1' },
}
const rest = { firstByteMs: 12, isTruncated: true, worker: 'host-1/42' }

describe('the connection of an attempt', () => {
  it('is read as it was written', () => {
    expect(connectionFields(writeConnection(used, rest, 'STANDARD'), 20)).toEqual({
      timings: { dnsMs: 3, connectMs: 0, tlsMs: null, firstByteMs: 12, totalMs: 20 },
      ...{ remoteAddress: '2001:db8::1', isConnectionReused: false, httpVersion: '1.1', worker: 'host-1/42' },
    })
  })

  it('is unknown in a log that has none', () => {
    expect(connectionFields(null, 20)).toEqual({
      timings: { dnsMs: null, connectMs: null, tlsMs: null, firstByteMs: null, totalMs: 20 },
      ...{ remoteAddress: null, isConnectionReused: null, httpVersion: null, worker: null },
    })
  })
})

describe('the headers of an attempt', () => {
  const shown = (...sides: [object | undefined, object | undefined]) => {
    const { text } = writeHeaders(
      ...(sides as Parameters<typeof writeHeaders>[0][] as [never, never]),
      noSecrets,
    )
    return exchangeFields({ connection: null, headers: text }, Buffer.from('é').subarray(0, 1))
  }

  it.each([
    [{ a: '1' }, { b: '2' }],
    [{ a: '1', c: 'x: y' }, {}],
    [{ a: '1' }, undefined],
    [undefined, undefined],
    [undefined, { b: '2' }],
  ])('of %o and %o are read as they were written', (request, response) => {
    expect(shown(request, response)).toEqual({
      request: request === undefined ? null : { headers: request },
      response: response === undefined ? null : { headers: response, body: '\uFFFD', isTruncated: false },
    })
  })

  it('are one text where a header is repeated', () => {
    expect(shown({}, { via: ['a', 'b'] }).response?.headers).toEqual({ via: 'a, b' })
  })

  it.each([
    ...['authorization', 'proxy-authorization', 'cookie', 'set-cookie', 'x-api-key', 'x-auth-token'],
    ...['x-amz-security-token', 'client-secret', 'password', 'x-session-id'],
  ])('keep no value of %s', (name) => {
    expect(shown({ [name]: 'abcdefgh' }, { [name]: ['abcdefgh'] })).toMatchObject({
      request: { headers: { [name]: REDACTED } },
      response: { headers: { [name]: REDACTED } },
    })
  })

  it.each([
    'webhook-signature',
    'etag',
    'www-authenticate',
    'keep-alive',
    'access-control-allow-credentials',
  ])('keep the value of %s', (name) =>
    expect(shown({ [name]: 'v' }, {}).request?.headers).toEqual({ [name]: 'v' }),
  )

  it("keep none of the owner's own secrets, neither where it was sent nor where it comes back", () => {
    const secrets = { headerNames: new Set(['x-mine']), values: ['hunter2hunter2'] }
    const { text } = writeHeaders({ 'x-mine': 'hunter2hunter2' }, { echo: 'mine=hunter2hunter2' }, secrets)
    expect(text).toBe(`x-mine: ${REDACTED}\n\necho: mine=${REDACTED}\n`)
  })

  it('are bounded', () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, n) => [`h${n}`, 'x'.repeat(90)]))
    const { text, isTruncated } = writeHeaders({}, many, noSecrets)
    expect([text.length <= 4097, isTruncated]).toEqual([true, true])
  })
})
