import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Scope } from '../../src/keys/key.js'
import { createParts, type Parts } from '../../src/platform/parts.js'
import { version } from '../../src/platform/version.js'
import { type Answered, type Client, createClient, TEST_KEY } from '../support/client.js'
import { createTestDatabase } from '../support/database.js'
import { expectProblem } from '../support/problem.js'
import { startProxy, type TcpProxy } from '../support/proxy.js'
import { startReceiver } from '../support/receiver.js'
import { startRedis } from '../support/redis.js'
import { startOn, startTestService, type TestService } from '../support/service.js'

let parts: Parts

beforeEach(() => {
  parts = createParts()
})
afterEach(() => parts[Symbol.asyncDispose]())

const event = { type: 'user.created', data: {} }

/** A service whose database, and Redis when it has one, can go away. */
async function startBehindProxies(mode: 'postgres' | 'redis' = 'postgres') {
  const database = parts.use(await createTestDatabase())
  const toDatabase = parts.use(await startProxy(database.url))
  const redis = mode === 'redis' ? parts.use(await startRedis()) : undefined
  const toRedis = redis && parts.use(await startProxy(redis.url))
  const service = parts.use(
    await startOn({ ...database, url: toDatabase.url }, redis && toRedis && { ...redis, url: toRedis.url }, {
      DELIVERY_MAX_ATTEMPTS: '3',
    }),
  )
  // A stop waits for what hangs.
  parts.use({ [Symbol.asyncDispose]: toDatabase.restore })
  return { api: createClient(service.url), database, toDatabase, toRedis: toRedis as TcpProxy }
}

async function timed<Result>(work: () => Promise<Result>): Promise<[Result, milliseconds: number]> {
  const startedAt = performance.now()
  const result = await work()
  return [result, performance.now() - startedAt]
}

const isHealthy = async (api: Client) => (await api.get('/v1/health')).status === 200

