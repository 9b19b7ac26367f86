import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { copyCluster } from '../support/cluster-template.js'
import { createTestDatabase } from '../support/database.js'
import { runToEnd, type ServiceProcess, startProcess, temporaryDirectory } from '../support/process.js'
import { startProxy } from '../support/proxy.js'
import { startReceiver } from '../support/receiver.js'
import { startRedis } from '../support/redis.js'
import { newEncryptionKey } from '../support/secrets.js'
import { type QueueMode, queueModes, type Settings } from '../support/service.js'
import { timed } from '../support/timed.js'

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

const event = { type: 'user.created', data: { userId: 'u_123' } }

async function subscribe({ api }: ServiceProcess, endpointUrl: string): Promise<void> {
  const { status } = await api.post('/v1/subscriptions', { endpointUrl, eventTypes: [event.type] })
  expect(status).toBe(201)
}

async function publish({ api }: ServiceProcess): Promise<string> {
  const { status, body } = await api.post('/v1/events', event)
  expect(status).toBe(202)
  return body.eventId
}

const statusOf = async ({ api }: ServiceProcess, eventId: string) =>
  (await api.get(`/v1/events/${eventId}/summary`)).body.status

describe.each(queueModes)('a process, queue on %s', (mode: QueueMode) => {
  /** Where a process can be started again and again: its folder, with an embedded PostgreSQL, and its Redis. */
  async function place(settings: Settings = {}) {
    const empty = await emptyPlace(settings)
    await copyCluster(join(empty.directory, '.data/postgres'))
    return empty.start
  }

  async function emptyPlace(settings: Settings = {}) {
    const directory = resources.use(temporaryDirectory()).path
    const redis = mode === 'redis' ? resources.use(await startRedis()) : undefined
    const all = { ...settings, ...(redis && { REDIS_URL: redis.url }) }
    return { directory, start: async () => resources.use(await startProcess({ settings: all, directory })) }
  }

  it('starts with nothing set, and keeps its data for the next start', async () => {
    const { start } = await emptyPlace()
    const receiver = resources.use(await startReceiver())
    const first = await start()
    await subscribe(first, receiver.url)
    const eventId = await publish(first)
    await expect.poll(() => statusOf(first, eventId), { timeout: 5000 }).toBe('DELIVERED')
    expect(await first.end('SIGTERM')).toBe(0)

    const second = await start()
    expect(await statusOf(second, eventId)).toBe('DELIVERED')
    expect((await second.api.get('/v1/stats')).body).toMatchObject({ eventsTotal: 1, deliveriesSent: 1 })
  })

  it('delivers what it accepted, though it was killed right after the answer', async () => {
    const start = await place()
    const receiver = resources.use(await startReceiver())
    const first = await start()
    await subscribe(first, receiver.url)
    const eventIds = await Promise.all(Array.from({ length: 20 }, () => publish(first)))
    expect(await first.end('SIGKILL')).toBe('SIGKILL')

    await start()
    const delivered = () => new Set(receiver.requests.map(({ headers }) => headers['webhook-id']))
    await expect.poll(() => delivered().size, { timeout: 10_000 }).toBe(20)
    expect(delivered()).toEqual(new Set(eventIds))
  })

  it('makes an attempt again that was under way when it was killed, as soon as it is back', async () => {
    const start = await place()
    const receiver = resources.use(await startReceiver(() => {}, 200))
    const first = await start()
    await subscribe(first, receiver.url)
    const eventId = await publish(first)
    await expect.poll(() => receiver.requests.length, { timeout: 5000 }).toBe(1)
    await first.end('SIGKILL')

    const second = await start()
    // Sooner than its lease would have run out: the new process knows that it is alone.
    await expect.poll(() => statusOf(second, eventId), { timeout: 5000 }).toBe('DELIVERED')
    expect(receiver.requests.map(({ headers }) => headers['webhook-id'])).toEqual([eventId, eventId])
  })

  it('ends an attempt that is under way before it stops, records it, and leaves the rest for the next start', async () => {
    const start = await place({ DELIVERY_CONCURRENCY: '1' })
    let answerIt: () => void = () => {}
    const receiver = resources.use(await startReceiver((response) => (answerIt = () => response.end()), 200))
    const first = await start()
    await subscribe(first, receiver.url)
    const [one, other] = [await publish(first), await publish(first)]
    await expect.poll(() => receiver.requests.length, { timeout: 5000 }).toBe(1)
    const ended = first.end('SIGTERM')
    await expect.poll(() => first.output.some((line) => line.includes('"msg":"stopping"'))).toBe(true)
    answerIt()
    expect(await ended).toBe(0)

    const second = await start()
    expect(await statusOf(second, one)).toBe('DELIVERED')
    await expect.poll(() => statusOf(second, other), { timeout: 5000 }).toBe('DELIVERED')
    expect(receiver.requests).toHaveLength(2)
  })
})

describe('a stop', () => {
  it('is over in seconds while Redis is away, whatever waits for it', async () => {
    const redis = resources.use(await startRedis())
    const toRedis = resources.use(await startProxy(redis.url))
    const directory = resources.use(temporaryDirectory()).path
    await copyCluster(join(directory, '.data/postgres'))
    const service = resources.use(await startProcess({ settings: { REDIS_URL: toRedis.url }, directory }))
    await toRedis.cut()
    await expect.poll(async () => (await service.api.get('/v1/health')).status).toBe(503)
    const [code, milliseconds] = await timed(() => service.end('SIGTERM'))
    expect(code).toBe(0)
    expect(milliseconds).toBeLessThan(15_000)
    expect(service.output.at(-1)).toContain('"msg":"ended although something was left open"')
  })
})

