/** Subscriptions of kind PULL: consumers take deliveries, and say what became of them. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createClient, TEST_KEY } from '../support/client.js'
import { eventIn } from '../support/delivering.js'
import { deliveryOf, deliveryStatus, PATIENCE, publishNumber } from '../support/ordering.js'
import {
  acknowledge,
  expectSigned,
  extend,
  type Pulled,
  reject,
  subscribeToPull,
  take,
  takeOne,
} from '../support/pull.js'
import { startReceiver } from '../support/receiver.js'
import { layouts, type Settings, startTestService, type TestService } from '../support/service.js'

const numberOf = ({ webhook }: Pulled): number => JSON.parse(webhook.body).payload.data.n

let resources: Resources
let service: TestService
beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

async function start(settings: Settings = {}, layout: (typeof layouts)[number] = 'postgres') {
  service = resources.use(await startTestService(layout, settings))
}

const publish = (n: number, more: object = {}) => publishNumber(service, undefined, n, more)
const logsOf = async ({ deliveryId, eventId }: Pulled) =>
  (await service.api.get(`/v1/events/${eventId}`)).body.deliveries.find(
    ({ id }: { id: string }) => id === deliveryId,
  ).logs

describe.each(layouts)('a consumer, queue on %s', (layout) => {
  it('waits for a delivery, gets what would have been posted, and acknowledges it', async () => {
    await start({}, layout)
    const id = await subscribeToPull(service.api)
    const waiting = takeOne(service.api, id)
    const eventId = await publish(1)
    const pulled = await waiting
    expectSigned(pulled)
    expect(pulled).toMatchObject({ eventId, attempt: 1 })
    expect(JSON.parse(pulled.webhook.body)).toMatchObject({
      id: eventId,
      type: 'a',
      payload: { data: { n: 1 } },
    })
    expect(await acknowledge(service.api, pulled)).toMatchObject({
      status: 200,
      body: { status: 'SENT', attempts: 1 },
    })
    await eventIn('DELIVERED', service, eventId)
    expect(await logsOf(pulled)).toMatchObject([
      { attempt: 1, status: 'SENT', statusCode: null, error: null },
    ])
  })

  it('gets no more than 4 MiB of payloads at once, and one delivery however large it is', async () => {
    const MIB = 1024 * 1024
    await start({ EVENT_MAX_BYTES: String(6 * MIB) }, layout)
    const id = await subscribeToPull(service.api)
    const sizes = [5 * MIB, 1.5 * MIB, 1.5 * MIB, 1.5 * MIB]
    for (const size of sizes) {
      const published = await service.api.post('/v1/events', { type: 'a', data: { text: 'x'.repeat(size) } })
      expect(published.status).toBe(202)
    }
    const taken: number[] = []
    while (taken.reduce((sum, count) => sum + count, 0) < sizes.length)
      taken.push((await take(service.api, id, 100)).length)
    expect(taken).toEqual([1, 2, 1])
  })

  it('rejects one, gets it again after its backoff, and at last no more', async () => {
    await start({ DELIVERY_MAX_ATTEMPTS: '2', DELIVERY_BACKOFF_BASE_SECONDS: '0.3' }, layout)
    const id = await subscribeToPull(service.api)
    const eventId = await publish(1)
    const first = await takeOne(service.api, id)
    expect(await reject(service.api, first, 'no such account')).toMatchObject({
      status: 200,
      body: { status: 'FAILED', lastError: 'no such account', lastStatusCode: null, waitingFor: 'SCHEDULE' },
    })
    const second = await takeOne(service.api, id)
    expect([second.deliveryId, second.attempt]).toEqual([first.deliveryId, 2])
    expect((await reject(service.api, second)).body).toMatchObject({ status: 'DEAD', nextRunAt: null })
    await eventIn('DEAD', service, eventId)
    expect(await take(service.api, id, 10, 1)).toEqual([])
    const { body } = await service.api.get(`/v1/subscriptions/${id}`)
    expect(body.health).toMatchObject({ state: 'HEALTHY', consecutiveFailures: 0 })
  })
})

it('takes no more than it asks for, and each delivery once', async () => {
  await start()
  const id = await subscribeToPull(service.api)
  for (const n of [1, 2, 3, 4, 5]) await publish(n)
  await expect.poll(async () => (await service.api.get('/v1/stats')).body.deliveriesPending, PATIENCE).toBe(5)
  const taken = await Promise.all([
    take(service.api, id, 2),
    take(service.api, id, 2),
    take(service.api, id, 2),
  ])
  expect(taken.every(({ length }) => length <= 2)).toBe(true)
  expect(new Set(taken.flat().map(numberOf))).toEqual(new Set([1, 2, 3, 4, 5]))
  expect(taken.flat()).toHaveLength(5)
})

it('is the example in the docs: a consumer that does its work, and says where it could not', async () => {
  await start({ DELIVERY_MAX_ATTEMPTS: '1' })
  const id = await subscribeToPull(service.api)
  const good = (await service.api.post('/v1/events', { type: 'a', data: { userId: 'u_1' } })).body.eventId
  const bad = await publish(1)
  for (const eventId of [good, bad]) await deliveryStatus(service, eventId).toBe('PENDING')
  const args = ['docs/examples/take-deliveries.mjs', service.url, TEST_KEY, id]
  expect((await promisify(execFile)(process.execPath, args)).stdout).toBe('a of u_1\n')
  expect(await deliveryOf(service, good)).toMatchObject({ status: 'SENT' })
  expect(await deliveryOf(service, bad)).toMatchObject({ status: 'DEAD', lastError: 'no user' })
})

it('fails an attempt that was not acknowledged in time, and refuses a late answer', async () => {
  // The leases of workers are taken back so often, and these are not.
  await start({ DELIVERY_BACKOFF_BASE_SECONDS: '0.05', OUTBOX_DISPATCH_INTERVAL_MS: '50' })
  const id = await subscribeToPull(service.api, { timeoutMs: 300 })
  const eventId = await publish(1)
  const first = await takeOne(service.api, id)
  await deliveryStatus(service, eventId).toBe('FAILED')
  expect(await deliveryOf(service, eventId)).toMatchObject({
    attempts: 1,
    lastError: 'not acknowledged in time',
  })
  for (const answer of [
    acknowledge(service.api, first),
    reject(service.api, first),
    extend(service.api, first, 9),
  ])
    expect((await answer).status).toBe(409)
  const second = await takeOne(service.api, id)
  expect(second.attempt).toBe(2)
  expect((await acknowledge(service.api, first)).status).toBe(409)
  expect(await deliveryOf(service, eventId)).toMatchObject({ status: 'FAILED', attempts: 1 })
})

it('refuses an answer from the end of the lease on, before anybody has noticed that end', async () => {
  await start()
  const id = await subscribeToPull(service.api)
  const eventId = await publish(1)
  const pulled = await takeOne(service.api, id)
  await service.database.query(`update deliveries set "queuedUntil" = now() - interval '1 second'`)
  expect((await acknowledge(service.api, pulled)).status).toBe(409)
  await deliveryStatus(service, eventId).toBe('FAILED')
})

it('leaves nothing leased when it leaves while deliveries are found for it', async () => {
  await start()
  const id = await subscribeToPull(service.api)
  await publish(1)
  const leaving = new AbortController()
  const locking = new pg.Client(service.database.url)
  await locking.connect()
  try {
    await locking.query('begin; lock table deliveries in exclusive mode')
    const headers = { 'x-api-key': TEST_KEY }
    const url = `${service.url}/v1/subscriptions/${id}/feed?wait=30`
    const asked = fetch(url, { headers, signal: leaving.signal })
    const waiting = `select count(*)::int as count from pg_locks where not granted`
    await expect
      .poll(async () => (await service.database.query(waiting))[0], PATIENCE)
      .not.toEqual({ count: 0 })
    leaving.abort()
    await expect(asked).rejects.toThrow()
    // Nothing tells when the server has heard of it, but other requests come after it.
    for (let n = 0; n < 20; n++) await service.api.get('/v1/health')
  } finally {
    await locking.query('commit')
    await locking.end()
  }
  expect((await takeOne(service.api, id)).attempt).toBe(1)
})

it('keeps a delivery for as long as it extends its lease', async () => {
  await start()
  const id = await subscribeToPull(service.api, { timeoutMs: 500 })
  await publish(1)
  const pulled = await takeOne(service.api, id)
  const { status, body } = await extend(service.api, pulled, 600)
  expect(status).toBe(200)
  const wins = Date.parse(body.leaseEndsAt) - Date.parse(pulled.leaseEndsAt)
  expect(wins).toBeGreaterThan(590_000)
  // Other deliveries of it come and go meanwhile.
  const later = await publish(2)
  await takeOne(service.api, id)
  await deliveryStatus(service, later).toBe('FAILED')
  expect((await acknowledge(service.api, pulled)).body.status).toBe('SENT')
})

it('may acknowledge again what it has acknowledged, and nothing else', async () => {
  await start()
  const id = await subscribeToPull(service.api)
  await publish(1)
  const pulled = await takeOne(service.api, id)
  const answers = await Promise.all([1, 2, 3].map(() => acknowledge(service.api, pulled)))
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
  expect((await reject(service.api, pulled)).status).toBe(409)
  expect((await acknowledge(service.api, { ...pulled, attempt: 2 })).status).toBe(409)
  expect(await logsOf(pulled)).toHaveLength(1)
})

it('leaves nothing leased when it leaves while it waits', async () => {
  await start()
  const id = await subscribeToPull(service.api)
  const leaving = new AbortController()
  const headers = { 'x-api-key': TEST_KEY }
  const wait = fetch(`${service.url}/v1/subscriptions/${id}/feed?wait=30`, {
    headers,
    signal: leaving.signal,
  })
  const other = take(service.api, id)
  leaving.abort()
  await expect(wait).rejects.toThrow()
  await publish(1)
  expect((await other).map(({ attempt }) => attempt)).toEqual([1])
})

it('gets the events of an ordering key in their order, one at a time', async () => {
  await start({ DELIVERY_BACKOFF_BASE_SECONDS: '0.05' })
  const id = await subscribeToPull(service.api, { isOrdered: true })
  for (const n of [1, 2, 3]) await publishNumber(service, 'k', n)
  const first = await takeOne(service.api, id)
  expect(numberOf(first)).toBe(1)
  expect(await take(service.api, id, 10, 1)).toEqual([])
  await reject(service.api, first)
  const again = await takeOne(service.api, id)
  expect([numberOf(again), again.attempt]).toEqual([1, 2])
  await acknowledge(service.api, again)
  for (const n of [2, 3]) {
    const startedAt = performance.now()
    const next = await takeOne(service.api, id)
    // By the answer to the one before, and not by a look.
    expect(performance.now() - startedAt).toBeLessThan(4000)
    expect(numberOf(next)).toBe(n)
    await acknowledge(service.api, next)
  }
})

it('gets nothing while its subscription is disabled, and what waited afterwards', async () => {
  await start()
  const id = await subscribeToPull(service.api)
  await publish(1)
  await service.api.patch(`/v1/subscriptions/${id}`, { isEnabled: false })
  expect(await take(service.api, id, 1, 0)).toEqual([])
  const waiting = takeOne(service.api, id)
  await service.api.patch(`/v1/subscriptions/${id}`, { isEnabled: true })
  expect(numberOf(await waiting)).toBe(1)
})

it('is another one than the worker: neither attempts what is of the other', async () => {
  await start({ DELIVERY_BACKOFF_BASE_SECONDS: '0.05' })
  const receiver = resources.use(await startReceiver(500, 200))
  const id = await subscribeToPull(service.api)
  await service.api.post('/v1/subscriptions', { endpointUrl: receiver.url, eventTypes: ['a'] })
  const eventId = await publish(1)
  await expect.poll(() => receiver.requests.length, PATIENCE).toBe(2)
  const { body } = await service.api.get(`/v1/deliveries?eventId=${eventId}&subscriptionId=${id}`)
  expect(body.items).toMatchObject([{ status: 'PENDING', attempts: 0, waitingFor: null }])
  await acknowledge(service.api, await takeOne(service.api, id))
  await eventIn('DELIVERED', service, eventId)
})

it('takes a delivery anew that a user retries while it is taken: the answer counts in the new budget', async () => {
  await start({ DELIVERY_MAX_ATTEMPTS: '2', DELIVERY_BACKOFF_BASE_SECONDS: '0.05' })
  const id = await subscribeToPull(service.api)
  const eventId = await publish(1)
  await reject(service.api, await takeOne(service.api, id))
  const second = await takeOne(service.api, id)
  expect((await service.api.post(`/v1/deliveries/${second.deliveryId}/retry`)).status).toBe(202)
  expect((await reject(service.api, second)).body).toMatchObject({ status: 'FAILED', attempts: 2 })
  await acknowledge(service.api, await takeOne(service.api, id))
  await eventIn('DELIVERED', service, eventId)
})

describe('keys', () => {
  it('of another tenant find no feed and no delivery', async () => {
    const keys = ['acme', 'zeta'].map((tenant) => `${tenant}=publish+consume+manage@${tenant}=${tenant}-key`)
    await start({ API_KEYS: [TEST_KEY, ...keys].join() })
    const [acme, zeta] = ['acme', 'zeta'].map((tenant) => createClient(service.url, `${tenant}-key`))
    if (acme === undefined || zeta === undefined) throw new Error('no clients')
    const id = await subscribeToPull(acme)
    await acme.post('/v1/events', { type: 'a', data: { n: 1 } })
    expect((await zeta.get(`/v1/subscriptions/${id}/feed`)).status).toBe(404)
    const pulled = await takeOne(acme, id)
    for (const answer of [acknowledge(zeta, pulled), reject(zeta, pulled), extend(zeta, pulled, 9)])
      expect((await answer).status).toBe(404)
    expect((await acknowledge(acme, pulled)).status).toBe(200)
  })
})

describe('a subscription', () => {
  it('of kind PULL has nothing that is of requests, and keeps its kind', async () => {
    await start()
    const meaningless = {
      endpointUrl: 'https://example.com/',
      maxRequestsPerSecond: 1,
      maxInFlight: 1,
      headers: { 'x-a': '1' },
      auth: { bearer: { token: 'a-token-of-a-test' } },
      format: 'CLOUDEVENTS_BINARY',
    }
    const { status, body } = await service.api.post('/v1/subscriptions', {
      ...{ kind: 'PULL', eventTypes: ['a'] },
      ...meaningless,
    })
    expect([status, body.errors.map(({ path }: { path: string }) => path).toSorted()]).toEqual([
      400,
      Object.keys(meaningless).toSorted(),
    ])
    const id = await subscribeToPull(service.api)
    for (const [field, value] of Object.entries({ ...meaningless, validate: true, kind: 'WEBHOOK' }))
      expect([
        field,
        (await service.api.patch(`/v1/subscriptions/${id}`, { [field]: value })).status,
      ]).toEqual([field, 400])
    expect((await service.api.post('/v1/subscriptions', { eventTypes: ['a'] })).status).toBe(400)
    // Each is a feed of its own.
    expect(await subscribeToPull(service.api)).not.toBe(id)
    const test = await service.api.post(`/v1/subscriptions/${id}/test-event`, { type: 'a', data: {} })
    expect(test.status).toBe(409)
  })

  it('of kind WEBHOOK has no feed', async () => {
    await start()
    const receiver = resources.use(await startReceiver())
    const { body } = await service.api.post('/v1/subscriptions', {
      endpointUrl: receiver.url,
      eventTypes: ['a'],
    })
    expect((await service.api.get(`/v1/subscriptions/${body.id}/feed`)).status).toBe(409)
    const eventId = await publish(1)
    await deliveryStatus(service, eventId).toBe('SENT')
    const { id } = await deliveryOf(service, eventId)
    for (const answer of ['acknowledge', 'reject'])
      expect((await service.api.post(`/v1/deliveries/${id}/${answer}`, { attempt: 1 })).status).toBe(409)
  })
})
