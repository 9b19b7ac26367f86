/** An outgoing proxy that fails: nothing that it says, or does not say, is taken for the endpoint's answer. */
import { describe, expect, it } from 'vitest'
import { post, SHORT_MS, statusLine, toBeGone, verdictOn } from '../support/attempts.js'
import { answer, type Behaviour, drip, flood, onRequest } from '../support/hostile-endpoint.js'
import { setUpOutgoingProxy, through } from '../support/outgoing-proxy.js'
import { startReceiver } from '../support/receiver.js'

const { use, authority, startSender, startProxy, startEndpoint } = setUpOutgoingProxy()

describe('a proxy that fails', () => {
  const established = 'HTTP/1.1 200 Connection established\r\n\r\n'

  it.each<[string, Behaviour, RegExp | string]>([
    [
      'answers 403',
      statusLine('403 No'),
      'the outgoing proxy does not allow connections to this endpoint (PROXY_403)',
    ],
    [
      'answers 410',
      statusLine('410 Gone'),
      'the outgoing proxy did not connect to the endpoint: it answered 410 (PROXY_410)',
    ],
    [
      'answers 302',
      statusLine('302 There', 'location: http://10.0.0.1/\r\n'),
      /it answered 302 \(PROXY_302\)$/,
    ],
    ['answers 429', statusLine('429 Slow', 'retry-after: 3600\r\n'), /it answered 429 \(PROXY_429\)$/],
    [
      'answers 502',
      statusLine('502 No'),
      'the outgoing proxy could not connect to the endpoint: it answered 502 (PROXY_502)',
    ],
    [
      'answers 503 with Retry-After',
      statusLine('503 No', 'retry-after: 3600\r\n'),
      /it answered 503 \(PROXY_503\)$/,
    ],
    ['closes at once', (socket) => void socket.end(), /^the outgoing proxy .*\((ECONNRESET|EPIPE)\)$/],
    [
      'closes after CONNECT',
      onRequest((socket) => void socket.end()),
      'the outgoing proxy reset the connection (ECONNRESET)',
    ],
    [
      'resets',
      onRequest((socket) => void socket.resetAndDestroy()),
      'the outgoing proxy reset the connection (ECONNRESET)',
    ],
    [
      'speaks no HTTP',
      answer('SSH-2.0-OpenSSH_9.6\r\n'),
      /^the outgoing proxy does not answer in HTTP\/1\.1 \(HPE_\w+\)$/,
    ],
    ['sends a huge header', answer(`HTTP/1.1 200 OK\r\nx: ${'a'.repeat(20_480)}\r\n\r\n`), /too long/],
    [
      'sends a header without end',
      flood('HTTP/1.1 200 OK\r\nx: ', 'a'),
      /^the answer of the outgoing proxy is too long/,
    ],
    ['sends 100 without end', flood('', 'HTTP/1.1 100 Continue\r\n\r\n'), /it answered 100 \(PROXY_100\)$/],
    ['sends blank lines without end', flood('', '\r\n'), /^the answer of the outgoing proxy is too long/],
    [
      'closes the tunnel',
      onRequest((socket) => void socket.end(established)),
      'the connection through the outgoing proxy ended before there was TLS (PROXY_CLOSED)',
    ],
    [
      'says something itself in the tunnel',
      answer(`${established}hello`),
      /does not speak TLS on this port|ended before there was TLS/,
    ],
  ])('%s', async (_, behave, error) => {
    const proxy = await startEndpoint(behave)
    const sender = startSender(through({ url: `http://127.0.0.1:${proxy.port}` }))
    const exchange = await post(sender, 'https://127.0.0.1:9/')
    expect(exchange).toMatchObject({ statusCode: null, retryAfter: undefined })
    expect(exchange.error).toEqual(typeof error === 'string' ? error : expect.stringMatching(error))
    // To be tried again, after the service's own wait; its subscription stays enabled.
    const outcome = verdictOn(exchange)
    expect(outcome).toMatchObject({ status: 'FAILED', isGone: false })
    expect(outcome.delayMs).toBeLessThan(2000)
    await toBeGone(proxy)
  })

  it.each<[string, Behaviour, string]>([
    ['answers never', () => {}, 'no answer of the outgoing proxy'],
    ['answers a byte now and then', drip('', 'HTTP/1.1 200 OK '), 'no answer of the outgoing proxy'],
    ['leads nowhere', (socket) => void socket.once('data', () => socket.write(established)), 'no connection'],
  ])('%s', async (_, behave, lacking) => {
    const proxy = await startEndpoint(behave)
    const sender = startSender(through({ url: `http://127.0.0.1:${proxy.port}` }), {}, SHORT_MS)
    const exchange = await post(sender, 'https://127.0.0.1:9/')
    expect(exchange).toMatchObject({ statusCode: null, error: `${lacking} within ${SHORT_MS} ms` })
    await toBeGone(proxy)
    expect(proxy.connections).toBe(1)
  })

  it.each([
    [
      'refuses the connection',
      'http://127.0.0.1:1',
      'the outgoing proxy refused the connection (ECONNREFUSED)',
    ],
    [
      'has no address',
      'http://proxy.invalid:3128',
      /^the name of the outgoing proxy .*\((ENOTFOUND|EAI_AGAIN)\)$/,
    ],
  ])('%s', async (_, EGRESS_PROXY_URL, error) => {
    const exchange = await post(startSender({ EGRESS_PROXY_URL }), 'https://127.0.0.1:9/')
    expect(exchange.statusCode).toBeNull()
    expect(exchange.error).toEqual(typeof error === 'string' ? error : expect.stringMatching(error))
  })

  it('shows a certificate that is none', async () => {
    const proxy = await startProxy({ tls: authority().issue('example.com') })
    const receiver = use(await startReceiver())
    const exchange = await post(startSender(through(proxy)), receiver.url)
    expect(exchange.error).toBe(
      "the outgoing proxy's certificate is for another name (ERR_TLS_CERT_ALTNAME_INVALID)",
    )
    expect(receiver.requests).toEqual([])
  })
})
