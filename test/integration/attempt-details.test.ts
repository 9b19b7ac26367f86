/** Every attempt can be seen whole: what was sent and answered, how long each phase took, and on which connection. */
import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { createResources } from '../../src/platform/resources.js'
import { removeLogs } from '../../src/retention/remove-logs.js'
import { openDatabase } from '../support/database.js'
import { eventIn, publish, subscribe } from '../support/delivering.js'
import { uuidV7Of } from '../support/finished-events.js'
import { ask } from '../support/graphql.js'
import { startReceiver } from '../support/receiver.js'
import { type Layout, type Settings, startTestService } from '../support/service.js'

const layouts: Layout[] = ['postgres', 'redis, api and worker apart']
let resources = createResources()
afterEach(async () => {
  await resources[Symbol.asyncDispose]()
  resources = createResources()
})

const fields = `
  attempt timings { dnsMs connectMs tlsMs firstByteMs totalMs } remoteAddress isConnectionReused httpVersion
  worker request { headers body } response { headers body isTruncated }`

describe.each(layouts)('an attempt, %s', (layout) => {
  const start = async (...answers: Parameters<typeof startReceiver>) => {
    const service = resources.use(await startTestService(layout))
    const receiver = resources.use(await startReceiver(...answers))
    return { service, receiver }
  }

  it('shows the request as the endpoint got it, and the answer', async () => {
    const { service, receiver } = await start((response) =>
      response.writeHead(200, { 'x-build': '"7"', 'set-cookie': ['a=1', 'b=2'] }).end('ok'),
    )
    await subscribe(service, receiver.url)
    const eventId = await publish(service)
    const event = await eventIn('DELIVERED', service, eventId)
    const [{ id, logs }] = event.deliveries
    expect(logs).toEqual([
      expect.objectContaining({
        timings: {
          dnsMs: null,
          connectMs: expect.any(Number),
          tlsMs: null,
          firstByteMs: expect.any(Number),
          totalMs: logs[0].responseTimeMs,
        },
        remoteAddress: '127.0.0.1',
        isConnectionReused: false,
        httpVersion: '1.1',
        worker: expect.stringMatching(new RegExp(`^[\\w.-]+/${process.pid}$`)),
      }),
    ])
    expect(logs[0]).not.toHaveProperty('request')

    const { body: attempt } = await service.api.get(`/v1/deliveries/${id}/logs/1`)
    const [received] = receiver.requests
    expect(attempt.request.body).toBe(received?.body)
    expect(received?.headers).toMatchObject(attempt.request.headers)
    expect(Object.keys(attempt.request.headers)).toEqual(
      expect.arrayContaining(['content-type', 'user-agent', 'webhook-id', 'webhook-signature']),
    )
    expect(attempt.response).toMatchObject({
      headers: { 'x-build': '"7"', 'set-cookie': '[redacted]' },
      body: null,
      isTruncated: false,
    })
    const query = `query ($id: ID!) { delivery(id: $id) { logs { ${fields} } } }`
    const [inGraphQL] = (await ask(service, query, { id })).delivery.logs
    const { attempt: _, status, statusCode, error, responseTimeMs, createdAt, ...rest } = attempt
    expect(inGraphQL).toEqual({ attempt: 1, ...rest })
  })

  it('tells a reused connection from a new one', async () => {
    const { service, receiver } = await start(200)
    await subscribe(service, receiver.url)
    const first = await eventIn('DELIVERED', service, await publish(service))
    const second = await eventIn('DELIVERED', service, await publish(service))
    expect(first.deliveries[0].logs[0]).toMatchObject({ isConnectionReused: false })
    expect(second.deliveries[0].logs[0]).toMatchObject({
      isConnectionReused: true,
      remoteAddress: '127.0.0.1',
      timings: { dnsMs: null, connectMs: null, tlsMs: null, firstByteMs: expect.any(Number) },
    })
  })

  it('shows what there was of an exchange that failed', async () => {
    const { service, receiver } = await start((response) => {
      response.writeHead(200, { 'content-length': '10' }).write('half')
      setTimeout(() => response.destroy(), 50)
    })
    const refusing = await startReceiver()
    await subscribe(service, receiver.url)
    await subscribe(service, refusing.url)
    await refusing[Symbol.asyncDispose]()
    const eventId = await publish(service)
    const attemptOf = async (url: string) => {
      const { items } = (await service.api.get('/v1/subscriptions')).body
      const { id } = items.find(({ endpointUrl }: { endpointUrl: string }) => endpointUrl === url)
      const found = async () =>
        (await service.api.get(`/v1/deliveries?eventId=${eventId}&subscriptionId=${id}`)).body.items[0]
      await expect.poll(async () => (await found())?.attempts, { timeout: 10_000 }).toBeGreaterThan(0)
      return (await service.api.get(`/v1/deliveries/${(await found()).id}/logs/1`)).body
    }
    expect(await attemptOf(receiver.url)).toMatchObject({
      statusCode: null,
      remoteAddress: '127.0.0.1',
      response: { headers: { 'content-length': '10' }, body: 'half', isTruncated: true },
    })
    expect(await attemptOf(refusing.url)).toMatchObject({
      error: expect.stringContaining('ECONNREFUSED'),
      remoteAddress: null,
      isConnectionReused: null,
      httpVersion: null,
      timings: { connectMs: expect.any(Number), firstByteMs: null },
      request: { headers: { 'content-type': 'application/json' } },
      response: null,
    })
  })

  it('is not found by a number that it does not have', async () => {
    const { service, receiver } = await start(200)
    await subscribe(service, receiver.url)
    const event = await eventIn('DELIVERED', service, await publish(service))
    for (const attempt of ['2', '0', '-1', '1.0', 'x', '99999999999999']) {
      const { status } = await service.api.get(`/v1/deliveries/${event.deliveries[0].id}/logs/${attempt}`)
      expect([attempt, status]).toEqual([attempt, 404])
    }
  })
})

