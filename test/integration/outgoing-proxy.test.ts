/**
 * Deliveries through an outgoing proxy, on real sockets: what it is asked for, what of the guard stays, and that
 * nothing a proxy says or fails to say is taken for the endpoint's answer.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { decideOutcome } from '../../src/delivery-engine/attempt/outcome.js'
import { createSender, type Exchange, type Sender } from '../../src/delivery-engine/attempt/sender.js'
import { NameLookupError } from '../../src/delivery-engine/dns/name-lookup-error.js'
import { createEgressGuard } from '../../src/delivery-engine/egress/egress-guard.js'
import { readEgress } from '../../src/delivery-engine/egress/egress-settings.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { version } from '../../src/platform/version.js'
import { type Authority, createAuthority } from '../support/certificates.js'
import { machineClock } from '../support/clock.js'
import { type ConnectProxy, startConnectProxy } from '../support/connect-proxy.js'
import {
  answer,
  type Behaviour,
  drip,
  flood,
  onRequest,
  startHostileEndpoint,
} from '../support/hostile-endpoint.js'
import { namesFrom } from '../support/names.js'
import { temporaryDirectory } from '../support/process.js'
import { startReceiver } from '../support/receiver.js'
import { startTinyproxy } from '../support/tinyproxy.js'

const LONG_MS = 20_000
const SHORT_MS = 1000
const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'
const CREDENTIALS = 'user:p%40ss'

const wholeFile = createResources()
let directory: string
let authority: Authority
let caFile: string
let resources: Resources

beforeAll(() => {
  directory = wholeFile.use(temporaryDirectory()).path
  authority = createAuthority(directory)
  caFile = authority.path
})
afterAll(() => wholeFile[Symbol.asyncDispose]())
beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

type Names = Record<string, string[]>

/** @param names what the service's own resolver knows */
function startSender(settings: Record<string, string>, names: Names = {}, timeoutMs = LONG_MS): Sender {
  const { egress, problems } = readEgress({ EGRESS_CA_FILE: caFile, ...settings })
  expect(problems).toEqual([])
  const known = namesFrom((name) => {
    const addresses = { localhost: ['127.0.0.1'], ...names }[name]
    if (addresses === undefined) throw new NameLookupError('ENOTFOUND', name)
    return addresses
  })
  const guard = createEgressGuard({ allowedCidrs: ['127.0.0.1/32'] })
  return resources.use(createSender({ guard, names: known, timeoutMs, clock: machineClock, egress }))
}

const post = (sender: Sender, endpointUrl: string): Promise<Exchange> =>
  sender.send({
    endpointUrl,
    id: 'evt',
    body: Buffer.from('{"id":"evt"}'),
    signingKeys: () => [Buffer.from('key')],
  })

const startProxy = async (...options: Parameters<typeof startConnectProxy>): Promise<ConnectProxy> =>
  resources.use(await startConnectProxy(...options))
const through = ({ url }: { url: string }) => ({ EGRESS_PROXY_URL: url })
const onHooksTest = (url: string) => url.replace(/127\.0\.0\.1|localhost/, 'hooks.test')
const portOf = (url: string) => new URL(url).port

async function startTls(hostname = 'hooks.test') {
  const names: (string | false | null | undefined)[] = []
  const behave: Behaviour = (socket) => {
    names.push((socket as import('node:tls').TLSSocket).servername)
    answer(ok)(socket)
  }
  const endpoint = resources.use(await startHostileEndpoint(behave, authority.issue(hostname)))
  return { url: onHooksTest(endpoint.url), names }
}

