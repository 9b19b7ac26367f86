import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createClient } from '../support/client.js'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { type ReceivedRequest, type Receiver, startReceiver } from '../support/receiver.js'
import { startRedis } from '../support/redis.js'
import { queueModes, startOn, startTestService } from '../support/service.js'

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

/** Most requests that arrived within any one second. */
function mostInOneSecond({ requests }: Receiver): number {
  const times = requests.map(({ receivedAt }) => receivedAt)
  return Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + 1000).length))
}

/** Events of type `a` that wait for every subscription already, as they would after it was disabled for long. */
async function fillBacklog(database: TestDatabase, count: number): Promise<void> {
  await database.query(
    `with made as (
       insert into events (id, type, data, status, "deliveryCount", "createdAt")
       select uuid_v7(), 'a', '{}', 'PROCESSING', (select count(*) from subscriptions where 'a' = any("eventTypes")), now()
       from generate_series(1, $1) returning id
     ), delivered as (
       insert into deliveries (id, "eventId", "subscriptionId", "nextRunAt")
       select uuid_v7(), made.id, s.id, now() from made join subscriptions s on 'a' = any(s."eventTypes")
       returning id
     )
     insert into tallies (events, pending) select $1, count(*) from delivered`,
    [count],
  )
}

/** So many subscriptions to events of type `a`, which nobody may attempt before they are enabled. */
async function subscribeMany(database: TestDatabase, endpointUrl: string, count: number): Promise<void> {
  await database.query(
    `insert into subscriptions (id, "endpointUrl", "eventTypes", "isEnabled", secret, fingerprint)
     select uuid_v7(), $1 || n, '{a}', false, 'a secret', decode(md5(n::text), 'hex') from generate_series(1, $2) as n`,
    [endpointUrl, count],
  )
}

const leasedOf = async (database: TestDatabase, type: string) =>
  (
    await database.query(
      `select from deliveries d join events e on e.id = d."eventId" where d."queuedUntil" is not null and e.type = $1`,
      [type],
    )
  ).length

describe('a subscription with maxRequestsPerSecond', () => {
  it.each(queueModes)(
    'gets no more than that, over all workers, queue on %s',
    { timeout: 60_000 },
    async (mode) => {
      const service = resources.use(await startTestService(mode))
      if (service.redis) resources.use(await startOn(service.database, service.redis, { ROLE: 'worker' }))
      const receiver = resources.use(await startReceiver())
      const limit = 20
      const created = await service.api.post('/v1/subscriptions', {
        ...{ endpointUrl: receiver.url, eventTypes: ['a'], maxRequestsPerSecond: limit },
      })
      expect(created.body.maxRequestsPerSecond).toBe(limit)
      for (let count = 0; count < 100; count += 1)
        await service.api.post('/v1/events', { type: 'a', data: {} })
      await expect.poll(() => receiver.requests.length, { timeout: 30_000 }).toBe(100)
      // A burst of a tenth comes on top, and what was held up on the way by a busy machine.
      expect(mostInOneSecond(receiver)).toBeLessThanOrEqual(limit * 1.5)
      const times = receiver.requests.map(({ receivedAt }) => receivedAt)
      const tookMs = Math.max(...times) - Math.min(...times)
      expect(tookMs).toBeGreaterThan(3500)
      // It takes 5 s: what it may have, it gets.
      expect(tookMs).toBeLessThan(10_000)
    },
  )

  it('is served at full speed once the limit is taken away', { timeout: 30_000 }, async () => {
    const service = resources.use(await startTestService('postgres'))
    const receiver = resources.use(await startReceiver())
    const limited = { endpointUrl: receiver.url, eventTypes: ['a'], maxRequestsPerSecond: 1 }
    const { body } = await service.api.post('/v1/subscriptions', limited)
    await fillBacklog(service.database, 300)
    await service.api.patch(`/v1/subscriptions/${body.id}`, { maxRequestsPerSecond: null })
    await expect.poll(() => receiver.requests.length, { timeout: 20_000 }).toBe(300)
  })
})

describe('a limited endpoint that hung', () => {
  it('is not met by all that was held up meanwhile', { timeout: 60_000 }, async () => {
    // Two requests in flight at most, so the others wait behind them.
    const service = resources.use(await startTestService('postgres', { DELIVERY_CONCURRENCY: '8' }))
    const limit = 100
    const heldUp: ServerResponse[] = []
    const receiver = resources.use(await startReceiver((response) => void heldUp.push(response)))
    await service.api.post('/v1/subscriptions', {
      ...{ endpointUrl: receiver.url, eventTypes: ['a'], maxRequestsPerSecond: limit },
    })
    await fillBacklog(service.database, 1000)
    await expect.poll(() => leasedOf(service.database, 'a'), { timeout: 20_000 }).toBeGreaterThan(300)
    receiver.answerWith(200)
    for (const response of heldUp) response.writeHead(200).end()
    await expect.poll(() => receiver.requests.length, { timeout: 30_000 }).toBe(1000)
    // Those leased in the second before may come on top.
    expect(mostInOneSecond(receiver)).toBeLessThanOrEqual(limit * 2.5)
  })
})