describe('the body of an answer', () => {
  const LIMIT = 16 * 1024
  async function answered(status: number, text: string | Buffer, settings: Settings = {}) {
    const service = resources.use(
      await startTestService('postgres', { DELIVERY_MAX_ATTEMPTS: '1', ...settings }),
    )
    const receiver = resources.use(await startReceiver((response) => response.writeHead(status).end(text)))
    await subscribe(service, receiver.url)
    const event = await eventIn(status < 300 ? 'DELIVERED' : 'DEAD', service, await publish(service))
    const { body } = await service.api.get(`/v1/deliveries/${event.deliveries[0].id}/logs/1`)
    return { service, response: body.response }
  }

  it('is kept of a failed attempt, up to a limit, and no character is cut in two', async () => {
    const { response } = await answered(500, `${'x'.repeat(LIMIT - 1)}é and more`)
    expect(response).toMatchObject({ body: 'x'.repeat(LIMIT - 1), isTruncated: true })
  })

  it.each([
    ['none', 500, null],
    ['failed', 200, null],
    ['failed', 500, 'an answer'],
    ['all', 200, 'an answer'],
  ])('with LOG_RESPONSE_BODIES=%s and status %i is %j', async (kept, status, shown) => {
    const { response } = await answered(status, 'an answer', { LOG_RESPONSE_BODIES: kept })
    expect(response).toMatchObject({ body: shown, isTruncated: false })
  })

  it('may be any bytes', async () => {
    const { response } = await answered(500, Buffer.from([0, 0xff, 0x41]))
    expect(response.body).toBe('\0\uFFFDA')
  })

  it('is encrypted where secrets are', async () => {
    const { service, response } = await answered(500, 'an answer', {
      SECRET_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    })
    expect(response.body).toBe('an answer')
    const [row] = await service.database.query<{ bytes: string }>(
      `select encode("responseBody", 'escape') as bytes from "deliveryLogs"`,
    )
    expect(row?.bytes.length).toBeGreaterThan(0)
    expect(row?.bytes).not.toContain('answer')
  })
})

it('logs are removed when they are old, whatever their deliveries are, and others stay', async () => {
  const service = resources.use(await startTestService('postgres'))
  const database = resources.use(openDatabase(service.database))
  const DAY_MS = 86_400_000
  const at = (daysAgo: number) => new Date(Date.now() - daysAgo * DAY_MS)
  const log = (deliveryDaysAgo: number, attempt: number, daysAgo: number) =>
    service.database.query(
      `insert into "deliveryLogs" ("deliveryId", attempt, status, "responseTimeMs", "createdAt")
       values ($1, $2, 'FAILED', 1, $3)`,
      [uuidV7Of(at(deliveryDaysAgo).getTime()), attempt, at(daysAgo)],
    )
  for (const days of [8, 9, 10]) for (const attempt of [1, 2]) await log(days, attempt, days)
  await log(2, 1, 2)
  await log(9, 3, 1)
  const walked: number[] = []
  let after: string | undefined
  for (let isEnd = false; !isEnd; ) {
    const removed = await removeLogs(database, { days: 7, after, limit: 4 })
    walked.push(removed?.logs ?? -1)
    after = removed?.last
    isEnd = removed?.isEnd ?? true
  }
  expect(walked.reduce((sum, count) => sum + count)).toBe(6)
  const left = await service.database.query('select attempt from "deliveryLogs" order by "createdAt"')
  expect(left).toEqual([{ attempt: 1 }, { attempt: 3 }])
})

it('shows nothing of an attempt of the version before', async () => {
  const service = resources.use(await startTestService('postgres'))
  const receiver = resources.use(await startReceiver(200))
  await subscribe(service, receiver.url)
  const event = await eventIn('DELIVERED', service, await publish(service))
  await service.database.query('update "deliveryLogs" set connection = null, headers = null')
  const { body } = await service.api.get(`/v1/deliveries/${event.deliveries[0].id}/logs/1`)
  expect(body).toMatchObject({
    timings: { dnsMs: null, connectMs: null, tlsMs: null, firstByteMs: null },
    ...{ remoteAddress: null, isConnectionReused: null, httpVersion: null, worker: null },
    ...{ request: null, response: null },
  })
})
