/**
 * Answers of an endpoint that are no HTTP/1.1, or that end too early. Each ends the attempt by itself, with a sentence
 * that says what was wrong, and the connection is closed.
 */
import { describe, expect, it } from 'vitest'
import { chunked, ok, post, setUpAttempts, toBeGone, verdictOn } from '../support/attempts.js'
import {
  answer,
  answerAndEnd,
  answerAndReset,
  type Behaviour,
  onRequest,
} from '../support/hostile-endpoint.js'

const many = (count: number, line: (n: number) => string) => Array.from({ length: count }, (_, n) => line(n))

const { startSender, startEndpoint } = setUpAttempts()

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
    const endpoint = await startEndpoint(behave)
    const exchange = await post(startSender(), endpoint.url)
    expect(exchange).toMatchObject({ statusCode: null, error: expect.stringMatching(error) })
    expect(verdictOn(exchange)).toMatchObject({ status: 'FAILED', error: exchange.error })
    expect(endpoint.connections).toBe(1)
    await toBeGone(endpoint)
  })
})
