/** What comes over a socket and is no request, or an unusual one: each with its answer, and never a 500. */
import { METHODS, STATUS_CODES } from 'node:http'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { TEST_KEY } from '../support/client.js'
import { expectProblem } from '../support/problem.js'
import { exchange, type RawAnswer, readAnswers } from '../support/raw-http.js'
import { startTestService, type TestService } from '../support/service.js'

const MAX_BYTES = 1000

let service: TestService

beforeAll(async () => {
  service = await startTestService('postgres', { EVENT_MAX_BYTES: String(MAX_BYTES) })
})
afterAll(async () => {
  const { body } = await service.api.get('/v1/metrics')
  expect(String(body).match(/^node_event_service_http_request.*status="500".*$/gm)).toBeNull()
  await service[Symbol.asyncDispose]()
})

// Whatever was sent, the next one is served.
afterEach(async () => expect((await service.api.get('/v1/health')).status).toBe(200))

const HOST = 'host: x\r\n'
const CLOSE = 'connection: close\r\n'
const KEY = `x-api-key: ${TEST_KEY}\r\n`
const JSON_TYPE = 'content-type: application/json\r\n'
const EVENT = '{"type":"a","data":{}}'

const get = (path: string, headers = '') => `GET ${path} HTTP/1.1\r\n${HOST}${headers}\r\n`
const health = (headers: string) => get('/v1/health', headers)
const publish = (headers: string, body: string) =>
  `POST /v1/events HTTP/1.1\r\n${HOST}${KEY}${JSON_TYPE}${headers}\r\n${body}`
const lengthOf = (body: string) => `content-length: ${body.length}\r\n`
const CHUNKED = 'transfer-encoding: chunked\r\n'

/** @returns the only answer, after which the connection was ended */
async function send(bytes: string, isHalfClosed = false): Promise<RawAnswer> {
  const answers = readAnswers(await exchange(service.url, bytes, { isHalfClosed }))
  expect(answers).toHaveLength(1)
  return answers[0] as RawAnswer
}

/** A problem that means no more than its status. */
function expectBareProblem({ status, headers, body }: RawAnswer, expected: number): void {
  expect({ status, body: JSON.parse(body) }).toEqual({
    status: expected,
    body: {
      type: 'about:blank',
      title: STATUS_CODES[expected],
      status: expected,
      detail: expect.any(String),
    },
  })
  expect(headers.get('content-type')).toBe('application/problem+json')
  expect(headers.get('connection')).toBe('close')
}

