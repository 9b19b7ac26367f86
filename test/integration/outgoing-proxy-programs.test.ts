/** A proxy that nobody wrote for these tests, and the certificates that the service shows to proxies and endpoints. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { post } from '../support/attempts.js'
import { answer } from '../support/hostile-endpoint.js'
import { okWithoutBody, onHooksTest, setUpOutgoingProxy, through } from '../support/outgoing-proxy.js'
import { startReceiver } from '../support/receiver.js'
import { startTinyproxy } from '../support/tinyproxy.js'

const { use, directory, authority, startSender, startProxy, startEndpoint, startTls } = setUpOutgoingProxy()

describe('tinyproxy', () => {
  it.each(['http', 'https'])('carries webhooks to an endpoint of %s', async (scheme) => {
    const proxy = use(await startTinyproxy(directory()))
    const { url } = scheme === 'https' ? await startTls() : use(await startReceiver())
    const sender = startSender(through(proxy), { 'hooks.test': ['127.0.0.1'] })
    expect(await post(sender, onHooksTest(url))).toMatchObject({ statusCode: 200, error: null })
  })

  it('asks for its user, refuses ports, and tells of endpoints that it can not reach', async () => {
    const proxy = use(await startTinyproxy(directory(), ['BasicAuth user secret', 'ConnectPort 1']))
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
    const own = authority().issue('node-event-service')
    const [certFile, keyFile] = [join(directory(), 'client.pem'), join(directory(), 'client.key')]
    writeFileSync(certFile, own.cert)
    writeFileSync(keyFile, own.key)
    const ca = authority().ca
    const shown: Record<'proxy' | 'endpoint', string[]> = { proxy: [], endpoint: [] }
    const asks = { ca, requestCert: true, rejectUnauthorized: false }
    const endpoint = await startEndpoint(
      (socket) => {
        shown.endpoint.push(String((socket as TLSSocket).getPeerCertificate().subject?.CN))
        answer(okWithoutBody)(socket)
      },
      { ...authority().issue('localhost'), ...asks, rejectUnauthorized: true },
    )
    const settings = { EGRESS_CLIENT_CERT_FILE: certFile, EGRESS_CLIENT_KEY_FILE: keyFile }
    const names = { localhost: ['127.0.0.1'] }
    expect(await post(startSender(settings, names), endpoint.url)).toMatchObject({ statusCode: 200 })
    const without = await post(startSender({}, names), endpoint.url)
    expect(without.error).toMatch(/client certificate|reset the connection|ended without a whole answer/)

    const proxy = await startProxy({
      tls: { ...authority().issue('localhost'), ...asks },
      onTls: (cn) => shown.proxy.push(cn),
    })
    expect(await post(startSender({ ...settings, ...through(proxy) }, names), endpoint.url)).toMatchObject({
      statusCode: 200,
    })
    expect(shown).toEqual({ endpoint: Array(2).fill('node-event-service'), proxy: ['undefined'] })
  })
})
