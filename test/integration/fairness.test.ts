import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createParts, type Parts } from '../../src/platform/parts.js'
import { createClient } from '../support/client.js'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { type Receiver, startReceiver } from '../support/receiver.js'
import { startRedis } from '../support/redis.js'
import { queueModes, startOn, startTestService } from '../support/service.js'

let parts: Parts

beforeEach(() => {
  parts = createParts()
})
afterEach(() => parts[Symbol.asyncDispose]())

/** Most requests that arrived within any one second. */
function mostInOneSecond({ requests }: Receiver): number {
  const times = requests.map(({ receivedAt }) => receivedAt)
  return Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + 1000).length))
}

/** Events that wait for a subscription already, as they would after it was disabled for long. */
async function fillBacklog(database: TestDatabase, eventType: string, count: number): Promise<void> {
  await database.query(
    `with made as (
       insert into events (id, type, data, status, "deliveryCount", "createdAt")
       select uuid_v7(), $1, '{}', 'PROCESSING', 1, now() from generate_series(1, $2)
       returning id, type
     ), delivered as (
       insert into deliveries (id, "eventId", "subscriptionId", "nextRunAt")
       select uuid_v7(), made.id, s.id, now() from made join subscriptions s on s."eventTypes" @> array[made.type]
       returning id
     )
     insert into tallies (events, pending) select $2, count(*) from delivered`,
    [eventType, count],
  )
}

const leased = async (database: TestDatabase, type: string) =>
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
      const service = parts.use(await startTestService(mode))
      if (service.redis) parts.use(await startOn(service.database, service.redis, { ROLE: 'worker' }))
      const receiver = parts.use(await startReceiver())
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
      expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(3500)
    },
  )

  it('is served at full speed once the limit is taken away', { timeout: 30_000 }, async () => {
    const service = parts.use(await startTestService('postgres'))
    const receiver = parts.use(await startReceiver())
    const limited = { endpointUrl: receiver.url, eventTypes: ['a'], maxRequestsPerSecond: 1 }
    const { body } = await service.api.post('/v1/subscriptions', limited)
    await fillBacklog(service.database, 'a', 300)
    await service.api.patch(`/v1/subscriptions/${body.id}`, { maxRequestsPerSecond: null })
    await expect.poll(() => receiver.requests.length, { timeout: 20_000 }).toBe(300)
  })
})

describe('endpoints that hang', () => {
  it('hold up no other, and of their backlog little is leased', { timeout: 90_000 }, async () => {
    const database = parts.use(await createTestDatabase())
    const redis = parts.use(await startRedis())
    const { url } = parts.use(await startOn(database, redis, { DELIVERY_TIMEOUT_MS: '60000' }))
    const api = createClient(url)
    const hanging = parts.use(await startReceiver(() => {}))
    const good = parts.use(await startReceiver())
    for (let number = 0; number < 20; number += 1) {
      await api.post('/v1/subscriptions', { endpointUrl: `${hanging.url}/${number}`, eventTypes: ['stuck'] })
    }
    await api.post('/v1/subscriptions', { endpointUrl: good.url, eventTypes: ['fine'] })
    await fillBacklog(database, 'stuck', 1000)
    await expect.poll(() => hanging.requests.length, { timeout: 20_000 }).toBeGreaterThan(300)

    await Promise.all(Array.from({ length: 200 }, () => api.post('/v1/events', { type: 'fine', data: {} })))
    await expect.poll(() => good.requests.length, { timeout: 20_000 }).toBe(200)
    // 20,000 wait. What is in flight stays leased, and an allowance for each of the 20.
    await expect.poll(() => leased(database, 'stuck'), { timeout: 60_000, interval: 500 }).toBeLessThan(1000)
  })
})

it('first attempts overtake retries that wait', { timeout: 60_000 }, async () => {
  const service = parts.use(await startTestService('postgres', { DELIVERY_CONCURRENCY: '1' }))
  const receiver = parts.use(await startReceiver())
  const { body } = await service.api.post('/v1/subscriptions', {
    ...{ endpointUrl: receiver.url, eventTypes: ['a', 'new'], isEnabled: false },
  })
  await fillBacklog(service.database, 'a', 2000)
  await service.database.query(
    `update deliveries set status = 'FAILED', attempts = 1, "nextRunAt" = now() - interval '1 hour'`,
  )
  await service.api.patch(`/v1/subscriptions/${body.id}`, { isEnabled: true })
  await expect.poll(() => receiver.requests.length, { timeout: 20_000 }).toBeGreaterThan(20)
  const { body: published } = await service.api.post('/v1/events', { type: 'new', data: {} })
  const arrived = () =>
    receiver.requests.findIndex(({ headers }) => headers['webhook-id'] === published.eventId)
  await expect.poll(arrived, { timeout: 20_000 }).toBeGreaterThan(0)
  expect(arrived()).toBeLessThan(1500)
})
