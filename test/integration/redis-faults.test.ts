import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createClient } from '../support/client.js'
import { createTestDatabase } from '../support/database.js'
import { startProcess, temporaryDirectory } from '../support/process.js'
import { startProxy } from '../support/proxy.js'
import { startReceiver } from '../support/receiver.js'
import { startRedis } from '../support/redis.js'
import { startRedisMachine } from '../support/redis-machines.js'
import { type Layout, startApart, startOn, startTestService, type TestService } from '../support/service.js'

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

const event = { type: 'user.created', data: {} }

/** Apart, so that every event takes the way over the queue. */
async function subscribed(
  endpointUrl: string,
  settings = {},
  layout: Layout = 'redis, api and worker apart',
): Promise<TestService> {
  const service = resources.use(await startTestService(layout, settings))
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
  it('may be wiped while deliveries wait for their retry', { timeout: 60_000 }, async () => {
    const receiver = resources.use(await startReceiver(...Array<number>(20).fill(500), 200))
    const service = await subscribed(receiver.url, { DELIVERY_BACKOFF_BASE_SECONDS: '3' })
    await publishMany(service, 20)
    const failed = `select from deliveries where status = 'FAILED'`
    await expect.poll(async () => (await service.database.query(failed)).length, { timeout: 15_000 }).toBe(20)
    await service.redis?.client.flushall()
    await expect.poll(() => delivered(service), { timeout: 20_000 }).toBe(20)
  })

  it('may be wiped again and again under load, jobs and all', { timeout: 90_000 }, async () => {
    const receiver = resources.use(await startReceiver())
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
    const receiver = resources.use(await startReceiver())
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
    const receiver = resources.use(await startReceiver())
    const service = await subscribed(receiver.url, {}, 'redis')
    await service.redis?.stop()
    await publishMany(service, 5)
    await expect.poll(() => delivered(service), { timeout: 10_000 }).toBe(5)
  })

  it.each([
    ['demoted to a replica', ['replicaof', '127.0.0.1', '1'], ['replicaof', 'no', 'one']],
    ['full', ['config', 'set', 'maxmemory', '1'], ['config', 'set', 'maxmemory', '0']],
    [
      'one that lacks a right',
      ['acl', 'setuser', 'default', '-bzpopmin'],
      ['acl', 'setuser', 'default', '+bzpopmin'],
    ],
  ])(
    'may be %s: health says so, events are accepted, and all are delivered',
    { timeout: 60_000 },
    async (_, spoil, mend) => {
      const receiver = resources.use(await startReceiver())
      const service = await subscribed(receiver.url)
      await publishMany(service, 5)
      await expect.poll(() => delivered(service), { timeout: 10_000 }).toBe(5)
      const redisHealth = async () => (await service.worker.get('/v1/health')).body.redis.status
      await service.redis?.client.call(...(spoil as [string, ...string[]]))
      await expect.poll(redisHealth, { timeout: 15_000 }).toBe('error')
      await publishMany(service, 5)
      await service.redis?.client.call(...(mend as [string, ...string[]]))
      await expect.poll(redisHealth, { timeout: 20_000 }).toBe('ok')
      await publishMany(service, 5)
      await expect.poll(() => delivered(service), { timeout: 40_000 }).toBe(15)
    },
  )

  it('may refuse the password at run time: the process lives, tells nobody the password, and goes on', {
    timeout: 90_000,
  }, async () => {
    const password = 'a-password-that-no-log-may-show'
    const redis = resources.use(await startRedisMachine())
    const rights = ['~*', '&*', '+@all']
    await redis.cli('acl', 'setuser', 'hooks', 'on', `>${password}`, ...rights)
    const [database, directory] = [
      resources.use(await createTestDatabase()),
      resources.use(temporaryDirectory()),
    ]
    const settings = {
      DATABASE_URL: database.url,
      REDIS_URL: `redis://hooks:${password}@127.0.0.1:${redis.port}`,
    }
    const service = resources.use(await startProcess({ settings, directory: directory.path }))
    const health = async () => (await service.api.get('/v1/health')).body.redis.status
    // Its worker listens for signals, so there is something to subscribe anew.
    await expect.poll(health, { timeout: 10_000 }).toBe('ok')
    await redis.cli('acl', 'setuser', 'hooks', 'resetpass', '>another')
    await redis.cli('client', 'kill', 'user', 'hooks')
    await expect.poll(health, { timeout: 10_000 }).toBe('error')
    await expect
      .poll(() => service.output.join(), { timeout: 10_000 })
      .toContain('refuses the user or the password')
    await redis.cli('acl', 'setuser', 'hooks', 'resetpass', `>${password}`)
    await expect.poll(health, { timeout: 20_000 }).toBe('ok')
    const receiver = resources.use(await startReceiver(500, 200))
    await service.api.post('/v1/subscriptions', { endpointUrl: receiver.url, eventTypes: [event.type] })
    await service.api.post('/v1/events', event)
    await expect.poll(() => receiver.requests.length, { timeout: 20_000 }).toBe(2)
    expect(await service.end('SIGTERM')).toBe(0)
    expect(service.output.join()).not.toContain(password)
  })

  it('may be silent at the start, at run time and at the stop', { timeout: 90_000 }, async () => {
    const [database, redis] = [resources.use(await createTestDatabase()), resources.use(await startRedis())]
    const proxy = resources.use(await startProxy(redis.url))
    proxy.hang()
    const startedAt = performance.now()
    const service = await startOn(database, { ...redis, url: proxy.url })
    expect(performance.now() - startedAt).toBeLessThan(10_000)
    const { get } = createClient(service.url)
    const redisHealth = async () => (await get('/v1/health')).body.redis.status
    expect(await redisHealth()).toBe('error')
    await proxy.restore()
    await expect.poll(redisHealth, { timeout: 20_000 }).toBe('ok')
    proxy.hang()
    const askedAt = performance.now()
    expect(await redisHealth()).toBe('error')
    expect(performance.now() - askedAt).toBeLessThan(2500)
    const stoppedAt = performance.now()
    await service[Symbol.asyncDispose]()
    expect(performance.now() - stoppedAt).toBeLessThan(15_000)
  })

  it('may be shared by several services, of which each gets its own', { timeout: 60_000 }, async () => {
    const redis = resources.use(await startRedis())
    const services = await Promise.all(
      [1, 2].map(async () => {
        const database = resources.use(await createTestDatabase())
        const services = resources.use(await startApart(database, redis))
        const receiver = resources.use(await startReceiver())
        const api = createClient(services.api.url)
        await api.post('/v1/subscriptions', { endpointUrl: receiver.url, eventTypes: [event.type] })
        return { api, database, receiver }
      }),
    )
    for (let i = 0; i < 20; i += 1)
      await Promise.all(services.map(({ api }) => api.post('/v1/events', event)))
    for (const { database, receiver } of services) {
      const isDelivered = `select from events where status = 'DELIVERED'`
      // Before a lease could run out: none was taken by the other.
      await expect.poll(async () => (await database.query(isDelivered)).length, { timeout: 15_000 }).toBe(20)
      expect(receiver.requests).toHaveLength(20)
    }
    const keys = await redis.client.keys('*')
    const ids = new Set(keys.map((key) => key.split(':').slice(0, 2).join(':')))
    expect(ids.size).toBe(2)
  })

  it('may be away from the start to the stop, and holds up neither', { timeout: 60_000 }, async () => {
    const [database, redis] = [resources.use(await createTestDatabase()), resources.use(await startRedis())]
    await redis.stop()
    const service = await startOn(database, redis)
    const startedAt = performance.now()
    await service[Symbol.asyncDispose]()
    expect(performance.now() - startedAt).toBeLessThan(20_000)
  })
})
