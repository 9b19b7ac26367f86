/** Test events: what is refused, how many at a time, and what a stop and a database that is away make of one. */
import { afterEach, describe, expect, it } from 'vitest'
import { createEgressGuard } from '../../src/delivery-engine/egress/egress-guard.js'
import { directEgress } from '../../src/delivery-engine/egress/egress-settings.js'
import { createTestEvents } from '../../src/delivery-engine/test-events/test-events.js'
import type { RawJson } from '../../src/events/raw-json.js'
import { createResources } from '../../src/platform/resources.js'
import { createBodyCipher } from '../../src/secrets/body-cipher.js'
import { createSecretCipher } from '../../src/secrets/cipher.js'
import { createSigningKeys } from '../../src/secrets/signing-keys.js'
import { createServiceEvents } from '../../src/telemetry/service-events.js'
import { createClient } from '../support/client.js'
import { machineClock, newId } from '../support/clock.js'
import { createTestDatabase, openDatabase } from '../support/database.js'
import { ask, post } from '../support/graphql.js'
import { startProxy } from '../support/proxy.js'
import { startReceiver } from '../support/receiver.js'
import { type Settings, startOn, startTestService } from '../support/service.js'
import { create, SEND, send, sendByGraphQL, test, UNKNOWN } from '../support/test-events.js'

let resources = createResources()
afterEach(async () => {
  await resources[Symbol.asyncDispose]()
  resources = createResources()
})

async function start(settings: Settings = {}) {
  const service = resources.use(await startTestService('postgres', settings))
  const receiver = resources.use(await startReceiver())
  return { service, receiver }
}

describe('an input', () => {
  it('that is wrong sends nothing and stores nothing', async () => {
    const { service, receiver } = await start({ EVENT_MAX_BYTES: '2000' })
    const { id } = await create(service, receiver.url)
    const large = { ...test, data: { text: 'x'.repeat(2000) } }
    const wrong: [unknown, number][] = [
      ...[{}, { type: 'a' }, { data: {} }, { ...test, type: 'a b' }, { ...test, type: '' }].map(bad),
      ...[null, [], 'x'].map((data) => bad({ ...test, data })),
      ...[
        { ...test, metadata: {} },
        { ...test, eventId: 'x' },
        { ...test, isTest: true },
      ].map(bad),
      [large, 413],
    ]
    for (const [body, status] of wrong)
      expect([body, (await send(service, id, body)).status]).toEqual([body, status])
    for (const type of ['', 'a b', 'x'.repeat(129)])
      expect((await sendByGraphQL(service, id, { ...test, type })).errors).toMatchObject([
        { code: 'BAD_USER_INPUT', problems: [{ path: 'type' }] },
      ])
    const { body } = await post(service, SEND, { id, ...large })
    expect(body.errors).toMatchObject([{ extensions: { code: 'PAYLOAD_TOO_LARGE' } }])
    for (const values of [{ type: null }, { data: null }, { data: [] }]) {
      const { body } = await post(service, SEND, { id, ...test, ...values })
      expect(body.errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }])
    }
    expect(receiver.requests).toEqual([])
    expect((await service.api.get('/v1/stats')).body.eventsTotal).toBe(0)
  })
  const bad = (body: unknown): [unknown, number] => [body, 400]

  it('may be of any JSON, and arrives as it was written', async () => {
    const { service, receiver } = await start()
    const { id } = await create(service, receiver.url)
    const data = '{"b": 12345678901234567890, "a": null, "\\u0000": "\\ud83d\\ude00"}'
    const { status, body } = await send(service, id, `{"type": "a", "data": ${data}}`)
    expect([status, body.log.status]).toEqual([200, 'SENT'])
    expect(receiver.requests[0]?.body).toContain(`"data":${data}`)
    expect(body.log.request.body).toBe(receiver.requests[0]?.body)
  })

  it('with an id that no subscription has, or only a deleted one, is NOT_FOUND', async () => {
    const { service, receiver } = await start()
    const { id } = await create(service, receiver.url)
    await ask(service, `mutation { deleteSubscription(id: "${id}") { deletedId } }`)
    for (const unknown of [UNKNOWN, 'x', id]) {
      expect((await send(service, unknown)).status).toBe(404)
      expect(await sendByGraphQL(service, unknown)).toMatchObject({
        ...{ event: null, delivery: null, log: null, errors: [{ code: 'NOT_FOUND' }] },
      })
    }
    expect(receiver.requests).toEqual([])
  })
})

