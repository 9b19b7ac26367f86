/**
 * Deliveries through an outgoing proxy, on real sockets: what it is asked for, and what the egress guard still refuses
 * before it is asked.
 */
import { describe, expect, it } from 'vitest'
import { createEgressGuard } from '../../src/delivery-engine/egress/egress-guard.js'
import { readEgress } from '../../src/delivery-engine/egress/egress-settings.js'
import { version } from '../../src/platform/version.js'
import { post } from '../support/attempts.js'
import { namesFrom } from '../support/names.js'
import { CREDENTIALS, onHooksTest, portOf, setUpOutgoingProxy, through } from '../support/outgoing-proxy.js'
import { startReceiver } from '../support/receiver.js'

const { use, authority, startSender, startSenderOf, startProxy, startTls } = setUpOutgoingProxy()

describe('a proxy', () => {
  it('is asked by CONNECT for the address that was checked, and the endpoint by its name', async () => {
    const proxy = await startProxy()
    const receiver = use(await startReceiver())
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
      tls: authority().issue('localhost'),
    })
    const { url } = scheme === 'https' ? await startTls() : use(await startReceiver())
    const settings = { EGRESS_PROXY_URL: `https://${CREDENTIALS}@localhost:${proxy.port}` }
    const sender = startSender(settings, { 'hooks.test': ['127.0.0.1'] })
    expect(await post(sender, onHooksTest(url))).toMatchObject({ statusCode: 200, error: null })
    expect(proxy.asked).toHaveLength(1)
  })

  it('that asks for a user and password is shown them, and nobody else is', async () => {
    const proxy = await startProxy({ credentials: 'user:p@ss' })
    const receiver = use(await startReceiver())
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
    const receiver = use(await startReceiver())
    const guard = createEgressGuard({ allowedCidrs: ['127.0.0.0/8', '::1/128'] })
    const names = namesFrom(() => ['::1', '127.0.0.9', '127.0.0.1'])
    const { egress } = readEgress(through(proxy))
    const sender = startSenderOf({ guard, names, egress })
    expect(await post(sender, onHooksTest(receiver.url))).toMatchObject({ statusCode: 200 })
    // IPv4 first: that is what proxies have.
    expect(proxy.asked.map((asked) => asked.split(':')[0])).toEqual(['127.0.0.9', '127.0.0.1'])
  })

  it('is passed by for what NO_PROXY names', async () => {
    const proxy = await startProxy()
    const receiver = use(await startReceiver())
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
      const sender = startSenderOf({ guard, names, egress })
      expect(await post(sender, url)).toMatchObject(refused)
      expect(proxy.asked).toEqual([])
    })
  })
})