describe('GET /v1/health', () => {
  it('says that all is well, without Redis', async () => {
    const { api } = parts.use(await startTestService('postgres'))
    const { status, body } = await api.get('/v1/health', { 'x-api-key': '' })
    expect([status, body]).toEqual([
      200,
      {
        status: 'ok',
        version,
        uptimeSeconds: expect.any(Number),
        db: { status: 'ok', latencyMs: expect.any(Number) },
        redis: { status: 'disabled' },
      },
    ])
  })

  it.each(['cut', 'hang'] as const)('says within 2 s which part is away: %s', async (fault) => {
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
    // Refused at once; a second for the machine.
    ['cut', 1000],
    // Waited for: 5 s for a statement or a connection, and as much again for one in a transaction.
    ['hang', 11_000],
  ] as const)(
    'is told by 503 and Retry-After, and found again without a restart: %s',
    async (fault, limitMs) => {
      const { api, database, toDatabase } = await startBehindProxies()
      const receiver = parts.use(await startReceiver())
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

describe('a stop', () => {
  /** A connection whose request the service has begun to read; its body is still to be sent. */
  async function begin({ url }: { url: string }) {
    const { hostname, port } = new URL(url)
    const socket = connect(Number(port), hostname)
    const received: string[] = []
    socket.setEncoding('utf8').on('data', (chunk) => received.push(String(chunk)))
    const body = JSON.stringify(event)
    socket.write(
      `POST /v1/events HTTP/1.1\r\nhost: x\r\nx-api-key: ${TEST_KEY}\r\ncontent-type: application/json\r\n` +
        `content-length: ${body.length}\r\nexpect: 100-continue\r\n\r\n`,
    )
    await expect.poll(() => received.join('')).toContain('HTTP/1.1 100 Continue')
    return { socket, body, received }
  }

  it('answers the request that is under way, and does not wait for the keep-alive of its connection', async () => {
    const service = await startTestService('postgres')
    const { socket, body, received } = await begin(service)
    const [, milliseconds] = await timed(async () => {
      const stop = service[Symbol.asyncDispose]()
      socket.write(body)
      await stop
    })
    expect(received.join('')).toContain('HTTP/1.1 202 Accepted')
    expect(milliseconds).toBeLessThan(4000)
  })

  it('does not wait for ever for a client that never ends its request', async () => {
    const service = await startTestService('postgres')
    const { socket } = await begin(service)
    const closed = once(socket, 'close')
    const [, milliseconds] = await timed(async () => await service[Symbol.asyncDispose]())
    expect(milliseconds).toBeLessThan(10_000)
    await closed
  })
})

describe('what is counted', () => {
  let kept: Parts
  let service: TestService

  beforeAll(async () => {
    kept = createParts()
    service = kept.use(await startTestService('postgres', { DELIVERY_MAX_ATTEMPTS: '2' }))
    const { api } = service
    for (const [answer, isEnabled] of [
      [200, true],
      [500, true],
      [200, false],
    ] as const) {
      const { url } = kept.use(await startReceiver(answer))
      await api.post('/v1/subscriptions', { endpointUrl: url, eventTypes: [event.type], isEnabled })
    }
    for (const key of ['a', 'a', 'b']) await api.post('/v1/events', { ...event, eventId: key })
    await api.post('/v1/events', { ...event, data: { other: true }, eventId: 'a' })
    await api.post('/v1/events', { ...event, type: 'not a type' })
  })
  afterAll(() => kept[Symbol.asyncDispose]())

  const stats = async () => (await service.api.get('/v1/stats')).body

  it('is in GET /v1/stats', async () => {
    await expect.poll(stats, { timeout: 5000 }).toEqual({
      eventsTotal: 2,
      deliveriesTotal: 4,
      deliveriesPending: 0,
      deliveriesSent: 2,
      deliveriesFailed: 0,
      deliveriesDead: 2,
      subscriptionsTotal: 3,
      subscriptionsEnabled: 2,
    })
  })

  it('is in GET /v1/metrics, under the names of the contract', async () => {
    await expect.poll(async () => (await stats()).deliveriesDead, { timeout: 5000 }).toBe(2)
    const { headers, body } = await service.api.get<string>('/v1/metrics')
    expect(headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
    const { types, samples } = readMetrics(body)
    const value = (name: string) => samples.get(`node_event_service_${name}`)
    expect({
      accepted: value('events_ingested_total{result="accepted"}'),
      deduplicated: value('events_ingested_total{result="deduplicated"}'),
      rejected: value('events_ingested_total{result="rejected"}'),
      sent: value('deliveries_sent_total'),
      failed: value('deliveries_failed_total'),
      dead: value('deliveries_dead_total'),
      attempts: value('delivery_duration_seconds_count'),
      latencies: value('delivery_latency_seconds_count'),
      inFlight: value('deliveries_in_flight'),
      outbox: value('outbox_pending'),
      oldest: value('outbox_oldest_age_seconds'),
      waiting: value('queue_jobs{state="waiting"}'),
      accepts: value('http_request_duration_seconds_count{method="POST",route="/v1/events",status="202"}'),
    }).toEqual({
      ...{
        accepted: 2,
        deduplicated: 1,
        rejected: 2,
        sent: 2,
        failed: 2,
        dead: 2,
        attempts: 6,
        latencies: 2,
      },
      ...{ inFlight: 0, outbox: 0, oldest: 0, waiting: 0, accepts: 2 },
    })
    const ownTypes = [...types].filter(([name]) => name.startsWith('node_event_service_'))
    expect(Object.fromEntries(ownTypes)).toEqual({
      node_event_service_events_ingested_total: 'counter',
      node_event_service_deliveries_sent_total: 'counter',
      node_event_service_retention_removed_total: 'counter',
      node_event_service_deliveries_failed_total: 'counter',
      node_event_service_deliveries_dead_total: 'counter',
      node_event_service_delivery_duration_seconds: 'histogram',
      node_event_service_delivery_latency_seconds: 'histogram',
      node_event_service_auth_failures_total: 'counter',
      node_event_service_outbox_pending: 'gauge',
      node_event_service_outbox_oldest_age_seconds: 'gauge',
      node_event_service_deliveries_in_flight: 'gauge',
      node_event_service_queue_jobs: 'gauge',
      node_event_service_http_request_duration_seconds: 'histogram',
    })
    expect(types.get('process_cpu_seconds_total')).toBe('counter')
    expect(types.get('nodejs_eventloop_lag_seconds')).toBe('gauge')
  })

  it('names no id and no URL in a label', async () => {
    const [delivery] = (await service.api.get('/v1/deliveries')).body.items
    const asked = [
      `/v1/events/${delivery.eventId}`,
      `/v1/subscriptions/${delivery.subscriptionId}`,
      '/v1/deliveries?limit=3',
      '/docs/static/index.css',
      '/nowhere/at/all?x=1',
      '/v1/events/%zz',
    ]
    for (const path of asked) await service.api.get(path)
    const { body } = await service.api.get<string>('/v1/metrics')
    expect(body).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-|127\.0\.0\.1|:\/\/|nowhere|limit=|index\.css|%zz/)
    const { samples } = readMetrics(body)
    const routes = [...samples.keys()].flatMap((sample) => /route="([^"]*)"/.exec(sample)?.[1] ?? [])
    expect([...new Set(routes)]).toEqual(
      expect.arrayContaining(['/v1/events/:id', '/v1/subscriptions/:id', '/v1/deliveries', 'unknown']),
    )
  })
})

/** The text format of Prometheus: https://prometheus.io/docs/instrumenting/exposition_formats/ */
function readMetrics(text: string) {
  const types = new Map<string, string>()
  const samples = new Map<string, number>()
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const [, name, type] = /^# TYPE (\S+) (counter|gauge|histogram|summary)$/.exec(line) ?? []
    if (name !== undefined && type !== undefined) {
      expect(types.has(name)).toBe(false)
      types.set(name, type)
    } else if (!line.startsWith('# HELP ')) {
      const sample = /^([a-zA-Z_:][\w:]*(?:\{\w+="[^"\\\n]*"(?:,\w+="[^"\\\n]*")*\})?) (\S+)$/.exec(line)
      const [, key = '', value = ''] = sample ?? []
      expect(line).toBe(`${key} ${value}`)
      expect(samples.has(key)).toBe(false)
      samples.set(key, Number(value.replace('Inf', 'Infinity')))
    }
  }
  return { types, samples }
}

describe('the documentation', () => {
  /** Every route of the contract, and the scope that a key needs for it, if it asks for one. */
  const routes: [string, Scope | 'open'][] = [
    ['get /v1/health', 'open'],
    ['get /v1/stats', 'read'],
    ['get /v1/metrics', 'open'],
    ['post /v1/subscriptions', 'manage'],
    ['get /v1/subscriptions', 'read'],
    ['get /v1/subscriptions/{id}', 'read'],
    ['patch /v1/subscriptions/{id}', 'manage'],
    ['post /v1/events', 'publish'],
    ['get /v1/events/{id}', 'read'],
    ['get /v1/events/{id}/summary', 'read'],
    ['get /v1/deliveries', 'read'],
    ['post /v1/deliveries/{id}/retry', 'manage'],
    ['post /v1/deliveries/events/{eventId}/retry', 'manage'],
  ]

  let kept: Parts
  let service: TestService
  // biome-ignore lint/suspicious/noExplicitAny: a test knows what it asked for
  let document: any

  beforeAll(async () => {
    kept = createParts()
    service = kept.use(await startTestService('postgres'))
    document = (await service.api.get('/openapi.json')).body
  })
  afterAll(() => kept[Symbol.asyncDispose]())

  it('is OpenAPI 3.1 of every route, with the key and the scope that it asks for', () => {
    expect(document).toMatchObject({ openapi: '3.1.0', info: { version }, security: [{ apiKey: [] }] })
    for (const [route, access] of routes) {
      const [method = '', path = ''] = route.split(' ')
      const operation = document.paths[path]?.[method]
      expect([route, operation?.security]).toEqual([route, access === 'open' ? [] : [{ apiKey: [access] }]])
      expect(operation).toMatchObject({ operationId: expect.any(String), summary: expect.any(String) })
      for (const status of [401, 403, 429])
        expect([route, operation.responses[status] !== undefined]).toEqual([route, access !== 'open'])
    }
  })

  it('has each shape once, and refers to none that it has not', () => {
    const text = JSON.stringify(document)
    const referred = [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name)
    expect([...new Set(referred)].sort()).toEqual(Object.keys(document.components.schemas))
    expect(Object.keys(document.components.schemas)).toEqual(
      expect.arrayContaining(['Delivery', 'DeliveryLog', 'Event', 'Problem', 'Subscription']),
    )
    expect(text).not.toMatch(/Input"|9007199254740991/)
  })

  it('gives every problem the type that problems are sent with', () => {
    const answers = Object.values(document.paths).flatMap((path) =>
      Object.entries(path as object).flatMap(([, { responses }]) => Object.entries(responses)),
    ) as [string, { content: object }][]
    const problem = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } }
    const health = { 'application/json': { schema: { $ref: '#/components/schemas/Health' } } }
    const problems = answers.filter(([status]) => Number(status) >= 400)
    expect(problems.length).toBeGreaterThan(routes.length)
    for (const [, { content }] of problems) expect([problem, health]).toContainEqual(content)
  })

  it('is a page to read, all of it from this host', async () => {
    const response = await fetch(`${service.url}/docs`)
    expect(response.headers.get('content-type')).toContain('text/html')
    expect(response.headers.get('content-security-policy')).toContain("default-src 'self'")
    const page = await response.text()
    const links = [...page.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, link = '']) => link)
    expect(links.length).toBeGreaterThan(4)
    for (const link of links) {
      const { origin, href } = new URL(link, `${service.url}/docs`)
      expect(origin).toBe(service.url)
      const linked = await fetch(href)
      expect([link, linked.status]).toEqual([link, 200])
      await linked.arrayBuffer()
    }
  })
})