describe('a proxy', () => {
  it('is asked by CONNECT for the address that was checked, and the endpoint by its name', async () => {
    const proxy = await startProxy()
    const receiver = resources.use(await startReceiver())
    const sender = startSender(through(proxy), { 'hooks.test': ['127.0.0.1'] })
    const url = onHooksTest(receiver.url)
    for (let count = 0; count < 4; count += 1) {
      expect(await post(sender, url)).toMatchObject({ statusCode: 200, error: null })
    }
    expect(receiver.requests.map(({ headers }) => headers.host)).toEqual(Array(4).fill(new URL(url).host))
    // Tunnels are kept and used again. (While one is about to be free, another is made.)
    expect(new Set(proxy.asked)).toEqual(new Set([`127.0.0.1:${portOf(url)}`]))
    expect(proxy.asked.length).toBeLessThan(4)
    expect(proxy.headers[0]).toEqual({
      host: `127.0.0.1:${portOf(url)}`,
      'user-agent': `node-event-service/${version}`,
      connection: expect.any(String),
    })
  })

  it('carries TLS with the endpoint, whose certificate is verified for its name', async () => {
    const proxy = await startProxy()
    const { url, names } = await startTls()
    const sender = startSender(through(proxy), { 'hooks.test': ['127.0.0.1'], 'other.test': ['127.0.0.1'] })
    expect(await post(sender, url)).toMatchObject({ statusCode: 200, error: null })
    expect(names).toEqual(['hooks.test'])
    expect(proxy.asked).toEqual([`127.0.0.1:${portOf(url)}`])
    expect(await post(sender, url.replace('hooks.test', 'other.test'))).toMatchObject({
      error: "the endpoint's certificate is for another name (ERR_TLS_CERT_ALTNAME_INVALID)",
    })
  })

  it.each(['http', 'https'])('of https takes TLS inside of TLS, for an endpoint of %s', async (scheme) => {
    const proxy = await startProxy({
      credentials: CREDENTIALS.replace('%40', '@'),
      tls: authority.issue('localhost'),
    })
    const { url } = scheme === 'https' ? await startTls() : resources.use(await startReceiver())
    const settings = { EGRESS_PROXY_URL: `https://${CREDENTIALS}@localhost:${proxy.port}` }
    const sender = startSender(settings, { 'hooks.test': ['127.0.0.1'] })
    expect(await post(sender, onHooksTest(url))).toMatchObject({ statusCode: 200, error: null })
    expect(proxy.asked).toHaveLength(1)
  })

  it('that asks for a user and password is shown them, and nobody else is', async () => {
    const proxy = await startProxy({ credentials: 'user:p@ss' })
    const receiver = resources.use(await startReceiver())
    const right = startSender({ EGRESS_PROXY_URL: `http://${CREDENTIALS}@localhost:${proxy.port}` })
    expect(await post(right, receiver.url)).toMatchObject({ statusCode: 200, error: null })
    expect(receiver.requests[0]?.headers).not.toHaveProperty('proxy-authorization')
    for (const url of [`http://user:wrong@localhost:${proxy.port}`, `http://localhost:${proxy.port}`]) {
      expect(await post(startSender({ EGRESS_PROXY_URL: url }), receiver.url)).toMatchObject({
        statusCode: null,
        error: 'the outgoing proxy asks for a user and password, or for other ones (PROXY_407)',
      })
    }
    expect(receiver.requests).toHaveLength(1)
  })

  it('gets another address when it can not connect to one', async () => {
    const proxy = await startProxy()
    const receiver = resources.use(await startReceiver())
    const guard = createEgressGuard({ allowedCidrs: ['127.0.0.0/8', '::1/128'] })
    const names = namesFrom(() => ['::1', '127.0.0.9', '127.0.0.1'])
    const { egress } = readEgress(through(proxy))
    const sender = resources.use(
      createSender({ guard, names, timeoutMs: LONG_MS, clock: machineClock, egress }),
    )
    expect(await post(sender, onHooksTest(receiver.url))).toMatchObject({ statusCode: 200 })
    // IPv4 first: that is what proxies have.
    expect(proxy.asked.map((asked) => asked.split(':')[0])).toEqual(['127.0.0.9', '127.0.0.1'])
  })

  it('is passed by for what NO_PROXY names', async () => {
    const proxy = await startProxy()
    const receiver = resources.use(await startReceiver())
    const sender = startSender({ ...through(proxy), NO_PROXY: '127.0.0.0/8' })
    expect(await post(sender, receiver.url)).toMatchObject({ statusCode: 200 })
    expect(proxy.asked).toEqual([])
  })
})

