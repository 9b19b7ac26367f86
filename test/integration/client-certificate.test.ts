/** The certificate that a subscription shows to its endpoint, at endpoints that let nobody else in (mutual TLS). */
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { type Authority, type Certificate, createAuthority } from '../support/certificates.js'
import { createClient } from '../support/client.js'
import { startConnectProxy } from '../support/connect-proxy.js'
import { createTestDatabase } from '../support/database.js'
import { deliver, eventIn, publish } from '../support/delivering.js'
import { ask, post } from '../support/graphql.js'
import { temporaryDirectory } from '../support/process.js'
import { type Receiver, startTlsReceiver } from '../support/receiver.js'
import { newEncryptionKey } from '../support/secrets.js'
import { type Layout, layouts, type Settings, startOn, startTestService } from '../support/service.js'
import { send } from '../support/test-events.js'

const file = createResources()
let authority: Authority
let acme: Certificate
let zebra: Certificate

let resources: Resources
let receiver: Receiver

beforeAll(() => {
  authority = createAuthority(file.use(temporaryDirectory()).path)
  acme = authority.issue('acme')
  zebra = authority.issue('zebra')
})
afterAll(() => file[Symbol.asyncDispose]())

beforeEach(async () => {
  resources = createResources()
  const mutual = { requestCert: true, rejectUnauthorized: true, ca: authority.ca }
  receiver = resources.use(await startTlsReceiver({ ...authority.issue('localhost'), ...mutual }))
})
afterEach(() => resources[Symbol.asyncDispose]())

const inputOf = ({ cert, key }: Certificate) => ({ certificate: cert, privateKey: key })
const endpoint = (pair?: Certificate) => ({
  ...{ endpointUrl: receiver.url, eventTypes: ['user.created'] },
  ...(pair && { clientCertificate: inputOf(pair) }),
})
const trusting = (more: Settings = {}): Settings => ({ EGRESS_CA_FILE: authority.path, ...more })
const start = async (layout: Layout = 'postgres', more?: Settings) =>
  resources.use(await startTestService(layout, trusting(more)))

/** Lines of a key, which nothing else has. */
const linesOf = ({ key }: Certificate) => key.split('\n').filter((line) => line.length === 64)

describe('the certificate', () => {
  it.each(layouts)('is shown to the endpoint and its key to nobody, queue on %s', async (layout) => {
    const service = await start(layout, {
      SECRET_ENCRYPTION_KEY: newEncryptionKey().text,
      DELIVERY_MAX_ATTEMPTS: '1',
    })
    const created = await service.api.post('/v1/subscriptions', endpoint(acme))
    expect(created.status).toBe(201)
    const { id, clientCertificate } = created.body
    expect(clientCertificate).toEqual({
      ...{ subject: 'CN=acme', issuer: 'CN=An authority of the tests' },
      serialNumber: expect.stringMatching(/^[0-9A-F]+$/),
      fingerprint256: expect.stringMatching(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/),
      validFrom: expect.stringMatching(/^20.*T.*\.000Z$/),
      validTo: expect.stringMatching(/^20.*T.*\.000Z$/),
    })
    expect((await deliver(service, receiver)).client).toBe('acme')

    const changed = await service.api.patch(`/v1/subscriptions/${id}`, { clientCertificate: inputOf(zebra) })
    expect(changed.body.clientCertificate.subject).toBe('CN=zebra')
    expect((await deliver(service, receiver)).client).toBe('zebra')
    const [row] = await service.database.query<{ text: string }>(
      'select s::text as text from subscriptions s',
    )
    const lines = [acme, zebra].flatMap(linesOf)
    expect(lines.length).toBeGreaterThan(1)
    for (const said of [row?.text, JSON.stringify([created.body, changed.body])])
      expect(lines.filter((line) => said?.includes(line))).toEqual([])

    const cleared = await service.api.patch(`/v1/subscriptions/${id}`, { clientCertificate: null })
    expect(cleared.body.clientCertificate).toBeNull()
    const { deliveries } = await eventIn('DEAD', service, await publish(service))
    expect(deliveries[0].lastError).toMatch(/^the endpoint asks for a client certificate \(\w+\)$/)
  })

  it('is another one for each subscription of an endpoint', async () => {
    const service = await start()
    await service.api.post('/v1/subscriptions', endpoint(acme))
    const other = { ...endpoint(zebra), endpointUrl: `${receiver.url}/zebra` }
    expect((await service.api.post('/v1/subscriptions', other)).status).toBe(201)
    for (let round = 0; round < 3; round += 1) await eventIn('DELIVERED', service, await publish(service))
    expect(receiver.requests.map(({ path, client }) => [path, client]).sort()).toEqual([
      ...Array(3).fill(['/hook', 'acme']),
      ...Array(3).fill(['/hook/zebra', 'zebra']),
    ])
  })

  it('goes with test events, through an outgoing proxy too, which is not shown it', async () => {
    const shownToProxy: string[] = []
    const proxy = resources.use(
      await startConnectProxy({
        tls: { ...authority.issue('localhost'), requestCert: true, rejectUnauthorized: false },
        onTls: (name) => shownToProxy.push(name),
      }),
    )
    const service = await start('postgres', { EGRESS_PROXY_URL: proxy.url })
    const { id } = (await service.api.post('/v1/subscriptions', endpoint(acme))).body
    expect((await send(service, id)).body.log).toMatchObject({ status: 'SENT', statusCode: 200 })
    expect((await deliver(service, receiver)).client).toBe('acme')
    expect(receiver.requests.map(({ client }) => client)).toEqual(['acme', 'acme'])
    expect(shownToProxy).toEqual(['undefined', 'undefined'])
  })

  it('lets the endpoint be asked whether it agrees, at a change by what is stored', async () => {
    receiver.answerWith((response) => response.writeHead(200, { 'webhook-allowed-origin': '*' }).end())
    const service = await start('postgres', { WEBHOOK_REQUEST_ORIGIN: 'events.example.com' })
    const create = (pair?: Certificate) =>
      service.api.post('/v1/subscriptions', { ...endpoint(pair), validate: true })
    expect((await create()).body.errors).toMatchObject([
      { message: expect.stringMatching(/^the validation request failed: .*asks for a client certificate/) },
    ])
    const { status, body } = await create(acme)
    expect(status).toBe(201)
    const changed = await service.api.patch(`/v1/subscriptions/${body.id}`, { validate: true })
    expect(changed.status).toBe(200)
    expect(receiver.requests.map(({ client }) => client)).toEqual(['acme', 'acme'])
  })

  it('is the same over GraphQL, where a wrong value is not repeated', async () => {
    const service = await start()
    const create = `mutation ($input: CreateSubscriptionInput!) {
      createSubscription(input: $input) {
        subscription { id clientCertificate { subject issuer serialNumber fingerprint256 validFrom validTo } }
        errors { code ... on InvalidInputError { problems { path message } } } } }`
    const { createSubscription } = await ask(service, create, { input: endpoint(acme) })
    const { id, clientCertificate } = createSubscription.subscription
    expect((await service.api.get(`/v1/subscriptions/${id}`)).body.clientCertificate).toEqual(
      clientCertificate,
    )
    const mixed = { ...endpoint(), clientCertificate: { certificate: acme.cert, privateKey: zebra.key } }
    expect((await ask(service, create, { input: mixed })).createSubscription.errors).toEqual([
      {
        code: 'BAD_USER_INPUT',
        problems: [{ path: 'clientCertificate.privateKey', message: 'is not the key of the certificate' }],
      },
    ])
    for (const wrong of [{ certificate: acme.cert, privateKey: [acme.key] }, acme.key, { a: acme.key }]) {
      const { body } = await post(service, create, { input: { ...endpoint(), clientCertificate: wrong } })
      expect(body.errors?.length).toBeGreaterThan(0)
      expect(linesOf(acme).filter((line) => JSON.stringify(body).includes(line))).toEqual([])
    }
    const update = `mutation ($id: ID!) {
      updateSubscription(id: $id, input: { clientCertificate: null }) { subscription { clientCertificate { subject } } } }`
    expect((await ask(service, update, { id })).updateSubscription.subscription).toEqual({
      clientCertificate: null,
    })
  })
})