describe('endpoints that hang', () => {
  it.each([
    { endpoints: 50, events: 2000, hung: 50, atMost: 2000 },
    // The worker's own limit, and what is on its way to it while it is reached.
    { endpoints: 1000, events: 200, hung: 300, atMost: 25_000 },
  ])(
    'hold up no other, and little of their backlog is leased: $endpoints with $events each',
    { timeout: 120_000 },
    async ({ endpoints, events, hung, atMost }) => {
      const database = resources.use(await createTestDatabase())
      const redis = resources.use(await startRedis())
      const { url } = resources.use(await startOn(database, redis, { DELIVERY_TIMEOUT_MS: '60000' }))
      const api = createClient(url)
      const hanging = resources.use(await startReceiver(() => {}))
      const good = resources.use(await startReceiver())
      await subscribeMany(database, hanging.url, endpoints)
      await api.post('/v1/subscriptions', { endpointUrl: good.url, eventTypes: ['fine'] })
      const publish = () => api.post('/v1/events', { type: 'fine', data: {} })
      await publish()
      await expect.poll(() => good.requests.length, { timeout: 20_000 }).toBe(1)
      await fillBacklog(database, events)
      await database.query(`update subscriptions set "isEnabled" = true`)
      await expect.poll(() => hanging.requests.length, { timeout: 30_000 }).toBeGreaterThanOrEqual(hung)

      await Promise.all(Array.from({ length: 200 }, publish))
      await expect.poll(() => good.requests.length, { timeout: 20_000 }).toBe(201)
      expect(await leasedOf(database, 'a')).toBeLessThan(25_000)
      await expect
        .poll(() => leasedOf(database, 'a'), { timeout: 60_000, interval: 500 })
        .toBeLessThan(atMost)
    },
  )

  it('hold up no new endpoint: its first attempt comes within a second', { timeout: 60_000 }, async () => {
    const service = resources.use(await startTestService('postgres'))
    const hanging = resources.use(await startReceiver(() => {}))
    await subscribeMany(service.database, hanging.url, 150)
    await fillBacklog(service.database, 40)
    await service.database.query(`update subscriptions set "isEnabled" = true`)
    await expect.poll(() => hanging.requests.length, { timeout: 30_000 }).toBeGreaterThanOrEqual(150)
    for (let count = 1; count <= 4; count += 1) {
      const fresh = resources.use(await startReceiver())
      const type = `fresh.${count}`
      await service.api.post('/v1/subscriptions', { endpointUrl: fresh.url, eventTypes: [type] })
      const since = Date.now()
      await service.api.post('/v1/events', { type, data: {} })
      await expect.poll(() => fresh.requests.length, { timeout: 20_000 }).toBe(1)
      expect((fresh.requests[0]?.receivedAt ?? 0) - since).toBeLessThan(1000)
    }
  })

  it('have no more requests in flight than DELIVERY_CONCURRENCY_PER_SUBSCRIPTION', async () => {
    const settings = { DELIVERY_CONCURRENCY_PER_SUBSCRIPTION: '3' }
    const { api } = resources.use(await startTestService('postgres', settings))
    let isHanging = false
    const hanging = resources.use(await startReceiver((response) => void (isHanging || response.end())))
    const good = resources.use(await startReceiver())
    for (const { url } of [hanging, good]) {
      await api.post('/v1/subscriptions', { endpointUrl: url, eventTypes: ['a'] })
    }
    // One that has never answered has few requests in flight.
    await api.post('/v1/events', { type: 'a', data: {} })
    await expect.poll(() => hanging.requests.length, { timeout: 10_000 }).toBe(1)
    isHanging = true
    for (let count = 0; count < 20; count += 1) await api.post('/v1/events', { type: 'a', data: {} })
    await expect.poll(() => good.requests.length, { timeout: 10_000 }).toBe(21)
    await expect.poll(() => hanging.requests.length, { timeout: 10_000 }).toBe(4)
  })
})

it('first attempts overtake retries that wait', { timeout: 60_000 }, async () => {
  const service = resources.use(await startTestService('postgres', { DELIVERY_CONCURRENCY: '1' }))
  const receiver = resources.use(await startReceiver((response) => setTimeout(() => response.end(), 20)))
  await subscribeMany(service.database, receiver.url, 1)
  await fillBacklog(service.database, 1000)
  await service.database.query(`update deliveries set status = 'FAILED', attempts = 1`)
  await service.database.query(`update subscriptions set "isEnabled" = true`)
  await expect.poll(() => leasedOf(service.database, 'a'), { timeout: 20_000 }).toBeGreaterThan(200)

  const { body } = await service.api.post('/v1/events', { type: 'a', data: {} })
  const before = receiver.requests.length
  const isNew = ({ headers }: ReceivedRequest) => headers['webhook-id'] === body.eventId
  await expect.poll(() => receiver.requests.findIndex(isNew), { timeout: 30_000 }).not.toBe(-1)
  expect(receiver.requests.findIndex(isNew) - before).toBeLessThan(100)
})
