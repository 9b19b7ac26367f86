import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createParts, type Parts } from '../../src/platform/parts.js'
import { createTestDatabase } from '../support/database.js'
import { startReceiver } from '../support/receiver.js'
import { startRedis } from '../support/redis.js'
import { type Layout, startOn, startTestService, type TestService } from '../support/service.js'

let parts: Parts

beforeEach(() => {
  parts = createParts()
})
afterEach(() => parts[Symbol.asyncDispose]())

const event = { type: 'user.created', data: {} }

/** Apart, so that every event takes the way over the queue. */
async function subscribed(
  endpointUrl: string,
  settings = {},
  layout: Layout = 'redis, api and worker apart',
): Promise<TestService> {
  const service = parts.use(await startTestService(layout, settings))
  await service.api.post('/v1/subscriptions', { endpointUrl, eventTypes: [event.type] })
  return service
}

async function publishMany({ api }: TestService, count: number): Promise<void> {
  const answers = await Promise.all(Array.from({ length: count }, () => api.post('/v1/events', event)))
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]))
}

const delivered = async ({ database }: TestService) =>
  (await database.query(`select from events where status = 'DELIVERED'`)).length

describe('Redis', () => {
  it('may be wiped while deliveries wait for their retry', async () => {
    const receiver = parts.use(await startReceiver(...Array<number>(20).fill(500), 200))
    const service = await subscribed(receiver.url, { DELIVERY_BACKOFF_BASE_SECONDS: '1' })
    await publishMany(service, 20)
    const failed = `select from deliveries where status = 'FAILED'`
    await expect.poll(async () => (await service.database.query(failed)).length, { timeout: 5000 }).toBe(20)
    await service.redis?.client.flushall()
    await expect.poll(() => delivered(service), { timeout: 10_000 }).toBe(20)
  })

  it('may be wiped again and again under load, jobs and all', { timeout: 90_000 }, async () => {
    const receiver = parts.use(await startReceiver())
    const service = await subscribed(receiver.url)
    const wiped = service.redis?.client
    let isDone = false
    const wiping = (async () => {
      while (!isDone) await wiped?.flushall()
    })()
    for (let round = 0; round < 10; round += 1) await publishMany(service, 30)
    isDone = true
    await wiping
    // A job that was lost is made again when its lease has run out.
    await expect.poll(() => delivered(service), { timeout: 60_000, interval: 200 }).toBe(300)
  })

  it('may be away: events are accepted, and delivered once it is back', { timeout: 60_000 }, async () => {
    const receiver = parts.use(await startReceiver())
    const service = await subscribed(receiver.url)
    await publishMany(service, 5)
    await expect.poll(() => delivered(service), { timeout: 5000 }).toBe(5)
    await service.redis?.stop()
    await publishMany(service, 20)
    expect((await service.api.get('/v1/health')).body).toMatchObject({
      status: 'error',
      redis: { status: 'error' },
    })
    await service.redis?.restart()
    await publishMany(service, 5)
    await expect.poll(() => delivered(service), { timeout: 40_000, interval: 100 }).toBe(30)
    await expect.poll(async () => (await service.api.get('/v1/health')).status, { timeout: 5000 }).toBe(200)
  })

  it('may be away: where API and worker are one, events go out all the same', async () => {
    const receiver = parts.use(await startReceiver())
    const service = await subscribed(receiver.url, {}, 'redis')
    await service.redis?.stop()
    await publishMany(service, 5)
    await expect.poll(() => delivered(service), { timeout: 10_000 }).toBe(5)
  })

  it('may be away from the start to the stop, and holds up neither', { timeout: 60_000 }, async () => {
    const [database, redis] = [parts.use(await createTestDatabase()), parts.use(await startRedis())]
    await redis.stop()
    const service = await startOn(database, redis)
    const startedAt = performance.now()
    await service[Symbol.asyncDispose]()
    expect(performance.now() - startedAt).toBeLessThan(20_000)
  })
})
