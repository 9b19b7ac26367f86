/** Answers of an endpoint that never end, slow or fast: an attempt ends within its deadline, and little is read. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { Exchange } from '../../src/delivery-engine/attempt/sender.js'
import { chunked, ok, post, SHORT_MS, setUpAttempts, toBeGone, verdictOn } from '../support/attempts.js'
import { answer, type Behaviour, drip, flood } from '../support/hostile-endpoint.js'
import { TIMER_EARLY_MS } from '../support/timed.js'

const MEBIBYTE = 2 ** 20

const { startSender, startEndpoint } = setUpAttempts()

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
    const endpoint = await startEndpoint(behave)
    const exchange = await post(startSender({ timeoutMs: SHORT_MS }), endpoint.url)
    expect(exchange).toMatchObject({ statusCode: null, error: `${lacking} within ${SHORT_MS} ms` })
    expect(exchange.responseTimeMs).toBeGreaterThanOrEqual(SHORT_MS - TIMER_EARLY_MS)
    expect(exchange.responseTimeMs).toBeLessThan(SHORT_MS + 10_000)
    expect(verdictOn(exchange)).toMatchObject({ status: 'FAILED', error: exchange.error })
    await toBeGone(endpoint)
    expect(endpoint.connections).toBe(1)
  })

  it.each([256 * 1024, 32 * MEBIBYTE])('a request of %i bytes that is not read', async (length) => {
    const endpoint = await startEndpoint((socket) => void socket.pause())
    const exchange = await post(startSender({ timeoutMs: SHORT_MS }), endpoint.url, 'a'.repeat(length))
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
    const endpoint = await startEndpoint(behave)
    const sender = startSender()
    const before = memoryInUse()
    const exchanges = await Promise.all(Array.from({ length: AT_ONCE }, () => post(sender, endpoint.url)))
    for (const exchange of exchanges) expect(exchange).toMatchObject(expected)
    await toBeGone(endpoint)
    expect(endpoint.connections).toBe(AT_ONCE)
    // Besides what was read, the buffers of the system's sockets took what they hold.
    expect(endpoint.bytesWritten / AT_ONCE).toBeLessThan(16 * MEBIBYTE)
    expect(memoryInUse() - before).toBeLessThan(16 * MEBIBYTE)
  })
})

/** Of this process, which is the endpoint as well, after all garbage is gone. */
function memoryInUse(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
