/** Test events: sent once and now to one subscription, and answered with the whole attempt, however it ended. */
import { execFile } from 'node:child_process'
import { afterEach, describe, expect, it } from 'vitest'
import { verifyWebhook } from '../../src/client/index.js'
import { createResources } from '../../src/platform/resources.js'
import { checkMetrics, checkStats, checkTables, countOpen } from '../faults/tables.js'
import { createClient, TEST_KEY } from '../support/client.js'
import { createTestDatabase } from '../support/database.js'
import { eventIn, publish } from '../support/delivering.js'
import { ask, watchOverSse } from '../support/graphql.js'
import { startReceiver } from '../support/receiver.js'
import { startRedis } from '../support/redis.js'
import { layouts, type Settings, startOn, startTestService, type TestService } from '../support/service.js'
import { create, send, sendByGraphQL, test, UNKNOWN } from '../support/test-events.js'

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

/** What the tables say, held against each other and against the totals. */
async function expectTablesToFit({ database, api }: TestService) {
  const found: unknown[] = []
  const find = (...finding: unknown[]) => void found.push(finding)
  await checkTables(database, find)
  await checkStats(database, (await api.get('/v1/stats')).body, find)
  await checkMetrics(database, find)
  expect(found).toEqual([])
  expect(await countOpen(database)).toEqual({ outbox: 0, deliveries: 0, leases: 0 })
}

describe.each(layouts)('a test event, %s', (layout) => {
  it('is signed and sent like a delivery, and its history is that of any', async () => {
    const service = resources.use(await startTestService(layout))
    const receiver = resources.use(await startReceiver((response) => response.writeHead(201).end('thanks')))
    const { id, secret } = await create(service, receiver.url)
    // Another endpoint that wants the type gets nothing.
    await create(service, `${receiver.url}/other`, { eventTypes: ['*'] })
    const live = resources.use(
      watchOverSse(service, 'subscription { eventUpdated { id type status isTest deliveryCount } }'),
    )
    await expect
      .poll(async () => {
        await publish(service)
        return live.results.length
      })
      .toBeGreaterThan(0)
    receiver.requests.length = 0

    const { status, body } = await send(service, id)
    expect(status).toBe(200)
    const { eventId, deliveryId, log } = body
    expect(log).toMatchObject({
      ...{ attempt: 1, status: 'SENT', statusCode: 201, error: null, remoteAddress: '127.0.0.1' },
      timings: { totalMs: log.responseTimeMs, firstByteMs: expect.any(Number) },
      response: { body: 'thanks', isTruncated: false },
    })
    const received = receiver.requests.filter(({ headers }) => headers['webhook-id'] === eventId)
    expect(received).toHaveLength(1)
    const [{ headers, body: webhook }] = received as [(typeof received)[0]]
    expect(log.request.body).toBe(webhook)
    expect(headers).toMatchObject(log.request.headers)
    expect(await verifyWebhook({ secret, headers: headers as never, body: webhook })).toMatchObject({
      ...{ id: eventId, type: test.type, payload: { data: test.data, metadata: null } },
    })

    const stored = (await service.api.get(`/v1/events/${eventId}`)).body
    expect(stored).toMatchObject({ isTest: true, status: 'DELIVERED', type: test.type })
    expect(stored.deliveries).toMatchObject([
      { id: deliveryId, subscriptionId: id, status: 'SENT', attempts: 1, nextRunAt: null },
    ])
    expect((await service.api.get(`/v1/deliveries/${deliveryId}/logs/1`)).body).toEqual(log)
    await expect
      .poll(() => live.results.map(({ data }) => data.eventUpdated))
      .toContainEqual({ id: eventId, type: test.type, status: 'DELIVERED', isTest: true, deliveryCount: 1 })
    const ordinary = live.results.map(({ data }) => data.eventUpdated).filter((one) => one.id !== eventId)
    expect(ordinary.every(({ isTest }) => isTest === false)).toBe(true)
  })

  it('that fails is an answer, is never attempted again, and everything that counts has it', async () => {
    const service = resources.use(await startTestService(layout))
    const receiver = resources.use(await startReceiver((response) => response.writeHead(503).end('down')))
    const { id } = await create(service, receiver.url, { isEnabled: false })
    const { event, delivery, log, errors } = await sendByGraphQL(service, id)
    expect(errors).toEqual([])
    expect(event).toMatchObject({
      ...{ type: test.type, isTest: true, status: 'DEAD', deliveryCount: 1 },
      payload: { data: test.data, metadata: null },
    })
    expect(delivery).toMatchObject({
      ...{ eventId: event.id, status: 'DEAD', attempts: 1, nextRunAt: null },
      ...{ lastError: 'answered 503', lastStatusCode: 503 },
    })
    expect(log).toMatchObject({
      ...{ attempt: 1, status: 'DEAD', statusCode: 503, error: 'answered 503' },
      request: { body: receiver.requests[0]?.body },
      response: { body: 'down' },
    })
    await sendByGraphQL(service, id)
    receiver.answerWith(200)
    await send(service, id)
    // Whatever was open would be sent now.
    await service.api.patch(`/v1/subscriptions/${id}`, { isEnabled: true })
    await eventIn('DELIVERED', service, await publish(service))
    expect(receiver.requests).toHaveLength(4)
    await expectTablesToFit(service)
    expect((await service.api.get('/v1/stats')).body).toMatchObject({
      ...{ eventsTotal: 4, deliveriesTotal: 4, deliveriesSent: 2, deliveriesDead: 2 },
    })
  })
})

