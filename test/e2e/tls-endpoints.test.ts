/** Endpoints behind TLS, good ones and bad: what their owners read in the log, and that nothing goes to the bad. */
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { type Authority, createAuthority, selfSigned } from '../support/certificates.js'
import { createClient } from '../support/client.js'
import { createTestDatabase } from '../support/database.js'
import {
  answer,
  type Behaviour,
  type HostileEndpoint,
  startHostileEndpoint,
} from '../support/hostile-endpoint.js'
import { type ServiceProcess, startProcess, temporaryDirectory } from '../support/process.js'
import { startOn } from '../support/service.js'

const TIMEOUT_MS = 2000
const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'

let resources: Resources
let service: ServiceProcess
let directory: string
let authority: Authority
let others: Authority

beforeAll(async () => {
  resources = createResources()
  directory = resources.use(temporaryDirectory()).path
  authority = createAuthority(resources.use(temporaryDirectory()).path)
  others = createAuthority(resources.use(temporaryDirectory()).path)
  const settings = {
    DATABASE_URL: resources.use(await createTestDatabase()).url,
    // Node's own: who is trusted beside the usual authorities. It is read at the start, so it takes a process.
    NODE_EXTRA_CA_CERTS: authority.path,
    DELIVERY_MAX_ATTEMPTS: '1',
    DELIVERY_TIMEOUT_MS: String(TIMEOUT_MS),
  }
  service = resources.use(await startProcess({ settings, directory }))
})
afterAll(() => resources[Symbol.asyncDispose]())

let types = 0

/** Publishes an event for this endpoint alone. Answers with what came of its one attempt. */
async function deliver(endpointUrl: string) {
  types += 1
  const type = `tls.${types}`
  const subscribed = await service.api.post('/v1/subscriptions', { endpointUrl, eventTypes: [type] })
  expect(subscribed.status).toBe(201)
  const { body } = await service.api.post('/v1/events', { type, data: {} })
  const read = async () => (await service.api.get(`/v1/events/${body.eventId}`)).body.deliveries[0]
  await expect.poll(read, { timeout: 15_000 }).toMatchObject({ status: expect.stringMatching(/SENT|DEAD/) })
  const { status, logs } = await read()
  expect(logs).toHaveLength(1)
  return { status, statusCode: logs[0].statusCode, error: logs[0].error }
}

const startTls = async (...tls: Parameters<typeof startHostileEndpoint>): Promise<HostileEndpoint> =>
  resources.use(await startHostileEndpoint(...tls))

/** One that is told what to do with a connection before there is any TLS. */
async function startBare(behave: Behaviour): Promise<string> {
  const { url } = resources.use(await startHostileEndpoint(behave))
  return url.replace('http:', 'https:')
}

describe('an endpoint whose certificate', () => {
  it('is in order gets its webhook', async () => {
    const { url } = await startTls(answer(ok), authority.issue('localhost'))
    expect(await deliver(url)).toEqual({ status: 'SENT', statusCode: 200, error: null })
  })

  it.each([
    [
      'has expired',
      () => authority.issue('localhost', -1),
      /^the endpoint's certificate has expired \(CERT_HAS_EXPIRED\)$/,
    ],
    [
      'is for another name',
      () => authority.issue('example.com'),
      /is for another name \(ERR_TLS_CERT_ALTNAME_INVALID\)$/,
    ],
    [
      'nobody vouches for',
      () => selfSigned(directory, 'localhost'),
      /signed by nobody but itself \(DEPTH_ZERO_SELF_SIGNED_CERT\)$/,
    ],
    [
      'is from an unknown authority',
      () => others.issue('localhost'),
      /signed by an authority that is not trusted \(UNABLE_TO_\w+\)$/,
    ],
  ])('%s gets nothing', async (_, certificate, error) => {
    let heard = 0
    const { url } = await startTls((socket) => {
      socket.on('data', () => {
        heard += 1
      })
    }, certificate())
    expect(await deliver(url)).toEqual({
      status: 'DEAD',
      statusCode: null,
      error: expect.stringMatching(error),
    })
    expect(heard).toBe(0)
  })
})