describe('the guard, behind a proxy', () => {
  const refused = { statusCode: null, error: expect.stringContaining('EGRESS_REFUSED') }

  it.each([
    ['a literal', 'http://10.0.0.5/'],
    ['a name of none but private addresses', 'http://inside.test/'],
    ['what NO_PROXY sends directly', 'http://direct.test/'],
  ])('refuses %s, and asks the proxy for nothing', async (_, url) => {
    const proxy = await startProxy()
    const names = { 'inside.test': ['10.0.0.5', '::1'], 'direct.test': ['169.254.169.254'] }
    const sender = startSender({ ...through(proxy), NO_PROXY: 'direct.test' }, names)
    expect(await post(sender, url)).toMatchObject(refused)
    expect(proxy.asked).toEqual([])
  })

  it('lets no name through that it can not look up', async () => {
    const proxy = await startProxy({ names: { 'hooks.test': '127.0.0.1' } })
    const exchange = await post(startSender(through(proxy)), 'http://hooks.test/')
    expect(exchange.error).toBe('the name of the endpoint has no address (ENOTFOUND)')
    expect(proxy.asked).toEqual([])
  })

  describe('with EGRESS_PROXY_RESOLVES_NAMES', () => {
    it('hands names on as they are', async () => {
      const proxy = await startProxy({ names: { 'hooks.test': '127.0.0.1' } })
      const { url, names } = await startTls()
      const sender = startSender({ ...through(proxy), EGRESS_PROXY_RESOLVES_NAMES: 'true' })
      expect(await post(sender, url)).toMatchObject({ statusCode: 200, error: null })
      expect(proxy.asked).toEqual([`hooks.test:${portOf(url)}`])
      expect(names).toEqual(['hooks.test'])
    })

    it.each([
      'http://10.0.0.5/',
      'http://[fd00::1]/',
      'http://localhost/',
      'http://a.localhost/',
      'http://inside.test/',
    ])('still refuses %s', async (url) => {
      const proxy = await startProxy()
      const { egress } = readEgress({ ...through(proxy), EGRESS_PROXY_RESOLVES_NAMES: 'true' })
      const names = namesFrom((name) => [name === 'localhost' ? '127.0.0.1' : '10.0.0.5'])
      const guard = createEgressGuard({ allowedCidrs: [] })
      const sender = resources.use(
        createSender({ guard, names, timeoutMs: LONG_MS, clock: machineClock, egress }),
      )
      expect(await post(sender, url)).toMatchObject(refused)
      expect(proxy.asked).toEqual([])
    })
  })
})