it('is not retried, and whoever asks for it is told why', async () => {
  const { service, receiver } = await start()
  receiver.answerWith(500)
  const { id } = await create(service, receiver.url)
  const { eventId, deliveryId } = (await send(service, id)).body
  const { status, body } = await service.api.post(`/v1/deliveries/${deliveryId}/retry`)
  expect([status, body.detail]).toEqual([
    409,
    'The event was sent as a test, which is made once. Send another test event.',
  ])
  const { retryDelivery, retryEvent } = await ask(
    service,
    `mutation ($deliveryId: ID!, $eventId: ID!) {
      retryDelivery(id: $deliveryId) { errors { code } }
      retryEvent(eventId: $eventId) { retried deliveries { deliveryId isRetried reason } errors { code } }
    }`,
    { deliveryId, eventId },
  )
  expect(retryDelivery.errors).toEqual([{ code: 'CONFLICT' }])
  expect(retryEvent).toEqual({
    ...{ retried: 0, errors: [] },
    deliveries: [{ deliveryId, isRetried: false, reason: 'TEST_EVENT' }],
  })
  await expectTablesToFit(service)
  expect(receiver.requests).toHaveLength(1)
})

it('goes out while no worker runs', async () => {
  const database = resources.use(await createTestDatabase())
  const redis = resources.use(await startRedis())
  const { url } = resources.use(await startOn(database, redis, { ROLE: 'api' }))
  const receiver = resources.use(await startReceiver())
  const service = { api: createClient(url) }
  const { id } = await create(service, receiver.url)
  expect((await send(service, id)).body.log).toMatchObject({ status: 'SENT', statusCode: 200 })
})