describe('at most ten at a time', () => {
  it('are sent; one more is refused, and one later is not', async () => {
    const { service, receiver } = await start()
    const waiting: (() => void)[] = []
    receiver.answerWith((response) => void waiting.push(() => response.end()))
    const { id } = await create(service, receiver.url)
    const ten = Array.from({ length: 10 }, () => send(service, id))
    await expect.poll(() => waiting.length).toBe(10)

    const { status, headers, body } = await send(service, id)
    expect([status, headers.get('retry-after')]).toEqual([429, '1'])
    expect(body).toMatchObject({
      type: 'urn:node-event-service:too-many-requests',
      title: 'Too many requests',
    })
    const refused = await post(service, SEND, { id, ...test })
    expect(refused.body.errors).toMatchObject([
      { extensions: { code: 'TOO_MANY_REQUESTS', retryAfterSeconds: 1 } },
    ])
    for (const release of waiting) release()
    expect((await Promise.all(ten)).map((one) => one.body.log.status)).toEqual(Array(10).fill('SENT'))
    receiver.answerWith(200)
    expect((await send(service, id)).status).toBe(200)
    expect(receiver.requests).toHaveLength(11)
  })
})

it('is 503 when it could not be stored, and nothing of it is', async () => {
  const database = resources.use(await createTestDatabase())
  const proxy = resources.use(await startProxy(database.url))
  const { url } = resources.use(await startOn({ url: proxy.url }, undefined))
  const receiver = resources.use(
    await startReceiver((response) => void proxy.cut().then(() => response.end())),
  )
  const service = { api: createClient(url) }
  const { id } = await create(service, receiver.url)
  const { status, body } = await send(service, id)
  expect([status, body.type]).toEqual([503, 'urn:node-event-service:service-unavailable'])
  await proxy.restore()
  await expect.poll(async () => (await service.api.get('/v1/stats')).status, { timeout: 10_000 }).toBe(200)
  expect((await service.api.get('/v1/stats')).body).toMatchObject({ eventsTotal: 0, deliveriesTotal: 0 })
  expect(receiver.requests).toHaveLength(1)
})

describe('a stop', () => {
  it('cuts off a test whose endpoint takes too long, and stores nothing of it', async () => {
    const { service, receiver } = await start()
    receiver.answerWith(() => {})
    const { id } = await create(service, receiver.url)
    const tests = createTestEvents({
      database: resources.use(openDatabase(service.database)),
      guard: createEgressGuard({ allowedCidrs: ['127.0.0.0/8'] }),
      ...{ egress: directEgress, timeoutMs: 60_000, responseBodies: 'failed', clock: machineClock, newId },
      signingKeys: createSigningKeys(createSecretCipher([])),
      bodyCipher: createBodyCipher([]),
      serviceEvents: createServiceEvents(),
    })
    const event = { type: 'a', data: '{}' as RawJson }
    const cutOff = expect(tests.send({ tenant: null }, id, event)).rejects.toMatchObject({
      code: 'SERVICE_UNAVAILABLE',
    })
    await expect.poll(() => receiver.requests.length).toBe(1)
    await tests[Symbol.asyncDispose]()
    await cutOff
    await expect(tests.send({ tenant: null }, id, event)).rejects.toMatchObject({
      code: 'SERVICE_UNAVAILABLE',
    })
    expect((await service.api.get('/v1/stats')).body.eventsTotal).toBe(0)
    expect(receiver.requests).toHaveLength(1)
  })

  it('lets a test end that is under way', async () => {
    const { service, receiver } = await start()
    let release = () => {}
    receiver.answerWith((response) => {
      release = () => response.end()
    })
    const { id } = await create(service, receiver.url)
    const sent = send(service, id)
    await expect.poll(() => receiver.requests.length).toBe(1)
    const stopped = service[Symbol.asyncDispose]()
    release()
    expect((await sent).body.log.status).toBe('SENT')
    await stopped
  })
})
