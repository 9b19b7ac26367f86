/** What the service answers while its database or Redis is away, and that it finds them again by itself. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { version } from '../../src/platform/version.js'
import { type Answered, type Client, createClient } from '../support/client.js'
import { createTestDatabase } from '../support/database.js'
import { expectProblem } from '../support/problem.js'
import { startProxy, type TcpProxy } from '../support/proxy.js'
import { startReceiver } from '../support/receiver.js'
import { startRedis } from '../support/redis.js'
import { startOn, startTestService } from '../support/service.js'
import { timed } from '../support/timed.js'

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

const event = { type: 'user.created', data: {} }

/** A service whose database, and Redis when it has one, can go away. */
async function startBehindProxies(mode: 'postgres' | 'redis' = 'postgres') {
  const database = resources.use(await createTestDatabase())
  const toDatabase = resources.use(await startProxy(database.url))
  const redis = mode === 'redis' ? resources.use(await startRedis()) : undefined
  const toRedis = redis && resources.use(await startProxy(redis.url))
  const service = resources.use(
    await startOn({ ...database, url: toDatabase.url }, redis && toRedis && { ...redis, url: toRedis.url }, {
      DELIVERY_MAX_ATTEMPTS: '3',
    }),
  )
  // A stop waits for what hangs.
  resources.use({ [Symbol.asyncDispose]: toDatabase.restore })
  return { api: createClient(service.url), database, toDatabase, toRedis: toRedis as TcpProxy }
}

const isHealthy = async (api: Client) => (await api.get('/v1/health')).status === 200

describe('GET /v1/health', () => {
  it('says that all is well, without Redis', async () => {
    const { api } = resources.use(await startTestService('postgres'))
    const { status, body } = await api.get('/v1/health', { 'x-api-key': '' })
    expect([status, body]).toEqual([
      200,
      {
        status: 'ok',
        version,
        uptimeSeconds: expect.any(Number),
        db: { status: 'ok', latencyMs: expect.any(Number) },
        redis: { status: 'disabled' },
        engine: { status: 'ok' },
        clock: { status: 'ok', offsetMs: expect.any(Number) },
      },
    ])
  })

  it('says so while the database takes no writes, as after a failover to a standby', async () => {
    const { api, database } = resources.use(await startTestService('postgres'))
    const [row] = await database.query<{ name: string }>('select current_database() as name')
    /** New sessions, and there are none but such afterwards. */
    const makeReadOnly = (value: 'on' | 'off') =>
      database.query(`begin read write;
        alter database ${row?.name} set default_transaction_read_only = ${value}; commit;
        select pg_terminate_backend(pid) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid()`)
    const health = async () => (await api.get('/v1/health')).status
    await makeReadOnly('on')
    await expect.poll(health, { timeout: 5000 }).toBe(503)
    expect((await api.get('/v1/health')).body).toMatchObject({ status: 'error', db: { status: 'error' } })
    expect(await api.post('/v1/events', event)).toMatchObject({ status: 503 })
    await makeReadOnly('off')
    await expect.poll(health, { timeout: 10_000 }).toBe(200)
  })

  it.each(['cut', 'hang'] as const)('says within 2 s which resource is away: %s', async (fault) => {
    const { api, toDatabase, toRedis } = await startBehindProxies('redis')
    const ok = { status: 'ok', latencyMs: expect.any(Number) }
    const error = { status: 'error', latencyMs: expect.any(Number) }
    const health = async () => {
      const [{ status, body }, milliseconds] = await timed(() => api.get('/v1/health'))
      expect(milliseconds).toBeLessThan(2000)
      return [status, body]
    }
    expect(await health()).toMatchObject([200, { status: 'ok', db: ok, redis: ok }])

    await toRedis[fault]()
    await expect.poll(health).toMatchObject([503, { status: 'error', db: ok, redis: error }])
    await toDatabase[fault]()
    await expect.poll(health).toMatchObject([503, { status: 'error', db: error, redis: error }])
    await toRedis.restore()
    await toDatabase.restore()
    await expect.poll(health, { timeout: 15_000 }).toMatchObject([200, { status: 'ok', db: ok, redis: ok }])
  })
})

