/**
 * A process with all the settings of the ways out: an outgoing proxy, authorities of its own, and a client certificate.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { type Authority, createAuthority } from '../support/certificates.js'
import { type ConnectProxy, startConnectProxy } from '../support/connect-proxy.js'
import { createTestDatabase } from '../support/database.js'
import { answer, startHostileEndpoint } from '../support/hostile-endpoint.js'
import { runToEnd, type ServiceProcess, startProcess, temporaryDirectory } from '../support/process.js'
import { startReceiver } from '../support/receiver.js'

const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'
const PASSWORD = 'hunter2-of-the-proxy'

let resources: Resources
let directory: string
let authorities: Record<'nodes' | 'first' | 'second' | 'unknown', Authority>
let proxy: ConnectProxy
let settings: Record<string, string>
let service: ServiceProcess

const file = (name: string, text: string) => {
  writeFileSync(join(directory, name), text)
  return join(directory, name)
}

beforeAll(async () => {
  resources = createResources()
  directory = resources.use(temporaryDirectory()).path
  const newAuthority = () => createAuthority(resources.use(temporaryDirectory()).path)
  authorities = {
    nodes: newAuthority(),
    first: newAuthority(),
    second: newAuthority(),
    unknown: newAuthority(),
  }
  proxy = resources.use(await startConnectProxy({ credentials: `user:${PASSWORD}` }))
  const own = authorities.second.issue('node-event-service')
  settings = {
    DATABASE_URL: resources.use(await createTestDatabase()).url,
    DELIVERY_MAX_ATTEMPTS: '1',
    EGRESS_PROXY_URL: proxy.url,
    NO_PROXY: 'localhost',
    NODE_EXTRA_CA_CERTS: authorities.nodes.path,
    EGRESS_CA_FILE: file(
      'authorities.pem',
      `# Two of them\n${authorities.first.ca}\n${authorities.second.ca}`,
    ),
    EGRESS_CLIENT_CERT_FILE: file('client.pem', own.cert),
    EGRESS_CLIENT_KEY_FILE: file('client.key', own.key),
  }
  service = resources.use(await startProcess({ settings, directory }))
})
afterAll(() => resources[Symbol.asyncDispose]())

let types = 0

/** Publishes an event for this endpoint alone. Answers with what came of its one attempt. */
async function deliver(endpointUrl: string) {
  types += 1
  const type = `egress.${types}`
  const { status, body: subscription } = await service.api.post('/v1/subscriptions', {
    endpointUrl,
    eventTypes: [type],
  })
  expect(status).toBe(201)
  const { body } = await service.api.post('/v1/events', { type, data: {} })
  const read = async () => (await service.api.get(`/v1/events/${body.eventId}`)).body.deliveries[0]
  await expect.poll(read, { timeout: 20_000 }).toMatchObject({ status: expect.stringMatching(/SENT|DEAD/) })
  const { isEnabled } = (await service.api.get(`/v1/subscriptions/${subscription.id}`)).body
  const { status: outcome, lastError } = await read()
  return { status: outcome, lastError, isEnabled }
}

describe('deliveries', () => {
  it('go through the proxy', async () => {
    const receiver = resources.use(await startReceiver())
    expect(await deliver(receiver.url)).toEqual({ status: 'SENT', lastError: null, isEnabled: true })
    expect(receiver.requests).toHaveLength(1)
    expect(proxy.asked).toEqual([new URL(receiver.url).host])
  })

  it.each([410, 502])(
    'fail when the proxy answers %i, and their subscription stays enabled',
    async (status) => {
      const receiver = resources.use(await startReceiver())
      proxy.refusals.set(new URL(receiver.url).host, status)
      expect(await deliver(receiver.url)).toEqual({
        status: 'DEAD',
        lastError: expect.stringMatching(
          `^the outgoing proxy .* it answered ${status} \\(PROXY_${status}\\)$`,
        ),
        isEnabled: true,
      })
      expect(receiver.requests).toEqual([])
    },
  )

  it.each(['nodes', 'first', 'second'] as const)('trust authorities: %s', async (name) => {
    const { url } = resources.use(
      await startHostileEndpoint(answer(ok), authorities[name].issue('localhost')),
    )
    expect(await deliver(url)).toMatchObject({ status: 'SENT', lastError: null })
  })

  it('trust no other', async () => {
    const { url } = resources.use(
      await startHostileEndpoint(answer(ok), authorities.unknown.issue('localhost')),
    )
    expect((await deliver(url)).lastError).toMatch(/signed by an authority that is not trusted/)
  })

  it('show the client certificate to an endpoint that asks for it', async () => {
    const asks = { ca: authorities.second.ca, requestCert: true, rejectUnauthorized: true }
    const tls = { ...authorities.first.issue('localhost'), ...asks }
    const { url } = resources.use(await startHostileEndpoint(answer(ok), tls))
    expect(await deliver(url)).toMatchObject({ status: 'SENT', lastError: null })
  })
})

describe('the start', () => {
  it('tells which proxy it uses, and never the password', () => {
    const told = service.output.map((line) => JSON.parse(line)).find(({ proxies }) => proxies !== undefined)
    const url = `http://localhost:${proxy.port}`
    expect(told).toMatchObject({
      proxies: { http: url, https: url },
      msg: 'deliveries go through an outgoing proxy',
    })
    expect(service.output.join('\n')).not.toContain(PASSWORD)
  })

  it('ends with a sentence when a file is not there, but for migrations, which deliver nothing', async () => {
    const wrong = { ...settings, EGRESS_CA_FILE: '/nowhere/ca.pem' }
    const { code, output } = await runToEnd('main.js', { settings: wrong, directory })
    expect(code).toBe(1)
    expect(output).toContain('EGRESS_CA_FILE can not be read (ENOENT): /nowhere/ca.pem')
    expect(output).not.toMatch(/\n\s+at /)
    expect(await runToEnd('migrate.js', { settings: wrong, directory })).toMatchObject({ code: 0 })
  }, 120_000)
})
