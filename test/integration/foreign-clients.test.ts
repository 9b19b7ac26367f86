/** What clients and pages send that this project did not write: upgrades, encodings, charsets, methods, origins. */
import { once } from 'node:events'
import { METHODS, request } from 'node:http'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import WebSocket from 'ws'
import { TEST_KEY } from '../support/client.js'
import { exchange as exchangeBytes } from '../support/raw-http.js'
import { startTestService, type TestService } from '../support/service.js'

let service: TestService

beforeAll(async () => {
  service = await startTestService('postgres', {
    CORS_ORIGINS: 'https://console.example.com',
    EVENT_MAX_BYTES: '20000',
  })
})
afterAll(() => service[Symbol.asyncDispose]())

const event = '{"type":"encoded","data":{"a":1}}'

const exchange = (bytes: string) => exchangeBytes(service.url, bytes)

describe('an upgrade that is no WebSocket is served in HTTP/1.1', () => {
  const offer =
    'host: x\r\nconnection: Upgrade, HTTP2-Settings, close\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQ\r\n'
  const key = `x-api-key: ${TEST_KEY}\r\n`
  const json = 'content-type: application/json\r\n'

  it('without a body', async () => {
    expect(await exchange(`GET /v1/health HTTP/1.1\r\n${offer}\r\n`)).toMatch(/^HTTP\/1\.1 200 /)
  })

  it('with a body of a known length', async () => {
    const head = `POST /v1/events HTTP/1.1\r\n${offer}${key}${json}content-length: ${event.length}\r\n\r\n`
    expect(await exchange(head + event)).toMatch(/^HTTP\/1\.1 202 /)
  })

  it('with a body in chunks', async () => {
    const chunked = `${event.length.toString(16)}\r\n${event}\r\n0\r\n\r\n`
    const head = `POST /v1/events HTTP/1.1\r\n${offer}${key}${json}transfer-encoding: chunked\r\n\r\n`
    expect(await exchange(head + chunked)).toMatch(/^HTTP\/1\.1 202 /)
  })

  it('on the path of the WebSockets too', async () => {
    const query = '{"query":"{ stats { eventsTotal } }"}'
    const head = `POST /graphql HTTP/1.1\r\n${offer}${key}${json}content-length: ${query.length}\r\n\r\n`
    expect(await exchange(head + query)).toMatch(/^HTTP\/1\.1 200 .*eventsTotal/s)
  })

  it('and the connection serves the next request', async () => {
    const again = offer.replace(', close', '')
    const next = 'GET /v1/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'
    const answers = await exchange(`GET /v1/health HTTP/1.1\r\n${again}\r\n${next}`)
    expect(answers.match(/HTTP\/1\.1 200 /g)).toHaveLength(2)
  })
})

describe('a WebSocket', () => {
  /** `open`, or the status that refused it. */
  async function open(path: string, origin?: string): Promise<'open' | number | undefined> {
    const socket = new WebSocket(
      service.url.replace('http', 'ws') + path,
      'graphql-transport-ws',
      origin ? { origin } : {},
    )
    socket.on('error', () => {})
    const refused = once(socket, 'unexpected-response').then(([, { statusCode }]) => statusCode as number)
    const outcome = await Promise.race([
      once(socket, 'open').then(() => 'open' as const),
      refused.catch(() => undefined),
    ])
    socket.terminate()
    return outcome
  }

  it('elsewhere than at /graphql gets 404', async () => {
    expect(await open('/v1/health')).toBe(404)
  })

  it.each([
    ['no page', undefined, 'open'],
    ['a page of the service itself', 'own', 'open'],
    ['a page that CORS_ORIGINS names', 'https://console.example.com', 'open'],
    ['a page of another origin', 'https://pages.example.net', 403],
    ['a page without an origin of its own', 'null', 403],
    ['a page of another port', 'http://127.0.0.1:1', 403],
  ])('of %s', async (_, origin, outcome) => {
    expect(await open('/graphql', origin === 'own' ? service.url : origin)).toBe(outcome)
  })

  it('of a page whose name only points to this machine is refused outside of production', async () => {
    const port = new URL(service.url).port
    const head = `GET /graphql HTTP/1.1\r\nhost: evil.example:${port}\r\norigin: http://evil.example:${port}\r\n`
    const handshake =
      'connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'
    expect(await exchange(head + handshake)).toMatch(/^HTTP\/1\.1 403 .*CORS_ORIGINS/s)
  })
})