describe('a subscription', () => {
  it('gets a test whatever its types, its filter and its rate, and as often as it is asked for', async () => {
    const { service, receiver } = await start()
    const { id } = await create(service, receiver.url, {
      ...{ isEnabled: false, filter: 'false', maxRequestsPerSecond: 1, maxInFlight: 1 },
    })
    const tests = await Promise.all([1, 2, 3].map(() => send(service, id)))
    expect(tests.map(({ body }) => body.log.status)).toEqual(['SENT', 'SENT', 'SENT'])
    expect(await service.database.query('select from "rateLimits"')).toHaveLength(0)
  })

  it('is not disabled by the 410 of a test', async () => {
    const { service, receiver } = await start()
    receiver.answerWith(410)
    const { id } = await create(service, receiver.url)
    expect((await send(service, id)).body.log).toMatchObject({ status: 'DEAD', statusCode: 410 })
    expect((await service.api.get(`/v1/subscriptions/${id}`)).body.isEnabled).toBe(true)
  })

  it('has its own deadline for tests as well', async () => {
    const { service, receiver } = await start()
    receiver.answerWith(() => {})
    const { id } = await create(service, receiver.url, { timeoutMs: 200 })
    expect((await send(service, id)).body.log).toMatchObject({
      ...{ status: 'DEAD', statusCode: null, error: 'no whole answer within 200 ms', response: null },
    })
  })

  it('sends its headers, authorization and former secret, and no secret is stored or shown', async () => {
    const { service, receiver } = await start()
    receiver.answerWith((response, { headers }) =>
      response.writeHead(200, { 'x-echo': String(headers['x-key']) }).end(`you sent ${headers['x-key']}`),
    )
    const { id, secret } = await create(service, receiver.url, {
      ...{ headers: { 'x-team': 'billing' }, secretHeaders: { 'x-key': 'hush-hush-hush' } },
      auth: { bearer: { token: 'open-sesame' } },
    })
    const rotated = (await service.api.post(`/v1/subscriptions/${id}/rotate-secret`, {})).body
    const { body } = await send(service, id)
    const [received] = receiver.requests
    expect(received?.headers).toMatchObject({
      ...{ 'x-team': 'billing', 'x-key': 'hush-hush-hush', authorization: 'Bearer open-sesame' },
    })
    expect(String(received?.headers['webhook-signature']).split(' ')).toHaveLength(2)
    for (const valid of [secret, rotated.secret])
      await verifyWebhook({ secret: valid, headers: received?.headers as never, body: received?.body ?? '' })
    expect(body.log.request.headers).toMatchObject({
      ...{ 'x-team': 'billing', 'x-key': '[redacted]', authorization: '[redacted]' },
    })
    const stored = await service.database.query(
      `select l::text, encode("responseBody", 'escape') as body from "deliveryLogs" l`,
    )
    for (const text of [JSON.stringify(body), JSON.stringify(stored)])
      for (const hidden of ['hush-hush', 'open-sesame', secret, rotated.secret])
        expect(text).not.toContain(hidden)
    expect(JSON.stringify(stored)).toContain('you sent')
  })

  it('gets an access token first where it takes one', async () => {
    const { service, receiver } = await start()
    const tokenServer = resources.use(
      await startReceiver((response) =>
        response
          .writeHead(200, { 'content-type': 'application/json' })
          .end(JSON.stringify({ access_token: 'the-token', token_type: 'bearer', expires_in: 60 })),
      ),
    )
    const auth = { oauth2: { tokenUrl: tokenServer.url, clientId: 'c', clientSecret: 'quiet' } }
    const { id } = await create(service, receiver.url, { auth })
    expect((await send(service, id)).body.log.status).toBe('SENT')
    expect(receiver.requests[0]?.headers.authorization).toBe('Bearer the-token')
  })

  it('at an address that is not public gets nothing, and the log says why', async () => {
    const database = resources.use(await createTestDatabase())
    const receiver = resources.use(await startReceiver())
    const open = await startOn(database, undefined)
    const { id } = await create({ api: createClient(open.url) }, receiver.url)
    await open[Symbol.asyncDispose]()
    const closed = resources.use(await startOn(database, undefined, { DELIVERY_ALLOWED_CIDRS: '' }))
    const { status, body } = await send({ api: createClient(closed.url) }, id)
    expect(status).toBe(200)
    expect(body.log).toMatchObject({ status: 'DEAD', error: expect.stringContaining('EGRESS_REFUSED') })
    expect(receiver.requests).toEqual([])
  })
})

it('is shown by the program of the docs, which ends with 1 when it failed', async () => {
  const { service, receiver } = await start()
  receiver.answerWith(200, (response) => response.writeHead(500).end('broken'))
  const { id } = await create(service, receiver.url)
  const run = (...args: string[]) =>
    new Promise<{ code: unknown; said: string }>((resolve) =>
      execFile(
        process.execPath,
        ['docs/examples/send-test-event.mjs', service.url, TEST_KEY, ...args],
        (error, stdout, stderr) => resolve({ code: error?.code ?? 0, said: stdout + stderr }),
      ),
    )
  const worked = await run(id, 'a.b', '{"n": 1}')
  expect(worked).toEqual({ code: 0, said: expect.stringMatching(/^SENT: answered 200 after \d+ ms\n/) })
  expect(worked.said).toContain('"payload":{"data":{"n": 1},"metadata":null}')
  const failed = await run(id)
  expect(failed).toEqual({ code: 1, said: expect.stringMatching(/^DEAD: answered 500 after.*broken\n$/s) })
  expect((await run(UNKNOWN)).said).toContain('There is no subscription with the id')
})

describe('LOG_RESPONSE_BODIES', () => {
  it.each([
    ['none', null],
    ['failed', 'ok'],
  ])('%s keeps %j of the answer to a test', async (kept, shown) => {
    const { service, receiver } = await start({ LOG_RESPONSE_BODIES: kept })
    receiver.answerWith((response) => response.end('ok'))
    const { id } = await create(service, receiver.url)
    expect((await send(service, id)).body.log.response.body).toBe(shown)
  })
})