describe('the key', () => {
  it('moves on to a new encryption key, and without that nothing starts', async () => {
    const database = resources.use(await createTestDatabase())
    const [older, newer] = [newEncryptionKey(), newEncryptionKey()]
    let running: Awaited<ReturnType<typeof startOn>> | undefined
    async function restart(keys: string) {
      await running?.[Symbol.asyncDispose]()
      running = undefined
      const settings = trusting({ SECRET_ENCRYPTION_KEY: keys })
      running = await startOn(database, undefined, settings, pino({ level: 'silent' }))
      return { api: createClient(running.url) }
    }
    try {
      const plain = await restart('')
      await plain.api.post('/v1/subscriptions', endpoint(acme))
      for (const keys of [older.text, `${newer.text},${older.text}`, newer.text]) {
        const now = await restart(keys)
        const id = keys.startsWith(newer.text) ? newer.id : older.id
        const rows = await database.query(
          `select "clientCertificate" ->> 'privateKey' as key from subscriptions`,
        )
        expect(rows).toEqual([{ key: expect.stringMatching(new RegExp(`^enc:v1:${id}:`)) }])
        expect((await deliver(now, receiver)).client).toBe('acme')
      }
      await expect(restart(older.text)).rejects.toThrow(newer.id)
    } finally {
      await running?.[Symbol.asyncDispose]()
    }
  })

  it('is of no use in another subscription, and gone when its own is deleted', async () => {
    const service = await start('postgres', {
      SECRET_ENCRYPTION_KEY: newEncryptionKey().text,
      DELIVERY_MAX_ATTEMPTS: '1',
    })
    const { id } = (await service.api.post('/v1/subscriptions', endpoint(acme))).body
    await deliver(service, receiver)
    const thief = { ...endpoint(), endpointUrl: `${receiver.url}/thief`, eventTypes: ['thief'] }
    await service.api.post('/v1/subscriptions', thief)
    await service.database.query(
      `update subscriptions set "clientCertificate" =
         (select "clientCertificate" from subscriptions where id = $1)`,
      [id],
    )
    const { eventId } = (await service.api.post('/v1/events', { type: 'thief', data: {} })).body
    const { deliveries } = await eventIn('DEAD', service, eventId)
    expect(deliveries[0].lastError).toMatch(/^the key of the client certificate can not be decrypted/)

    await ask(service, 'mutation ($id: ID!) { deleteSubscription(id: $id) { errors { code } } }', { id })
    const rows = await service.database.query('select "clientCertificate" from subscriptions where id = $1', [
      id,
    ])
    expect(rows).toEqual([{ clientCertificate: null }])
  })
})