describe('a body', () => {
  const post = async (body: BodyInit, headers: Record<string, string>) => {
    const response = await fetch(`${service.url}/v1/events`, {
      method: 'POST',
      headers: { 'x-api-key': TEST_KEY, 'content-type': 'application/json', ...headers },
      body,
    })
    return {
      status: response.status,
      accepted: response.headers.get('accept-encoding'),
      text: await response.text(),
    }
  }
  const bomb = `{"type":"bomb","data":{"a":"${'x'.repeat(30_000_000)}"}}`

  it.each([
    ['in gzip', gzipSync(event), { 'content-encoding': 'gzip' }, 202],
    ['in br', brotliCompressSync(event), { 'content-encoding': 'br' }, 202],
    ['in GZIP, as some write it', gzipSync(event), { 'content-encoding': 'GZIP' }, 202],
    ['that says identity', event, { 'content-encoding': 'identity' }, 202],
    ['that is larger once decoded', gzipSync(bomb), { 'content-encoding': 'gzip' }, 413],
    ['that is not what it says', event, { 'content-encoding': 'br' }, 400],
    ['of which the end is missing', gzipSync(event).subarray(0, 30), { 'content-encoding': 'gzip' }, 400],
    ['in UTF-16', event, { 'content-type': 'application/json; charset=utf-16' }, 415],
    ['in UTF-8, said in quotes', event, { 'content-type': 'application/json; charset="UTF-8"' }, 202],
  ])('%s', async (_, body, headers, status) => {
    expect((await post(body as never, headers as never)).status).toBe(status)
  })

  it('in another encoding gets 415 that names those that are read', async () => {
    const { status, accepted, text } = await post(event, { 'content-encoding': 'zip' })
    expect([status, accepted]).toEqual([415, 'gzip, br'])
    expect(text).toContain('content-encoding')
  })
})

it('methods that nobody knows share one label of the metrics', async () => {
  const unusual = METHODS.filter(
    (method) => !/^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|CONNECT)$/.test(method),
  )
  for (const method of unusual) {
    await new Promise((resolve) =>
      request(`${service.url}/v1/events`, { method, agent: false }, (response) =>
        response.resume().on('end', resolve),
      )
        .on('error', resolve)
        .end(),
    )
  }
  const { body } = await service.api.get('/v1/metrics')
  const methods = new Set([...String(body).matchAll(/method="([^"]*)"/g)].map(([, method]) => method))
  expect([...methods].filter((method) => unusual.includes(method as string))).toEqual([])
  expect(methods).toContain('_OTHER')
})

describe('the page of GraphiQL', () => {
  const page = (headers: Record<string, string>) =>
    fetch(`${service.url}/graphql`, { headers: { accept: 'text/html', ...headers } })

  it('is compressed, and not sent again to a browser that has it', async () => {
    const first = await page({ 'accept-encoding': 'gzip' })
    expect(first.headers.get('content-encoding')).toBe('gzip')
    expect(await first.text()).toContain('GraphiQL')
    expect((await page({ 'if-none-match': first.headers.get('etag') ?? '' })).status).toBe(304)
  })

  it('is shown in no frame, and runs no script but its own', async () => {
    const policy = (await page({})).headers.get('content-security-policy')
    expect(policy).toContain("frame-ancestors 'none'")
    expect(policy).toMatch(/script-src 'sha256-[^;]*/)
    expect(policy).not.toMatch(/script-src[^;]*unsafe/)
  })

  it('is not shown under a name that points to this machine', async () => {
    const answer = await exchange(
      'GET /graphql HTTP/1.1\r\nhost: evil.example\r\naccept: text/html\r\nconnection: close\r\n\r\n',
    )
    expect(answer).toMatch(/^HTTP\/1\.1 401 /)
  })
})