describe('an endpoint that', () => {
  it('stalls before it says anything is left at the deadline', async () => {
    const url = await startBare(() => {})
    expect(await deliver(url)).toMatchObject({
      status: 'DEAD',
      error: `no connection within ${TIMEOUT_MS} ms`,
    })
  })

  it('stalls in the middle of the handshake is left at the deadline', async () => {
    const real = await startTls(answer(ok), authority.issue('localhost'))
    const url = await startBare((socket) => {
      // The first bytes of a real answer, and no more.
      const behind = connect(real.port, '127.0.0.1')
      socket.pipe(behind)
      behind.once('data', (chunk: Buffer) => socket.write(chunk.subarray(0, 50)))
      for (const end of [socket, behind]) end.on('error', () => {})
      socket.once('close', () => behind.destroy())
    })
    expect(await deliver(url)).toMatchObject({
      status: 'DEAD',
      error: `no connection within ${TIMEOUT_MS} ms`,
    })
  })

  it('speaks HTTP where TLS is due', async () => {
    const url = await startBare((socket) => {
      socket.on('error', () => {}).once('data', () => socket.end(ok))
    })
    expect((await deliver(url)).error).toMatch(/^the endpoint does not speak TLS on this port \(\w+\)$/)
  })

  it('speaks only HTTP/2', async () => {
    const { url } = await startTls(answer(ok), { ...authority.issue('localhost'), ALPNProtocols: ['h2'] })
    expect((await deliver(url)).error).toMatch(/^the endpoint speaks only HTTP\/2, .* \(\w+\)$/)
  })

  it.each([
    ['TLSv1.2', /^the endpoint ended the TLS handshake: it asks for a client certificate, or .* \([\w/]+\)$/],
    ['TLSv1.3', /^the endpoint asks for a client certificate \(\w+\)$/],
  ] as const)('asks for a client certificate, in %s', async (version, error) => {
    const versions = { minVersion: version, maxVersion: version }
    const mutual = { requestCert: true, rejectUnauthorized: true, ca: authority.ca }
    const { url } = await startTls(answer(ok), { ...authority.issue('localhost'), ...mutual, ...versions })
    expect(await deliver(url)).toEqual({
      status: 'DEAD',
      statusCode: null,
      error: expect.stringMatching(error),
    })
  })

  it('knows only versions of TLS that are given up', async () => {
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const
    const { url } = await startTls(answer(ok), { ...authority.issue('localhost'), ...old })
    expect((await deliver(url)).error).toMatch(
      /^the endpoint speaks no version of TLS that is still secure \(\w+\)$/,
    )
  })

  it('resets the handshake', async () => {
    const url = await startBare((socket) => {
      socket.on('error', () => {}).once('data', () => socket.resetAndDestroy())
    })
    expect((await deliver(url)).error).toMatch(
      /^the (endpoint reset the connection|connection) .*\((ECONNRESET|UND_ERR_SOCKET)\)$/,
    )
  })
})

describe('DELIVERY_REQUIRE_HTTPS', () => {
  it('refuses http, in new subscriptions and in those that are there', async () => {
    const database = resources.use(await createTestDatabase())
    const open = await startOn(database, undefined)
    let heard = 0
    const { url: endpointUrl } = await startTls(() => {
      heard += 1
    })
    const subscribe = (url: string, endpointUrl: string) =>
      createClient(url).post('/v1/subscriptions', { endpointUrl, eventTypes: ['user.created'] })
    expect((await subscribe(open.url, endpointUrl)).status).toBe(201)
    await open[Symbol.asyncDispose]()

    const settings = { DELIVERY_REQUIRE_HTTPS: 'true', DELIVERY_MAX_ATTEMPTS: '1' }
    const { url } = resources.use(await startOn(database, undefined, settings))
    const why = 'Only https:// URLs are delivered to: DELIVERY_REQUIRE_HTTPS is on.'
    const refused = await subscribe(url, 'http://example.com/')
    expect(refused).toMatchObject({ status: 400, body: { errors: [{ message: why }] } })

    await createClient(url).post('/v1/events', { type: 'user.created', data: {} })
    const read = async () => (await createClient(url).get('/v1/deliveries')).body.items[0]
    await expect.poll(read, { timeout: 15_000 }).toMatchObject({ status: 'DEAD' })
    expect((await read()).lastError).toContain(why)
    expect(heard).toBe(0)
  })
})