describe('what is no request is answered, and the connection ended', () => {
  it.each([
    ['no request', 'HELO there\r\n\r\n', 400],
    ['a line of one word', 'GET\r\n\r\n', 400],
    ['another protocol', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
    ['HTTP/2 without an upgrade', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['a method in lower case', `get /v1/health HTTP/1.1\r\n${HOST}\r\n`, 400],
    ['no version that is one', `GET /v1/health HTTP/x.1\r\n${HOST}\r\n`, 505],
    ['a target that is no path', get('v1/health'), 400],
    ['a blank in the path', get('/v1/ health'), 400],
    ['a NUL in the path', get('/v1/\0health'), 400],
    ['a line break without its first half', 'GET /v1/health HTTP/1.1\nhost: x\n\n', 505],
    ['a header without a colon', health('x-header\r\n'), 400],
    ['a header without a name', health(': y\r\n'), 400],
    ['a blank before the colon', health('x-header : y\r\n'), 400],
    ['a NUL in a header', health('x-header: a\0b\r\n'), 400],
    ['a line break in a header', health('x-header: a\rb\r\n'), 400],
    ['a header over two lines', health('x-header: a\r\n b\r\n'), 400],
    ['a first header that is folded', `GET /v1/health HTTP/1.1\r\n ${HOST}\r\n`, 400],
    ['headers without end', `GET /v1/health HTTP/1.1\r\n${HOST}x: ${'a'.repeat(100_000)}\r\n\r\n`, 431],
    ['a path without end', get(`/${'a'.repeat(100_000)}`), 431],
    ['two lengths', publish('content-length: 2\r\ncontent-length: 3\r\n', '{} '), 400],
    ['two equal lengths', publish('content-length: 2\r\ncontent-length: 2\r\n', '{}'), 400],
    ['a list of lengths', publish('content-length: 2, 2\r\n', '{}'), 400],
    ['a length that is no number', publish('content-length: two\r\n', '{}'), 400],
    ['a length below zero', publish('content-length: -2\r\n', '{}'), 400],
    ['a length with a sign', publish('content-length: +2\r\n', '{}'), 400],
    ['a length in hexadecimal', publish('content-length: 0x2\r\n', '{}'), 400],
    ['a length that overflows', publish('content-length: 18446744073709551618\r\n', '{}'), 400],
    ['no length', publish('content-length: \r\n', '{}'), 400],
    ['a length and chunks', publish(`content-length: 2\r\n${CHUNKED}`, '2\r\n{}\r\n0\r\n\r\n'), 400],
    ['chunks and a length', publish(`${CHUNKED}content-length: 2\r\n`, '2\r\n{}\r\n0\r\n\r\n'), 400],
    ['another coding than chunks', publish('transfer-encoding: gzip\r\n', '2\r\n{}\r\n0\r\n\r\n'), 400],
    ['a coding after chunks', publish('transfer-encoding: chunked, gzip\r\n', '2\r\n{}\r\n0\r\n\r\n'), 400],
  ])('%s', async (_what, bytes, status) => {
    expectBareProblem(await send(bytes), status)
  })
})

describe('a body that is not framed is answered, and nothing of it stored', () => {
  it.each([
    ['a chunk whose size is no number', publish(CHUNKED, `zz\r\n${EVENT}\r\n0\r\n\r\n`), 400],
    ['a chunk whose size is below zero', publish(CHUNKED, `-1\r\n${EVENT}\r\n0\r\n\r\n`), 400],
    ['a chunk whose size overflows', publish(CHUNKED, `fffffffffffffffff\r\n${EVENT}\r\n0\r\n\r\n`), 400],
    ['a chunk that is longer than its size', publish(CHUNKED, `2\r\n${EVENT}\r\n0\r\n\r\n`), 400],
    ['a trailer without a colon', publish(CHUNKED, `16\r\n${EVENT}\r\n0\r\ntrailer\r\n\r\n`), 400],
    ['extensions without end', publish(CHUNKED, `2;${'a'.repeat(100_000)}`), 413],
  ])('%s', async (_what, bytes, status) => {
    const before = (await service.api.get('/v1/stats')).body.eventsTotal
    expectBareProblem(await send(bytes), status)
    expect((await service.api.get('/v1/stats')).body.eventsTotal).toBe(before)
  })

  it.each([
    ['of a known length', publish('content-length: 100\r\n', EVENT)],
    ['in chunks', publish(CHUNKED, `16\r\n${EVENT}\r\n`)],
  ])('the end is missing: %s', async (_what, bytes) => {
    const before = (await service.api.get('/v1/stats')).body.eventsTotal
    expectBareProblem(await send(bytes, true), 400)
    expect((await service.api.get('/v1/stats')).body.eventsTotal).toBe(before)
  })

  it('a request ends before its headers do', async () => {
    expectBareProblem(await send(`GET /v1/health HTTP/1.1\r\n${HOST}`, true), 400)
  })

  it('a connection without a byte is closed without one', async () => {
    expect(await exchange(service.url, '', { isHalfClosed: true })).toBe('')
  })

  it('a length above the maximum is refused before the body is read', async () => {
    const { status, headers, body } = await send(publish('content-length: 9007199254740991\r\n', '{}'))
    expectProblem({ status, headers, body: JSON.parse(body) }, 413)
  })
})

describe('a request that HTTP allows', () => {
  it.each([
    ['a target with scheme and host', get('http://x/v1/health', CLOSE), 200],
    ['a target with scheme, host and query', get('http://x/v1/health?a=1', CLOSE), 400],
    ['blank lines before it', `\r\n\r\n${health(CLOSE)}`, 200],
    ['HTTP/1.0, without Host', 'GET /v1/health HTTP/1.0\r\n\r\n', 200],
    ['an empty header', health(`x-empty:\r\n${CLOSE}`), 200],
    ['bytes above ASCII in a header', health(`x-name: J\xfcrgen\r\n${CLOSE}`), 200],
  ])('is served: %s', async (_what, bytes, status) => {
    expect((await send(bytes)).status).toBe(status)
  })

  it.each([
    ['no Host', `POST /v1/events HTTP/1.1\r\n${CLOSE}\r\n`, 400],
    ['no Host, and an unknown path', `GET /nothing HTTP/1.1\r\n${CLOSE}\r\n`, 400],
    ['a target of the whole server', `OPTIONS * HTTP/1.1\r\n${HOST}${CLOSE}\r\n`, 404],
    ['a target of the whole server, to be read', get('*', CLOSE), 404],
    ['a target with a host and no path', get('http://x', CLOSE), 404],
    ['an expectation that nobody meets', publish('expect: 200-maybe\r\n', ''), 417],
    ['HTTP/2.0 in its first line', `GET /v1/health HTTP/2.0\r\n${HOST}\r\n`, 505],
    ['HTTP/0.9', 'GET /v1/health\r\n\r\n', 505],
    ['HTTP/1.2', `GET /v1/health HTTP/1.2\r\n${HOST}\r\n`, 505],
    ['a tunnel', `CONNECT example.com:443 HTTP/1.1\r\n${HOST}\r\n`, 405],
  ])('is refused: %s', async (_what, bytes, expected) => {
    const { status, headers, body } = await send(bytes)
    expectProblem({ status, headers, body: JSON.parse(body) }, expected)
  })

  it('is told to go on when it asks, and then published', async () => {
    const expecting = publish(`expect: 100-continue\r\n${CLOSE}${lengthOf(EVENT)}`, EVENT)
    const answers = readAnswers(await exchange(service.url, expecting))
    expect(answers.map(({ status }) => status)).toEqual([100, 202])
  })

  it('knows no method QUERY: 405, or 400 where Node.js reads none of that name', async () => {
    const { status, headers, body } = await send(
      `QUERY /v1/events HTTP/1.1\r\n${HOST}${CLOSE}${KEY}content-length: 0\r\n\r\n`,
    )
    const isKnown = METHODS.includes('QUERY')
    expectProblem({ status, headers, body: JSON.parse(body) }, isKnown ? 405 : 400)
    expect(headers.get('allow')).toBe(isKnown ? 'POST' : null)
  })
})

describe('requests one after another, of which one is broken', () => {
  const good = publish(lengthOf(EVENT), EVENT)

  it.each([
    ['a header without a colon', health('x-header\r\n')],
    ['two lengths', publish('content-length: 2\r\ncontent-length: 3\r\n', '{} ')],
    ['a chunk whose size is no number', publish(CHUNKED, 'zz\r\n')],
    ['a line of one word', 'GET\r\n\r\n'],
  ])('those before have their answers first, those after have none: %s', async (_what, broken) => {
    const answers = readAnswers(await exchange(service.url, good + good + broken + good))
    expect(answers.map(({ status }) => status)).toEqual([202, 202, 400])
    expectBareProblem(answers[2] as RawAnswer, 400)
  })

  it('a body that is longer than its length is the next request, which is none', async () => {
    const answers = readAnswers(
      await exchange(service.url, publish('content-length: 22\r\n', `${EVENT}{}\r\n\r\n`)),
    )
    expect(answers.map(({ status }) => status)).toEqual([202, 400])
  })
})