describe('roles on Redis', () => {
  it('accepts in one process and delivers in two others', async () => {
    const database = resources.use(await createTestDatabase())
    const redis = resources.use(await startRedis())
    const directory = resources.use(temporaryDirectory()).path
    const receiver = resources.use(await startReceiver())
    const startRole = async (role: string) => {
      const settings = { DATABASE_URL: database.url, REDIS_URL: redis.url, ROLE: role }
      return resources.use(await startProcess({ settings, directory }))
    }
    const [api, ...workers] = await Promise.all([startRole('api'), startRole('worker'), startRole('worker')])
    await subscribe(api, receiver.url)
    const eventIds = await Promise.all(Array.from({ length: 200 }, () => publish(api)))
    const settled = `select from events where status = 'DELIVERED'`
    await expect.poll(async () => (await database.query(settled)).length, { timeout: 15_000 }).toBe(200)
    const received = receiver.requests.map(({ headers }) => headers['webhook-id'])
    expect(received.toSorted()).toEqual(eventIds.toSorted())

    for (const worker of workers) {
      expect((await worker.api.get('/v1/health')).body).toMatchObject({
        status: 'ok',
        redis: { status: 'ok' },
      })
      expect((await worker.api.get('/v1/metrics')).body).toContain('node_event_service_deliveries_sent_total')
      expect((await worker.api.get('/v1/stats')).status).toBe(404)
    }
  })

  it.each(['all', 'api', 'worker'])('leaves nothing open when it stops as %s', async (role) => {
    const database = resources.use(await createTestDatabase())
    const redis = resources.use(await startRedis())
    const directory = resources.use(temporaryDirectory()).path
    const settings = { DATABASE_URL: database.url, REDIS_URL: redis.url, ROLE: role }
    const service = resources.use(await startProcess({ settings, directory }))
    expect(await service.end('SIGTERM')).toBe(0)
    expect(service.output.at(-1)).toContain('"msg":"stopped"')
  })
})

describe('a start that can not be', () => {
  it('tells every wrong setting at once, and nothing else', async () => {
    const directory = resources.use(temporaryDirectory()).path
    const settings = { NODE_ENV: 'production', API_KEYS: '', PORT: 'x', ROLE: 'worker' }
    const { code, output } = await runToEnd('main.js', { settings, directory })
    expect(code).toBe(1)
    expect(output.split('\n')).toEqual([
      "Node Event Service can't start: 4 settings are wrong.",
      '  - PORT must be a whole number from 0 to 65535, not "x"',
      '  - API_KEYS or API_KEYS_FILE must be set in production',
      '  - DATABASE_URL must be set in production',
      '  - ROLE=worker needs REDIS_URL: without Redis only ROLE=all can run',
      'docs/configuration.md lists every setting.',
    ])
  })

  it('refuses a database that is not migrated in production, and runs once it is', async () => {
    const empty = resources.use(await createTestDatabase())
    await empty.query('drop schema public cascade; create schema public')
    const directory = resources.use(temporaryDirectory()).path
    const settings = { NODE_ENV: 'production', DATABASE_URL: empty.url }
    const refused = await runToEnd('main.js', { settings, directory })
    expect([refused.code, refused.output]).toEqual([1, expect.stringContaining('Run: npm run migrate')])

    const migrated = await runToEnd('migrate.js', { settings, directory })
    expect([migrated.code, migrated.output]).toEqual([0, expect.stringContaining('Applied: ')])
    const service = resources.use(await startProcess({ settings, directory }))
    expect((await service.api.get('/v1/health')).status).toBe(200)
  })

  it('names the key that stored secrets need, and runs once it has it', async () => {
    const database = resources.use(await createTestDatabase())
    const directory = resources.use(temporaryDirectory()).path
    const [key, other] = [newEncryptionKey(), newEncryptionKey()]
    const settings = { DATABASE_URL: database.url, SECRET_ENCRYPTION_KEY: key.text }
    const first = resources.use(await startProcess({ settings, directory }))
    await subscribe(first, 'http://127.0.0.1:1/')
    await first.end('SIGTERM')

    const { code, output } = await runToEnd('main.js', {
      settings: { ...settings, SECRET_ENCRYPTION_KEY: other.text },
      directory,
    })
    expect(code).toBe(1)
    expect(output).toContain(`a key that SECRET_ENCRYPTION_KEY does not have (${key.id})`)
    for (const text of [key.text, other.text, '    at ']) expect(output).not.toContain(text)

    const both = { ...settings, SECRET_ENCRYPTION_KEY: `${other.text},${key.text}` }
    const second = resources.use(await startProcess({ settings: both, directory }))
    expect(second.output.join()).toContain(`"keyId":"${other.id}","msg":"encrypted stored secrets"`)
  })

  it('names the port that is taken', async () => {
    const database = resources.use(await createTestDatabase())
    const directory = resources.use(temporaryDirectory()).path
    const settings = { DATABASE_URL: database.url }
    const { url } = resources.use(await startProcess({ settings, directory }))
    const { code, output } = await runToEnd('main.js', {
      settings: { ...settings, PORT: new URL(url).port },
      directory,
    })
    expect(code).toBe(1)
    expect(output).toMatch(/^Node Event Service can't start: .*EADDRINUSE.*Set PORT to another one\.$/m)
  })
})
