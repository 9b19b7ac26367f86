/**
 * Endpoints that are broken, or mean harm, on real sockets. Whatever they do, an attempt ends within its deadline,
 * in a outcome and a sentence; little is read; and their connection is gone afterwards.
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { decideOutcome } from '../../src/delivery-engine/attempt/outcome.js'
import { createSender, type Exchange, type Sender } from '../../src/delivery-engine/attempt/sender.js'
import { NameLookupError } from '../../src/delivery-engine/dns/name-lookup-error.js'
import { createEgressGuard } from '../../src/delivery-engine/egress/egress-guard.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { machineClock } from '../support/clock.js'
import {
  answer,
  answerAndEnd,
  answerAndReset,
  type Behaviour,
  drip,
  flood,
  type HostileEndpoint,
  onRequest,
  startHostileEndpoint,
} from '../support/hostile-endpoint.js'
import { namesFrom } from '../support/names.js'

const MEBIBYTE = 2 ** 20
const ok = (headers: string, body = '') => `HTTP/1.1 200 OK\r\n${headers}\r\n\r\n${body}`
const chunked = (body: string) => ok('transfer-encoding: chunked', body)
const many = (count: number, line: (n: number) => string) => Array.from({ length: count }, (_, n) => line(n))

/** For rows that are to end by themselves, however busy the machine is. */
const LONG_MS = 20_000
/** For rows that are to end by the deadline. */
const SHORT_MS = 1000

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

function startSender(timeoutMs: number): Sender {
  const guard = createEgressGuard({ allowedCidrs: ['127.0.0.0/8', '::1/128'] })
  return resources.use(createSender({ guard, timeoutMs, clock: machineClock }))
}

const start = async (behave: Behaviour) => resources.use(await startHostileEndpoint(behave))

function post(sender: Sender, { url }: { url: string }, body = '{"id":"evt"}'): Promise<Exchange> {
  return sender.send({
    endpointUrl: url,
    id: 'evt',
    body: Buffer.from(body),
    signingKeys: () => [Buffer.from('key')],
  })
}

const verdictOn = (exchange: Exchange) =>
  decideOutcome(
    exchange,
    1,
    { maxAttempts: 10, backoffBaseSeconds: 1, backoffMaxSeconds: 1 },
    machineClock.now(),
  )

function toBeGone(endpoint: HostileEndpoint) {
  endpoint.readOn()
  return expect.poll(() => endpoint.open, { timeout: 25_000, interval: 20 }).toBe(0)
}