describe('a proxy that fails', () => {
  const policy = { maxAttempts: 10, backoffBaseSeconds: 1, backoffMaxSeconds: 1 }
  const say = (status: string, headers = '') =>
    answer(`HTTP/1.1 ${status}\r\n${headers}content-length: 0\r\n\r\n`)
  const established = 'HTTP/1.1 200 Connection established\r\n\r\n'

  it.each<[string, Behaviour, RegExp | string]>([
    [
      'answers 403',
      say('403 No'),
      'the outgoing proxy does not allow connections to this endpoint (PROXY_403)',
    ],
    [
      'answers 410',
      say('410 Gone'),
      'the outgoing proxy did not connect to the endpoint: it answered 410 (PROXY_410)',
    ],
    ['answers 302', say('302 There', 'location: http://10.0.0.1/\r\n'), /it answered 302 \(PROXY_302\)$/],
    ['answers 429', say('429 Slow', 'retry-after: 3600\r\n'), /it answered 429 \(PROXY_429\)$/],
    [
      'answers 502',
      say('502 No'),
      'the outgoing proxy could not connect to the endpoint: it answered 502 (PROXY_502)',
    ],
    [
      'answers 503 with Retry-After',
      say('503 No', 'retry-after: 3600\r\n'),
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
    const proxy = resources.use(await startHostileEndpoint(behave))
    const sender = startSender(through({ url: `http://127.0.0.1:${proxy.port}` }))
    const exchange = await post(sender, 'https://127.0.0.1:9/')
    expect(exchange).toMatchObject({ statusCode: null, retryAfter: undefined })
    expect(exchange.error).toEqual(typeof error === 'string' ? error : expect.stringMatching(error))
    // To be tried again, after the service's own wait; its subscription stays enabled.
    const outcome = decideOutcome(exchange, 1, policy, new Date())
    expect(outcome).toMatchObject({ status: 'FAILED', isGone: false })
    expect(outcome.delayMs).toBeLessThan(2000)
    proxy.readOn()
    await expect.poll(() => proxy.open, { timeout: 15_000, interval: 20 }).toBe(0)
  })

  it.each<[string, Behaviour, string]>([
    ['answers never', () => {}, 'no answer of the outgoing proxy'],
    ['answers a byte now and then', drip('', 'HTTP/1.1 200 OK '), 'no answer of the outgoing proxy'],
    ['leads nowhere', (socket) => void socket.once('data', () => socket.write(established)), 'no connection'],
  ])('%s', async (_, behave, lacking) => {
    const proxy = resources.use(await startHostileEndpoint(behave))
    const sender = startSender(through({ url: `http://127.0.0.1:${proxy.port}` }), {}, SHORT_MS)
    const exchange = await post(sender, 'https://127.0.0.1:9/')
    expect(exchange).toMatchObject({ statusCode: null, error: `${lacking} within ${SHORT_MS} ms` })
    proxy.readOn()
    await expect.poll(() => proxy.open, { timeout: 15_000, interval: 20 }).toBe(0)
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
    const proxy = await startProxy({ tls: authority.issue('example.com') })
    const receiver = resources.use(await startReceiver())
    const exchange = await post(startSender(through(proxy)), receiver.url)
    expect(exchange.error).toBe(
      "the outgoing proxy's certificate is for another name (ERR_TLS_CERT_ALTNAME_INVALID)",
    )
    expect(receiver.requests).toEqual([])
  })
})

describe('tinyproxy', () => {
  it.each(['http', 'https'])('carries webhooks to an endpoint of %s', async (scheme) => {
    const proxy = resources.use(await startTinyproxy(directory))
    const { url } = scheme === 'https' ? await startTls() : resources.use(await startReceiver())
    const sender = startSender(through(proxy), { 'hooks.test': ['127.0.0.1'] })
    expect(await post(sender, onHooksTest(url))).toMatchObject({ statusCode: 200, error: null })
  })

  it('asks for its user, refuses ports, and tells of endpoints that it can not reach', async () => {
    const proxy = resources.use(await startTinyproxy(directory, ['BasicAuth user secret', 'ConnectPort 1']))
    const open = { EGRESS_PROXY_URL: `http://user:secret@127.0.0.1:${proxy.port}` }
    expect((await post(startSender(through(proxy)), 'http://127.0.0.1:1/')).error).toMatch(
      /^the outgoing proxy .*\(PROXY_40[17]\)$/,
    )
    expect((await post(startSender(open), 'http://127.0.0.1:2/')).error).toMatch(/\(PROXY_403\)$/)
    expect((await post(startSender(open), 'http://127.0.0.1:1/')).error).toMatch(/\(PROXY_50[0234]\)$/)
  })
})

describe('certificates', () => {
  it('are shown to an endpoint that asks for one, and not to the proxy', async () => {
    const own = authority.issue('node-event-service')
    const [certFile, keyFile] = [join(directory, 'client.pem'), join(directory, 'client.key')]
    writeFileSync(certFile, own.cert)
    writeFileSync(keyFile, own.key)
    const ca = authority.ca
    const shown: Record<'proxy' | 'endpoint', string[]> = { proxy: [], endpoint: [] }
    const asks = { ca, requestCert: true, rejectUnauthorized: false }
    const endpoint = resources.use(
      await startHostileEndpoint(
        (socket) => {
          shown.endpoint.push(
            String((socket as import('node:tls').TLSSocket).getPeerCertificate().subject?.CN),
          )
          answer(ok)(socket)
        },
        { ...authority.issue('localhost'), ...asks, rejectUnauthorized: true },
      ),
    )
    const settings = { EGRESS_CLIENT_CERT_FILE: certFile, EGRESS_CLIENT_KEY_FILE: keyFile }
    const names = { localhost: ['127.0.0.1'] }
    expect(await post(startSender(settings, names), endpoint.url)).toMatchObject({ statusCode: 200 })
    const without = await post(startSender({}, names), endpoint.url)
    expect(without.error).toMatch(/client certificate|reset the connection|ended without a whole answer/)

    const proxy = await startProxy({
      tls: { ...authority.issue('localhost'), ...asks },
      onTls: (cn) => shown.proxy.push(cn),
    })
    expect(await post(startSender({ ...settings, ...through(proxy) }, names), endpoint.url)).toMatchObject({
      statusCode: 200,
    })
    expect(shown).toEqual({ endpoint: Array(2).fill('node-event-service'), proxy: ['undefined'] })
  })
})
