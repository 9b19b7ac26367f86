/**
 * Answers of an endpoint that are complete: which statuses are a success, and how long `Retry-After` makes a delivery
 * wait.
 */
import { describe, expect, it } from 'vitest'
import { chunked, ok, post, setUpAttempts, statusLine, toBeGone, verdictOn } from '../support/attempts.js'
import { answer, answerAndEnd, answerAndReset, type Behaviour } from '../support/hostile-endpoint.js'

const { startSender, startEndpoint } = setUpAttempts()

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
    const endpoint = await startEndpoint(behave)
    expect(await post(startSender(), endpoint.url)).toMatchObject({ statusCode, error: null })
    expect(endpoint.connections).toBe(1)
  })
})

describe('statuses', () => {
  const redirected = 'redirects are not followed'

  it.each<[string, Behaviour, string, string | null]>([
    ['200', statusLine('200 OK'), 'SENT', null],
    ['204', answer('HTTP/1.1 204 No Content\r\n\r\n'), 'SENT', null],
    ['299', statusLine('299 Whatever'), 'SENT', null],
    ['200 without a reason', statusLine('200'), 'SENT', null],
    ['200 by HTTP/1.0, ended by the connection', answerAndEnd('HTTP/1.0 200 OK\r\n\r\nhello'), 'SENT', null],
    ['200 after a hint', answer(`HTTP/1.1 103 Early Hints\r\n\r\n${ok('content-length: 0')}`), 'SENT', null],
    ['200 with trailers', answer(chunked('1\r\na\r\n0\r\nstatus: 500\r\n\r\n')), 'SENT', null],
    [
      '200 in two encodings',
      answer(ok('content-encoding: gzip, br\r\ncontent-length: 1', 'a')),
      'SENT',
      null,
    ],
    ['300', statusLine('300 Many'), 'FAILED', `answered 300: ${redirected}`],
    [
      '302 to the metadata of a cloud',
      statusLine('302 Found', 'location: http://169.254.169.254/latest/meta-data/\r\n'),
      'FAILED',
      `answered 302: ${redirected}`,
    ],
    [
      '307 to a file',
      statusLine('307 There', 'location: file:///etc/passwd\r\n'),
      'FAILED',
      `answered 307: ${redirected}`,
    ],
    ['308 to itself', statusLine('308 Here', 'location: /hook\r\n'), 'FAILED', `answered 308: ${redirected}`],
    ['304', answer('HTTP/1.1 304 Not Modified\r\n\r\n'), 'FAILED', `answered 304: ${redirected}`],
    ['400', statusLine('400 No'), 'FAILED', 'answered 400'],
    [
      '401 that asks for a password',
      statusLine('401 Who', 'www-authenticate: Basic\r\n'),
      'FAILED',
      'answered 401',
    ],
    ['407', statusLine('407 Who', 'proxy-authenticate: Basic\r\n'), 'FAILED', 'answered 407'],
    ['599', statusLine('599 No'), 'FAILED', 'answered 599'],
    ['600', statusLine('600 No'), 'FAILED', 'answered 600'],
    ['999', statusLine('999 No'), 'FAILED', 'answered 999'],
    ['410', statusLine('410 Gone'), 'DEAD', 'answered 410: the endpoint is gone for good'],
  ])('%s', async (_, behave, status, error) => {
    const endpoint = await startEndpoint(behave)
    const exchange = await post(startSender(), endpoint.url)
    expect(verdictOn(exchange)).toMatchObject({ status, error })
    expect(endpoint.connections).toBe(1)
  })

  it('two answers to one request: the second is the answer to nothing', async () => {
    const two = `${ok('content-length: 0')}HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n`
    const endpoint = await startEndpoint(answer(two))
    const sender = startSender()
    for (let count = 0; count < 3; count += 1) {
      expect(await post(sender, endpoint.url)).toMatchObject({ statusCode: 200, error: null })
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
    const endpoint = await startEndpoint(
      answer(`HTTP/1.1 ${status} No\r\n${headers}content-length: 0\r\n\r\n`),
    )
    const exchange = await post(startSender(), endpoint.url)
    const { delayMs } = verdictOn(exchange)
    expect(exchange.statusCode).toBe(status)
    expect(delayMs).toBeGreaterThanOrEqual(least)
    expect(delayMs).toBeLessThanOrEqual(most)
  })
})