describe('answers that are none', () => {
  const notHttp = /^Response does not match the HTTP\/1\.1 protocol \([^()]+\)$/
  const cutOff = /^the connection ended without a whole answer \(UND_ERR_SOCKET\)$/
  // Whether what came before a reset is read first is for the system to say.
  const reset = /^the (endpoint reset the|connection ended).* \((ECONNRESET|UND_ERR_SOCKET)\)$/
  const wrongLength =
    /^the answer is not as long as its content-length says \(UND_ERR_RES_CONTENT_LENGTH_MISMATCH\)$/
  const longHeaders = /^the headers of the answer are too long \(UND_ERR_HEADERS_OVERFLOW\)$/

  it.each<[string, Behaviour, RegExp]>([
    ['closed at once', (socket) => void socket.end(), /ECONNRESET|EPIPE|UND_ERR_SOCKET/],
    ['reset at once', (socket) => void socket.resetAndDestroy(), /ECONNRESET|EPIPE|UND_ERR_SOCKET/],
    ['closed after the request', answerAndEnd(''), cutOff],
    ['reset after the request', onRequest((socket) => void socket.resetAndDestroy()), reset],
    ['closed in the status line', answerAndEnd('HTTP/1.1 20'), cutOff],
    ['closed in the headers', answerAndEnd('HTTP/1.1 200 OK\r\ncontent-le'), cutOff],
    ['reset in the headers', answerAndReset('HTTP/1.1 200 OK\r\ncontent-le'), reset],
    ['closed in the body', answerAndEnd(ok('content-length: 10', 'five!')), cutOff],
    ['reset in the body', answerAndReset(ok('content-length: 10', 'five!')), reset],
    ['closed in a chunk', answerAndEnd(chunked('5\r\nfi')), cutOff],
    ['closed before the last chunk', answerAndEnd(chunked('5\r\nfive!\r\n')), cutOff],
    [
      'closed in a body that would end with the connection, too short',
      answerAndEnd(ok('connection: close\r\ncontent-length: 10', 'five!')),
      wrongLength,
    ],
    ['text', answer('hello\r\n\r\n'), notHttp],
    ['HTTP/0.9', answerAndEnd('<html>hello</html>'), notHttp],
    ['a version that there is not', answer('HTTP/9.9 200 OK\r\n\r\n'), notHttp],
    ['HTTP/2 unasked', answer('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), notHttp],
    [
      'a SETTINGS frame of HTTP/2',
      answer('\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64'),
      /^the endpoint speaks only HTTP\/2, and webhooks are sent by HTTP\/1\.1$/,
    ],
    ['TLS where HTTP was asked', answer('\x15\x03\x01\x00\x02\x02\x28'), notHttp],
    ['zeros', answer('\0'.repeat(1000)), notHttp],
    ['an SSH banner', answer('SSH-2.0-OpenSSH_9.6\r\n'), notHttp],
    ['a status of two digits', answer('HTTP/1.1 20 OK\r\n\r\n'), notHttp],
    ['a status of four digits', answer('HTTP/1.1 2000 OK\r\n\r\n'), notHttp],
    [
      'a status of zeros',
      answer('HTTP/1.1 000 Zero\r\n\r\n'),
      /^the answer is not HTTP\/1\.1 \(ERR_ASSERTION\)$/,
    ],
    ['a status of letters', answer('HTTP/1.1 abc OK\r\n\r\n'), notHttp],
    ['a negative status', answer('HTTP/1.1 -20 OK\r\n\r\n'), notHttp],
    ['a header without a name', answer(ok(': value')), notHttp],
    ['a header without a colon', answer(ok('nonsense')), notHttp],
    ['a header with NUL', answer(ok('x: a\0b')), notHttp],
    ['a content-length of letters', answer(ok('content-length: many')), notHttp],
    ['a negative content-length', answer(ok('content-length: -1')), notHttp],
    ['a content-length past 2^64', answer(ok('content-length: 99999999999999999999')), wrongLength],
    ['two content-lengths', answer(ok('content-length: 1\r\ncontent-length: 2', 'ab')), wrongLength],
    [
      'two content-lengths that differ in a zero',
      answer(ok('content-length: 1\r\ncontent-length: 01', 'a')),
      wrongLength,
    ],
    ['two content-lengths in one', answer(ok('content-length: 1, 2', 'ab')), wrongLength],
    [
      'chunked and a length',
      answer(ok('content-length: 5\r\ntransfer-encoding: chunked', '0\r\n\r\n')),
      wrongLength,
    ],
    ['a chunk size of letters', answer(chunked('zz\r\nhello\r\n')), notHttp],
    ['a chunk size past 2^64', answer(chunked('fffffffffffffffff\r\nhello')), notHttp],
    ['a negative chunk size', answer(chunked('-5\r\nhello\r\n')), notHttp],
    ['a chunk longer than its size', answer(chunked('1\r\nhello\r\n0\r\n\r\n')), notHttp],
    ['a header of 20 KiB', answer(ok(`x: ${'a'.repeat(20_480)}`)), longHeaders],
    ['10,000 headers', answer(ok(many(10_000, (n) => `x-${n}: ${n}`).join('\r\n'))), longHeaders],
    ['1,000 cookies', answer(ok(many(1000, (n) => `set-cookie: c${n}=value${n}`).join('\r\n'))), longHeaders],
    ['100 Continue, unasked', answer('HTTP/1.1 100 Continue\r\n\r\n'), cutOff],
    ['100 Continue before 200', answer(`HTTP/1.1 100 Continue\r\n\r\n${ok('content-length: 0')}`), cutOff],
    ['103 and no more', answerAndEnd('HTTP/1.1 103 Early Hints\r\n\r\n'), cutOff],
    [
      'an upgrade, unasked',
      answer('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'),
      cutOff,
    ],
  ])('%s', async (_, behave, error) => {
    const endpoint = await start(behave)
    const exchange = await post(startSender(LONG_MS), endpoint)
    expect(exchange).toMatchObject({ statusCode: null, error: expect.stringMatching(error) })
    expect(verdictOn(exchange)).toMatchObject({ status: 'FAILED', error: exchange.error })
    expect(endpoint.connections).toBe(1)
    await toBeGone(endpoint)
  })
})

describe('answers that are complete, whatever they say of a length', () => {
  it.each<[string, Behaviour, number]>([
    ['204 with a length', answer('HTTP/1.1 204 No Content\r\ncontent-length: 4\r\n\r\n'), 204],
    ['204 with a length, closed', answerAndEnd('HTTP/1.1 204 No Content\r\ncontent-length: 4\r\n\r\n'), 204],
    ['204, chunked', answer('HTTP/1.1 204 No Content\r\ntransfer-encoding: chunked\r\n\r\n'), 204],
    ['205 with a length', answer('HTTP/1.1 205 Reset Content\r\ncontent-length: 4\r\n\r\n'), 205],
    ['205 without a length', answer('HTTP/1.1 205 Reset Content\r\n\r\n'), 205],
    ['304 with a length', answer('HTTP/1.1 304 Not Modified\r\ncontent-length: 4\r\n\r\n'), 304],
    [
      '304 with a length, reset',
      answerAndReset('HTTP/1.1 304 Not Modified\r\ncontent-length: 4\r\n\r\n'),
      304,
    ],
    ['200 without a body, reset', answerAndReset(ok('content-length: 0')), 200],
    ['a body that ends with the connection', answerAndEnd(ok('x: y', 'ok')), 200],
    ['two equal lengths', answer(ok('content-length: 2\r\nx: y\r\nContent-Length:2', 'ok')), 200],
    [
      'three equal lengths, in one and apart',
      answer(ok('content-length: 2, 2\r\ncontent-length: 2', 'ok')),
      200,
    ],
    [
      'two equal lengths of a failure',
      answer('HTTP/1.1 503 No\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\nno'),
      503,
    ],
  ])('%s', async (_, behave, statusCode) => {
    const endpoint = await start(behave)
    expect(await post(startSender(LONG_MS), endpoint)).toMatchObject({ statusCode, error: null })
    expect(endpoint.connections).toBe(1)
  })
})

it('two equal lengths leave the connection in use, for a body that repeats them', async () => {
  const body = '\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n'
  const lengths = `content-length: ${body.length}\r\n`.repeat(2)
  const endpoint = await start(answer(ok(lengths.trim(), body)))
  const sender = startSender(LONG_MS)
  for (let count = 1; count <= 6; count += 1)
    expect(await post(sender, endpoint)).toMatchObject({ statusCode: 200, error: null })
  // The first connection is used again only in a later turn of the event loop.
  expect(endpoint.connections).toBeLessThanOrEqual(2)
})

describe('a connection that the endpoint closes while it is idle', () => {
  /** Answers the first request of each connection, and closes it as soon as a second begins. */
  const closeAtReuse: Behaviour = (socket) => {
    let requests = 0
    socket.on('data', () => {
      requests += 1
      if (requests > 1) socket.destroy()
      else socket.write(ok('content-length: 2', 'ok'))
    })
  }

  it('costs no attempt: the request is sent once more, on a new one', async () => {
    const endpoint = await start(closeAtReuse)
    const sender = startSender(LONG_MS)
    for (let count = 1; count <= 3; count += 1)
      expect(await post(sender, endpoint)).toMatchObject({ statusCode: 200, error: null })
    expect(endpoint.connections).toBeLessThanOrEqual(4)
  })

  it('is a failure when a new connection is closed as well', async () => {
    let isOpen = true
    const endpoint = await start((socket, ...rest) =>
      isOpen ? closeAtReuse(socket, ...rest) : void socket.destroy(),
    )
    const sender = startSender(LONG_MS)
    expect(await post(sender, endpoint)).toMatchObject({ statusCode: 200 })
    isOpen = false
    expect(await post(sender, endpoint)).toMatchObject({ statusCode: null })
    expect(endpoint.connections).toBe(2)
  })
})

describe('answers without end', () => {
  it.each<[string, Behaviour, string]>([
    ['nothing', () => {}, 'no whole answer'],
    ['nothing, and the request is not read', (socket) => void socket.pause(), 'no whole answer'],
    ['a byte now and then, of the status line', drip('', 'HTTP/1.1 200 OK '), 'no whole answer'],
    ['a byte now and then, of a header', drip('HTTP/1.1 200 OK\r\nx: ', 'a'), 'no whole answer'],
    ['headers one by one', drip('HTTP/1.1 200 OK\r\n', 'a:b\r\n'), 'no whole answer'],
    ['a byte now and then, of the body', drip(ok('content-length: 99999'), 'a'), 'no end of the 200 answer'],
    ['a chunk now and then', drip(chunked(''), '1\r\na\r\n'), 'no end of the 200 answer'],
    ['a body shorter than its length', answer(ok('content-length: 10', 'five!')), 'no end of the 200 answer'],
    ['a body that never begins', answer(ok('content-length: 10')), 'no end of the 200 answer'],
    ['trailers one by one', drip(chunked('0\r\n'), 'a:b\r\n'), 'no end of the 200 answer'],
    ['a failure whose body does not end', drip('HTTP/1.1 500 No\r\n\r\n', 'a'), 'no end of the 500 answer'],
    ['103 now and then', drip('', 'HTTP/1.1 103 Early Hints\r\n\r\n', 2), 'no whole answer'],
    ['199, which is no last word', answer('HTTP/1.1 199 Hm\r\n\r\n'), 'no whole answer'],
  ])('%s', async (_, behave, lacking) => {
    const endpoint = await start(behave)
    const exchange = await post(startSender(SHORT_MS), endpoint)
    expect(exchange).toMatchObject({ statusCode: null, error: `${lacking} within ${SHORT_MS} ms` })
    // A timer may be a millisecond early.
    expect(exchange.responseTimeMs).toBeGreaterThanOrEqual(SHORT_MS - 1)
    expect(exchange.responseTimeMs).toBeLessThan(SHORT_MS + 10_000)
    expect(verdictOn(exchange)).toMatchObject({ status: 'FAILED', error: exchange.error })
    await toBeGone(endpoint)
    expect(endpoint.connections).toBe(1)
  })

  it.each([256 * 1024, 32 * MEBIBYTE])('a request of %i bytes that is not read', async (length) => {
    const endpoint = await start((socket) => void socket.pause())
    const exchange = await post(startSender(SHORT_MS), endpoint, 'a'.repeat(length))
    expect(exchange.error).toBe(`no whole answer within ${SHORT_MS} ms`)
    await toBeGone(endpoint)
  })
})

describe('floods', () => {
  const AT_ONCE = 20
  const tooLong = 'the answer is longer than is read (ANSWER_TOO_LONG)'
  const longHeaders = 'the headers of the answer are too long (UND_ERR_HEADERS_OVERFLOW)'

  it.each<[string, Behaviour, Pick<Exchange, 'statusCode' | 'error'>]>([
    [
      'a gigabyte that is announced',
      flood(ok('content-length: 1000000000'), 'a'.repeat(65_536)),
      { statusCode: 200, error: null },
    ],
    ['a body without end', flood(ok('connection: close'), 'a'), { statusCode: 200, error: null }],
    [
      'a failure with a body without end',
      flood('HTTP/1.1 503 No\r\n\r\n', 'a'),
      { statusCode: 503, error: null },
    ],
    ['chunks without end', flood(chunked(''), '1\r\na\r\n'), { statusCode: 200, error: null }],
    [
      'a decompression bomb',
      flood(
        ok('content-encoding: gzip\r\ncontent-length: 1000000000'),
        gzipSync(Buffer.alloc(16 * MEBIBYTE)),
      ),
      { statusCode: 200, error: null },
    ],
    ['a chunk extension without end', flood(chunked('1;a='), 'a'), { statusCode: null, error: tooLong }],
    ['trailers without end', flood(chunked('0\r\n'), 'a: b\r\n'), { statusCode: null, error: longHeaders }],
    [
      'headers without end',
      flood(ok('a: b').slice(0, -2), 'a: b\r\n'),
      { statusCode: null, error: longHeaders },
    ],
    ['a header without end', flood('HTTP/1.1 200 OK\r\nx: ', 'a'), { statusCode: null, error: longHeaders }],
    ['a reason without end', flood('HTTP/1.1 200 ', 'a'), { statusCode: null, error: tooLong }],
    ['blank lines without end', flood('', '\r\n'), { statusCode: null, error: tooLong }],
    ['103 without end', flood('', 'HTTP/1.1 103 Early Hints\r\n\r\n'), { statusCode: null, error: tooLong }],
    ['199 without end', flood('', 'HTTP/1.1 199 Hm\r\na: b\r\n\r\n'), { statusCode: null, error: tooLong }],
  ])('%s', async (_, behave, expected) => {
    const endpoint = await start(behave)
    const sender = startSender(LONG_MS)
    const before = memoryInUse()
    const exchanges = await Promise.all(Array.from({ length: AT_ONCE }, () => post(sender, endpoint)))
    for (const exchange of exchanges) expect(exchange).toMatchObject(expected)
    await toBeGone(endpoint)
    expect(endpoint.connections).toBe(AT_ONCE)
    // Besides what was read, the buffers of the system's sockets took what they hold.
    expect(endpoint.bytesWritten / AT_ONCE).toBeLessThan(16 * MEBIBYTE)
    expect(memoryInUse() - before).toBeLessThan(16 * MEBIBYTE)
  })
})

describe('statuses', () => {
  const line = (status: string, headers = '') =>
    answer(`HTTP/1.1 ${status}\r\n${headers}content-length: 0\r\n\r\n`)
  const redirected = 'redirects are not followed'

  it.each<[string, Behaviour, string, string | null]>([
    ['200', line('200 OK'), 'SENT', null],
    ['204', answer('HTTP/1.1 204 No Content\r\n\r\n'), 'SENT', null],
    ['299', line('299 Whatever'), 'SENT', null],
    ['200 without a reason', line('200'), 'SENT', null],
    ['200 by HTTP/1.0, ended by the connection', answerAndEnd('HTTP/1.0 200 OK\r\n\r\nhello'), 'SENT', null],
    ['200 after a hint', answer(`HTTP/1.1 103 Early Hints\r\n\r\n${ok('content-length: 0')}`), 'SENT', null],
    ['200 with trailers', answer(chunked('1\r\na\r\n0\r\nstatus: 500\r\n\r\n')), 'SENT', null],
    [
      '200 in two encodings',
      answer(ok('content-encoding: gzip, br\r\ncontent-length: 1', 'a')),
      'SENT',
      null,
    ],
    ['300', line('300 Many'), 'FAILED', `answered 300: ${redirected}`],
    [
      '302 to the metadata of a cloud',
      line('302 Found', 'location: http://169.254.169.254/latest/meta-data/\r\n'),
      'FAILED',
      `answered 302: ${redirected}`,
    ],
    [
      '307 to a file',
      line('307 There', 'location: file:///etc/passwd\r\n'),
      'FAILED',
      `answered 307: ${redirected}`,
    ],
    ['308 to itself', line('308 Here', 'location: /hook\r\n'), 'FAILED', `answered 308: ${redirected}`],
    ['304', answer('HTTP/1.1 304 Not Modified\r\n\r\n'), 'FAILED', `answered 304: ${redirected}`],
    ['400', line('400 No'), 'FAILED', 'answered 400'],
    [
      '401 that asks for a password',
      line('401 Who', 'www-authenticate: Basic\r\n'),
      'FAILED',
      'answered 401',
    ],
    ['407', line('407 Who', 'proxy-authenticate: Basic\r\n'), 'FAILED', 'answered 407'],
    ['599', line('599 No'), 'FAILED', 'answered 599'],
    ['600', line('600 No'), 'FAILED', 'answered 600'],
    ['999', line('999 No'), 'FAILED', 'answered 999'],
    ['410', line('410 Gone'), 'DEAD', 'answered 410: the endpoint is gone for good'],
  ])('%s', async (_, behave, status, error) => {
    const endpoint = await start(behave)
    const exchange = await post(startSender(LONG_MS), endpoint)
    expect(verdictOn(exchange)).toMatchObject({ status, error })
    expect(endpoint.connections).toBe(1)
  })

  it('two answers to one request: the second is the answer to nothing', async () => {
    const two = `${ok('content-length: 0')}HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n`
    const endpoint = await start(answer(two))
    const sender = startSender(LONG_MS)
    for (let count = 0; count < 3; count += 1) {
      expect(await post(sender, endpoint)).toMatchObject({ statusCode: 200, error: null })
      await toBeGone(endpoint)
    }
    expect(endpoint.connections).toBe(3)
  })
})

describe('Retry-After', () => {
  const OWN_MS = [1000, 1200] as const
  const DAY_MS = [86_400_000, 86_400_000] as const
  const inYear = (year: number) => new Date(Date.UTC(year, 0, 4)).toUTCString()

  it.each<[string, number, string[], readonly [least: number, most: number]]>([
    ['seconds', 429, ['60'], [60_000, 60_000]],
    ['seconds', 502, ['60'], [60_000, 60_000]],
    ['seconds', 503, ['60'], [60_000, 60_000]],
    ['seconds', 504, ['60'], [60_000, 60_000]],
    ['seconds where they are not heeded', 500, ['60'], OWN_MS],
    ['seconds where they are not heeded', 302, ['60'], OWN_MS],
    ['no wait, which does not shorten', 503, ['0'], OWN_MS],
    ['a year', 503, ['31536000'], DAY_MS],
    ['10^20 seconds', 503, ['100000000000000000000'], DAY_MS],
    ['10^400 seconds', 503, [`1${'0'.repeat(400)}`], DAY_MS],
    ['a far date', 503, [inYear(9999)], DAY_MS],
    ['a past date', 503, [inYear(1970)], OWN_MS],
    ['a date that there is not', 503, ['Fri, 99 Nov 2026 08:50:37 GMT'], OWN_MS],
    ['less than nothing', 503, ['-60'], OWN_MS],
    ['an exponent', 503, ['1e999'], OWN_MS],
    ['a fraction', 503, ['60.5'], OWN_MS],
    ['hex', 503, ['0xffff'], OWN_MS],
    ['infinity', 503, ['Infinity'], OWN_MS],
    ['text', 503, ['soon'], OWN_MS],
    ['other digits', 503, ['\xb2\xb3'], OWN_MS],
    ['nothing', 503, [''], OWN_MS],
    ['spaces', 503, ['   '], OWN_MS],
    ['8 KiB of digits', 503, ['9'.repeat(8192)], DAY_MS],
    ['two of them', 503, ['60', '120'], OWN_MS],
    ['two alike', 503, ['60', '60'], OWN_MS],
    ['a list', 503, ['60, 120'], OWN_MS],
  ])('%s, on %i', async (_, status, values, [least, most]) => {
    const headers = values.map((value) => `retry-after: ${value}\r\n`).join('')
    const endpoint = await start(answer(`HTTP/1.1 ${status} No\r\n${headers}content-length: 0\r\n\r\n`))
    const exchange = await post(startSender(LONG_MS), endpoint)
    const { delayMs } = verdictOn(exchange)
    expect(exchange.statusCode).toBe(status)
    expect(delayMs).toBeGreaterThanOrEqual(least)
    expect(delayMs).toBeLessThanOrEqual(most)
  })
})

it('an address that this machine can not connect to is named without its ports', async () => {
  const guard = createEgressGuard({ allowedCidrs: ['fe80::/10'] })
  const sender = resources.use(createSender({ guard, timeoutMs: LONG_MS, clock: machineClock }))
  const { error } = await post(sender, { url: 'http://[fe80::1]/' })
  // The second where the machine has no IPv6 at all.
  expect(error).toMatch(
    /^this machine has no way to connect to the address of the endpoint \(EINVAL\)$|^the endpoint can not be reached/,
  )
})

describe('names', () => {
  const lookingUpBy = (find: () => Promise<never>) =>
    resources.use(
      createSender({
        guard: createEgressGuard({ allowedCidrs: [] }),
        names: namesFrom(find),
        timeoutMs: SHORT_MS,
        clock: machineClock,
      }),
    )

  it('that are never looked up', async () => {
    const sender = lookingUpBy(() => new Promise(() => {}))
    const exchange = await post(sender, { url: 'https://slow.test/' })
    const error = `no address of the endpoint's name within ${SHORT_MS} ms`
    expect(exchange).toMatchObject({ statusCode: null, error })
  })

  it.each([
    ['ENOTFOUND', 'the name of the endpoint has no address (ENOTFOUND)'],
    ['EAI_AGAIN', 'the name of the endpoint could not be looked up (EAI_AGAIN)'],
    ['ETIMEOUT', 'the name servers did not answer for the name of the endpoint (ETIMEOUT)'],
  ] as const)('that end in %s', async (code, error) => {
    const sender = lookingUpBy(() => Promise.reject(new NameLookupError(code, 'missing.test')))
    expect(await post(sender, { url: 'https://missing.test/' })).toMatchObject({ statusCode: null, error })
  })
})

/** Of this process, which is the endpoint as well, after all garbage is gone. */
function memoryInUse(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