describe('a database that is away', () => {
  const routes = (id: string): [string, (api: Client) => Promise<Answered<Record<string, unknown>>>][] => [
    ['POST /v1/events', (api) => api.post('/v1/events', event)],
    ['POST /v1/events with a key', (api) => api.post('/v1/events', { ...event, eventId: 'key' })],
    ['GET event', (api) => api.get(`/v1/events/${id}`)],
    ['GET summary', (api) => api.get(`/v1/events/${id}/summary`)],
    ['POST retry', (api) => api.post(`/v1/deliveries/events/${id}/retry`)],
    ['GET deliveries', (api) => api.get('/v1/deliveries')],
    ['GET subscriptions', (api) => api.get('/v1/subscriptions')],
    [
      'POST subscriptions',
      (api) => api.post('/v1/subscriptions', { endpointUrl: 'https://example.com/', eventTypes: ['a'] }),
    ],
    ['PATCH subscription', (api) => api.patch(`/v1/subscriptions/${id}`, { isEnabled: true })],
    ['GET stats', (api) => api.get('/v1/stats')],
  ]

  it.each([
    // Refused at once; three seconds for a machine that is busy.
    ['cut', 3000],
    // Waited for: 5 s for a statement or a connection, and as much again for one in a transaction.
    ['hang', 11_000],
  ] as const)(
    'is told by 503 and Retry-After, and found again without a restart: %s',
    async (fault, limitMs) => {
      const { api, database, toDatabase } = await startBehindProxies()
      const receiver = resources.use(await startReceiver())
      const endpoint = { endpointUrl: receiver.url, eventTypes: [event.type] }
      expect((await api.post('/v1/subscriptions', endpoint)).status).toBe(201)
      const { eventId } = (await api.post('/v1/events', event)).body

      await toDatabase[fault]()
      await Promise.all(
        routes(eventId).map(async ([name, ask]) => {
          const [answer, milliseconds] = await timed(() => ask(api))
          expect([name, answer.status, answer.headers.get('retry-after')]).toEqual([name, 503, '5'])
          expectProblem(answer, 503)
          expect(milliseconds).toBeLessThan(limitMs)
        }),
      )
      const overGraphQL = await api.post('/graphql', { query: '{ stats { eventsTotal } }' })
      expect(overGraphQL.body.errors[0].extensions).toEqual({
        code: 'SERVICE_UNAVAILABLE',
        retryAfterSeconds: 5,
      })
      await toDatabase.restore()
      await expect.poll(() => isHealthy(api), { timeout: 15_000 }).toBe(true)

      const accepted = await api.post('/v1/events', event)
      expect(accepted.status).toBe(202)
      for (const [name, ask] of routes(eventId)) {
        expect([name, (await ask(api)).status]).not.toEqual([name, 503])
      }
      // What hung may have been committed; what was answered with 202 certainly is, and is delivered.
      const isDelivered = () =>
        receiver.requests.some(({ headers }) => headers['webhook-id'] === accepted.body.eventId)
      await expect.poll(isDelivered, { timeout: 40_000 }).toBe(true)
      // A lease that was given while nobody could hear of it has to run out first.
      const waiting = 'select from deliveries where status <> $1'
      const countWaiting = async () => (await database.query(waiting, ['SENT'])).length
      await expect.poll(countWaiting, { timeout: 40_000 }).toBe(0)
    },
    90_000,
  )

  it('leaves the metrics to be read', async () => {
    const { api, toDatabase } = await startBehindProxies()
    toDatabase.hang()
    const [{ status, body }, milliseconds] = await timed(() => api.get<string>('/v1/metrics'))
    expect(status).toBe(200)
    expect(body).toContain('node_event_service_deliveries_in_flight 0')
    expect(milliseconds).toBeLessThan(2000)
  })
})
