/** What is refused as a client certificate, how an attempt fails whose certificate the endpoint refuses, and bounds. */
import { execFileSync, spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { WebhookPolicy } from '../../src/delivery-engine/attempt/webhook-policy.js'
import { createConnectionsByCertificate } from '../../src/delivery-engine/egress/by-certificate.js'
import { createEgressGuard } from '../../src/delivery-engine/egress/egress-guard.js'
import { directEgress } from '../../src/delivery-engine/egress/egress-settings.js'
import type { InputError } from '../../src/errors.js'
import { parseInput } from '../../src/platform/input-errors.js'
import { createResources } from '../../src/platform/resources.js'
import { checkCertificateTime, clientCertificateField } from '../../src/subscriptions/client-certificate.js'
import { setUpAttempts } from '../support/attempts.js'
import { type Authority, type Certificate, createAuthority } from '../support/certificates.js'
import { machineClock } from '../support/clock.js'
import { answer, type Behaviour, onRequest } from '../support/hostile-endpoint.js'
import { namesFrom } from '../support/names.js'
import { okWithoutBody } from '../support/outgoing-proxy.js'
import { temporaryDirectory } from '../support/process.js'
import { startTestService } from '../support/service.js'

const { use, startSender, startEndpoint } = setUpAttempts()
const file = createResources()
let authority: Authority
let others: Authority
let acme: Certificate
let zebra: Certificate
beforeAll(() => {
  authority = createAuthority(file.use(temporaryDirectory()).path)
  others = createAuthority(file.use(temporaryDirectory()).path)
  acme = authority.issue('acme')
  zebra = authority.issue('zebra')
})
afterAll(() => file[Symbol.asyncDispose]())

/** The errors of an input, from schema and clock. */
function errorsOf(certificate: string, privateKey: string): InputError[] {
  try {
    checkCertificateTime(machineClock, parseInput(clientCertificateField, { certificate, privateKey }))
    return []
  } catch (error) {
    return (error as { errors: InputError[] }).errors
  }
}

/** A key that openssl makes, and its own certificate. */
function selfSignedBy(...kind: string[]): Certificate {
  const { path } = use(temporaryDirectory())
  const [key, cert] = [`${path}/key.pem`, `${path}/cert.pem`]
  const read = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' }).toString()
  read('req', '-x509', '-newkey', ...kind, '-nodes', '-keyout', key, '-out', cert, '-subj', '/O=A, B/CN=ü')
  return { key: read('pkey', '-in', key), cert: read('x509', '-in', cert) }
}

describe('what is set', () => {
  it.each([
    ['RSA', ['rsa:2048']],
    ['P-384', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-384']],
    ['Ed25519', ['ed25519']],
  ])('may be %s, with text around the PEM, and a chain', (_, kind) => {
    const { key, cert } = selfSignedBy(...kind)
    const chain = `Bag Attributes: a\n${cert}\nand\n${authority.ca}`
    const pair = parseInput(clientCertificateField, { certificate: chain, privateKey: `# mine\n${key}` })
    expect(pair?.shown.subject).toMatch(/^O=.*, CN=/)
    expect(pair?.certificate.match(/BEGIN/g)).toHaveLength(2)
    expect([pair?.certificate, pair?.privateKey].join()).not.toMatch(/Bag|mine/)
  })

  it.each<[string, () => [string, string], string, RegExp]>([
    ['no PEM', () => ['MIIB', acme.key], 'certificate', /^must be a certificate in PEM/],
    [
      'a broken one behind a good one',
      () => [`${acme.cert}${acme.cert.replace('MII', 'MMM')}`, acme.key],
      'certificate',
      /^has a certificate that can not be read, number 2$/,
    ],
    ['six of them', () => [acme.cert.repeat(6), acme.key], 'certificate', /^must have at most 5 cert/],
    [
      'too long a text',
      () => [acme.cert + ' '.repeat(16_384), acme.key],
      'certificate',
      /^must have at most 16384/,
    ],
    ['no key', () => [acme.cert, 'key'], 'privateKey', /^must be a private key in PEM/],
    ['a public key', () => [acme.cert, acme.cert], 'privateKey', /^must be a private key in PEM/],
    ['another key', () => [acme.cert, zebra.key], 'privateKey', /^is not the key of the certificate$/],
    [
      'a chain the wrong way round',
      () => [`${authority.ca}\n${acme.cert}`, acme.key],
      'certificate',
      /^must begin with the certificate of the key, number 2$/,
    ],
    [
      'a key with a passphrase',
      () => {
        const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
        const secret = { cipher: 'aes-256-cbc', passphrase: 'a' }
        return [acme.cert, privateKey.export({ type: 'pkcs8', format: 'pem', ...secret }).toString()]
      },
      'privateKey',
      /^must not have a passphrase: .*openssl pkey/,
    ],
    [
      'a small RSA key',
      () => {
        const { cert, key } = selfSignedBy('rsa:1024')
        return [cert, key]
      },
      'privateKey',
      /^must be RSA of 2048 to 4096 bits/,
    ],
    [
      'another curve',
      () => {
        const { cert, key } = selfSignedBy('ec', '-pkeyopt', 'ec_paramgen_curve:secp256k1')
        return [cert, key]
      },
      'privateKey',
      /^must be RSA of 2048 to 4096 bits/,
    ],
    [
      'one that has expired',
      () => {
        const { cert, key } = authority.issue('old', -1)
        return [cert, key]
      },
      'clientCertificate.certificate',
      /^has expired, on 20.*Z: set one that is still valid$/,
    ],
  ])('can not be %s', (_, input, path, message) => {
    expect(errorsOf(...input())).toEqual([{ path, message: expect.stringMatching(message) }])
  })

  it('needs https, also when the URL changes later', async () => {
    const service = use(await startTestService('postgres'))
    const clientCertificate = { certificate: acme.cert, privateKey: acme.key }
    const create = (endpointUrl: string) =>
      service.api.post('/v1/subscriptions', { endpointUrl, eventTypes: ['a'], clientCertificate })
    const error = {
      path: 'clientCertificate',
      message: 'needs an endpointUrl of https: or null, for no certificate',
    }
    expect((await create('http://127.0.0.1/')).body.errors).toEqual([error])
    const { status, body } = await create('https://127.0.0.1/')
    expect(status).toBe(201)
    const change = (changes: object) => service.api.patch(`/v1/subscriptions/${body.id}`, changes)
    expect((await change({ endpointUrl: 'http://127.0.0.1/' })).body.errors).toEqual([error])
    expect((await change({ endpointUrl: 'http://127.0.0.1/', clientCertificate: null })).status).toBe(200)
    const half = await change({ clientCertificate: { certificate: acme.cert } })
    expect(half.body.errors).toMatchObject([{ path: 'clientCertificate.privateKey' }])
  })
})

/** Of https: it lets in whom `authority` knows, and tells whom. */
async function startMutual(behave: Behaviour = answer(okWithoutBody)) {
  const shown: string[] = []
  const open: string[] = []
  const mutual = { requestCert: true, rejectUnauthorized: true, ca: authority.ca }
  const { url } = await startEndpoint(
    (socket) => {
      const name = String((socket as TLSSocket).getPeerCertificate().subject?.CN)
      shown.push(name)
      open.push(name)
      socket.once('close', () => open.splice(open.indexOf(name), 1))
      behave(socket)
    },
    { ...authority.issue('localhost'), ...mutual },
  )
  return { url, shown, open }
}

/** A server that sends the alerts of TLS: one of Node.js just closes the connection. */
async function startOpenssl(): Promise<string> {
  const { path } = use(temporaryDirectory())
  const own = authority.issue('localhost')
  writeFileSync(`${path}/key.pem`, own.key)
  writeFileSync(`${path}/cert.pem`, own.cert)
  const pair = ['-key', `${path}/key.pem`, '-cert', `${path}/cert.pem`]
  const mutual = ['-Verify', '2', '-verify_return_error', '-CAfile', authority.path]
  const server = spawn('openssl', ['s_server', '-accept', '127.0.0.1:0', ...pair, ...mutual])
  use({
    async [Symbol.asyncDispose]() {
      if (server.exitCode === null) await Promise.all([once(server, 'exit'), server.kill()])
    },
  })
  for await (const chunk of server.stdout) {
    const [, port] = /ACCEPT 127\.0\.0\.1:(\d+)/.exec(String(chunk)) ?? []
    if (port !== undefined) return `https://localhost:${port}/`
  }
  throw new Error('openssl did not listen')
}

const asClient = ({ cert, key }: Certificate) => ({ cert, key })
const egressAs = (pair: Certificate | undefined) => ({
  ...directEgress,
  ...{ authorities: authority.ca, clientCertificate: pair && asClient(pair) },
})
const names = () => namesFrom(() => ['127.0.0.1'])

/** A webhook of a subscription with this certificate. */
const webhookOf = (endpointUrl: string, pair?: Certificate) => ({
  ...{ endpointUrl, id: 'evt', body: Buffer.from('{}'), signingKeys: () => [Buffer.from('key')] },
  policy: {
    ...{ retryPolicy: null, timeoutMs: null, maxInFlight: null, oauth2: undefined },
    headers: () => ({ plain: {}, secret: {} }),
    clientCertificate: pair && (() => asClient(pair)),
  } satisfies WebhookPolicy,
})

describe('an attempt', () => {
  it.each<[string, () => Certificate, RegExp]>([
    [
      'of an authority that the endpoint does not know',
      () => others.issue('acme'),
      /^the endpoint does not trust the authority of the client certificate \(\w+\)$/,
    ],
    [
      'that has expired since',
      () => authority.issue('acme', -1),
      /^the endpoint says that the client certificate has expired \(\w+\)$/,
    ],
    ['with the key of another', () => ({ ...acme, key: zebra.key }), /VALUES_MISMATCH/],
  ])('fails with a certificate %s', async (_, pair, error) => {
    const url = await startOpenssl()
    const sender = startSender({ names: names(), egress: egressAs(undefined) })
    expect(await sender.send(webhookOf(url, pair()))).toMatchObject({
      statusCode: null,
      error: expect.stringMatching(error),
    })
  })

  it('tells of the certificate when the endpoint just closes the connection', async () => {
    const { url } = await startMutual()
    const sender = startSender({ names: names(), egress: egressAs(undefined) })
    const { error } = await sender.send(webhookOf(url, others.issue('acme')))
    expect(error).toMatch(
      /^the (connection ended|endpoint reset).*\): it may not accept the client certificate$/,
    )
  })

  it('shows the certificate of the settings only where the subscription has none', async () => {
    const { url, shown } = await startMutual()
    const sender = startSender({ names: names(), egress: egressAs(authority.issue('whole-service')) })
    for (const pair of [undefined, acme, undefined, zebra])
      expect(await sender.send(webhookOf(url, pair))).toMatchObject({ statusCode: 200 })
    expect([...new Set(shown)]).toEqual(['whole-service', 'acme', 'zebra'])
  })
})

describe('connections', () => {
  const open = (bounds: object) =>
    use(
      createConnectionsByCertificate({
        ...{ guard: createEgressGuard({ allowedCidrs: ['127.0.0.0/8'] }), names: names() },
        ...{ connectTimeoutMs: 20_000, keepAliveMs: 60_000, maxResponseBytes: 10_000 },
        ...{ egress: egressAs(undefined), ...bounds },
      }),
    )

  type Opened = ReturnType<typeof open>

  /** An exchange, and its end. */
  const get = (connections: Opened, url: string, pair: Certificate) =>
    new Promise<void>((resolve, reject) => {
      const { origin } = new URL(url)
      connections.showing(asClient(pair)).dispatch(
        { origin, path: '/', method: 'GET' },
        {
          ...{ timeoutMs: 20_000, connection: undefined },
          ...{ onRequestStart() {}, onResponseStart() {}, onResponseData() {} },
          onResponseEnd: () => resolve(),
          onResponseError: (_, error) => reject(error),
        },
      )
    })

  it('of the certificate that was not used for longest are closed beyond the bound', async () => {
    const { url, open: opened } = await startMutual()
    const connections = open({ maxCertificates: 2 })
    for (const pair of [acme, zebra, acme, authority.issue('third')]) await get(connections, url, pair)
    await expect.poll(() => [...new Set(opened)]).toEqual(['acme', 'third'])
    await get(connections, url, zebra)
    await expect.poll(() => [...new Set(opened)]).toEqual(['third', 'zebra'])
  })

  it('that nothing uses are closed, after the exchange that they have', async () => {
    const slowly: Behaviour = onRequest((socket) => setTimeout(() => socket.write(okWithoutBody), 300))
    const { url, shown, open: opened } = await startMutual(slowly)
    const connections = open({ unusedMs: 1 })
    await get(connections, url, acme)
    await expect.poll(() => opened).toEqual([])
    await get(connections, url, acme)
    expect(shown).toEqual(['acme', 'acme'])
  })
})
