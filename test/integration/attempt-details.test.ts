/** Every attempt can be seen whole: what was sent and answered, how long each phase took, and on which connection. */
import { afterEach, describe, expect, it } from 'vitest'
import { createResources } from '../../src/platform/resources.js'
import { eventIn, publish, subscribe } from '../support/delivering.js'
import { ask } from '../support/graphql.js'
import { startReceiver } from '../support/receiver.js'
import { type Layout, startTestService } from '../support/service.js'

const layouts: Layout[] = ['postgres', 'redis, api and worker apart']
let resources = createResources()
afterEach(async () => {
  await resources[Symbol.asyncDispose]()
  resources = createResources()
})

const fields = `
  attempt timings { dnsMs connectMs tlsMs firstByteMs totalMs } remoteAddress isConnectionReused httpVersion
  worker request { headers body } response { headers isTruncated }`

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
      response: { headers: { 'content-length': '10' }, isTruncated: true },
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
