import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { version } from '../../src/platform/version.js'
import { type ReceivedRequest, startReceiver } from '../support/receiver.js'
import { layouts, type Settings, startTestService, type TestService } from '../support/service.js'
import { TIMER_EARLY_MS } from '../support/timed.js'

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

async function subscribe({ api }: TestService, endpointUrl: string, eventTypes = ['user.created']) {
  const { status, body } = await api.post('/v1/subscriptions', { endpointUrl, eventTypes })
  expect(status).toBe(201)
  return body as { id: string; secret: string }
}

async function publish({ api }: TestService, event: object = {}): Promise<string> {
  const { status, body } = await api.post('/v1/events', {
    type: 'user.created',
    data: { userId: 'u_123' },
    ...event,
  })
  expect(status).toBe(202)
  return body.eventId
}

/** The event, once it has the status. */
async function eventIn(status: string, { api }: TestService, eventId: string, timeout = 10_000) {
  const read = async () => (await api.get(`/v1/events/${eventId}`)).body
  await expect.poll(async () => (await read()).status, { timeout, interval: 20 }).toBe(status)
  return read()
}

describe.each(layouts)('delivery, queue on %s', (layout) => {
  const start = async (settings: Settings = {}) => resources.use(await startTestService(layout, settings))

  describe('the webhook', () => {
    it('has exactly the fields and headers of the contract, and verifies', async () => {
      const service = await start()
      const receiver = resources.use(await startReceiver())
      const { secret } = await subscribe(service, receiver.url)
      const metadata = { source: 'auth-service' }
      const eventId = await publish(service, { metadata, createdAt: '2026-01-31T19:20:43.400+01:00' })
      await eventIn('DELIVERED', service, eventId)

      const [request] = receiver.requests as [ReceivedRequest]
      expect(JSON.parse(request.body)).toEqual({
        id: eventId,
        type: 'user.created',
        createdAt: '2026-01-31T18:20:43.400Z',
        payload: { data: { userId: 'u_123' }, metadata },
      })
      expect(request.headers).toMatchObject({
        'content-type': 'application/json',
        'user-agent': `node-event-service/${version}`,
        'webhook-id': eventId,
      })
      expect(Math.abs(Number(request.headers['webhook-timestamp']) - Date.now() / 1000)).toBeLessThan(10)
      expect(() =>
        new Webhook(secret).verify(request.body, request.headers as Record<string, string>),
      ).not.toThrow()
    })

    it('keeps the text of data: the order of keys and every digit of a number; metadata is null when absent', async () => {
      const service = await start()
      const receiver = resources.use(await startReceiver())
      await subscribe(service, receiver.url)
      const data = '{"z": 1, "10": 2, "2": 3, "big": 12345678901234567890, "text": "\\ud83d\\u0000é"}'
      const { body } = await service.api.post('/v1/events', `{"data": ${data}, "type": "user.created"}`)
      await eventIn('DELIVERED', service, body.eventId)
      expect(receiver.requests[0]?.body).toContain(`"payload":{"data":${data},"metadata":null}}`)
    })

    it('signs with the secret as its UTF-8 bytes when it has no prefix, and with both after a change', async () => {
      const service = await start()
      const receiver = resources.use(await startReceiver())
      const { body: subscription } = await service.api.post('/v1/subscriptions', {
        endpointUrl: receiver.url,
        eventTypes: ['user.created'],
        secret: 'plain secret',
      })
      await eventIn('DELIVERED', service, await publish(service))
      await service.api.patch(`/v1/subscriptions/${subscription.id}`, {
        secret: 'whsec_bmV3IHNlY3JldCBvZiAyNCBieXRlcyEh',
      })
      await eventIn('DELIVERED', service, await publish(service))

      const [before, after] = receiver.requests as [ReceivedRequest, ReceivedRequest]
      const plain = new Webhook(new TextEncoder().encode('plain secret') as unknown as string, {
        format: 'raw',
      })
      const renewed = new Webhook('whsec_bmV3IHNlY3JldCBvZiAyNCBieXRlcyEh')
      const verify = (webhook: Webhook, { body, headers }: ReceivedRequest) =>
        webhook.verify(body, headers as Record<string, string>)
      expect(() => verify(plain, before)).not.toThrow()
      expect(() => verify(renewed, before)).toThrow()
      expect(() => verify(plain, after)).not.toThrow()
      expect(() => verify(renewed, after)).not.toThrow()
    })
  })

  describe('matching', () => {
    it('delivers to every enabled subscription that wants the type, and to no other', async () => {
      const service = await start()
      const wanting = resources.use(await startReceiver())
      const everything = resources.use(await startReceiver())
      const other = resources.use(await startReceiver())
      await subscribe(service, wanting.url, ['user.deleted', 'user.created'])
      await subscribe(service, everything.url, ['*'])
      await subscribe(service, other.url, ['user.created.v2'])
      const event = await eventIn('DELIVERED', service, await publish(service))
      expect(event.deliveries).toHaveLength(2)
      expect([wanting.requests.length, everything.requests.length, other.requests.length]).toEqual([1, 1, 0])
    })

    it('keeps an event that nobody wants, as UNMATCHED', async () => {
      const service = await start()
      const event = await eventIn('UNMATCHED', service, await publish(service))
      expect(event.deliveries).toEqual([])
    })
  })

  describe('retries', () => {
    it('tries again after growing waits until a 2xx, with a log for each attempt', async () => {
      const service = await start({ DELIVERY_BACKOFF_BASE_SECONDS: '0.2' })
      const receiver = resources.use(await startReceiver(500, 500, 200))
      await subscribe(service, receiver.url)
      const event = await eventIn('DELIVERED', service, await publish(service))

      expect(event.deliveries[0]).toMatchObject({
        status: 'SENT',
        attempts: 3,
        lastStatusCode: 200,
        nextRunAt: null,
      })
      expect(event.deliveries[0].logs).toMatchObject([
        { attempt: 1, status: 'FAILED', statusCode: 500, error: 'answered 500' },
        { attempt: 2, status: 'FAILED', statusCode: 500, error: 'answered 500' },
        { attempt: 3, status: 'SENT', statusCode: 200, error: null },
      ])
      const [first, second, third] = receiver.requests.map(({ receivedAt }) => receivedAt) as [
        number,
        number,
        number,
      ]
      expect(second - first).toBeGreaterThanOrEqual(200)
      expect(third - second).toBeGreaterThanOrEqual(400)
      // 20 % of jitter, and what the machine needs.
      expect(third - second).toBeLessThan(480 + 2500)
      expect(new Set(receiver.requests.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
    })

    it('gives up after exactly DELIVERY_MAX_ATTEMPTS, and a retry by hand begins a new budget', async () => {
      const service = await start({ DELIVERY_MAX_ATTEMPTS: '3', DELIVERY_BACKOFF_BASE_SECONDS: '0.02' })
      const receiver = resources.use(await startReceiver(503))
      await subscribe(service, receiver.url)
      const eventId = await publish(service)
      const dead = await eventIn('DEAD', service, eventId)
      expect(dead.deliveries[0]).toMatchObject({
        status: 'DEAD',
        attempts: 3,
        lastError: 'answered 503',
        nextRunAt: null,
      })
      expect(receiver.requests).toHaveLength(3)

      receiver.answerWith(500, 500, 200)
      const retry = await service.api.post(`/v1/deliveries/${dead.deliveries[0].id}/retry`)
      expect([retry.status, retry.body]).toEqual([202, { retried: 1 }])
      const event = await eventIn('DELIVERED', service, eventId)
      expect(event.deliveries[0].logs.map(({ attempt }: { attempt: number }) => attempt)).toEqual([
        1, 2, 3, 4, 5, 6,
      ])

      const again = await service.api.post(`/v1/deliveries/${dead.deliveries[0].id}/retry`)
      expect(again.status).toBe(409)
    })

    it('retries every FAILED or DEAD delivery of an event, and none that is SENT', async () => {
      const service = await start({ DELIVERY_MAX_ATTEMPTS: '1' })
      const good = resources.use(await startReceiver())
      const bad = resources.use(await startReceiver(500))
      const worse = resources.use(await startReceiver(500))
      for (const { url } of [good, bad, worse]) await subscribe(service, url)
      const eventId = await publish(service)
      await eventIn('PARTIALLY_DELIVERED', service, eventId)
      bad.answerWith(200)
      worse.answerWith(200)
      const { status, body } = await service.api.post(`/v1/deliveries/events/${eventId}/retry`)
      expect([status, body]).toMatchObject([202, { retried: 2 }])
      await eventIn('DELIVERED', service, eventId)
      expect(good.requests).toHaveLength(1)
    })

    it('waits as long as Retry-After asks for', async () => {
      const service = await start()
      const receiver = resources.use(
        await startReceiver((response) => response.writeHead(429, { 'retry-after': '1' }).end(), 200),
      )
      await subscribe(service, receiver.url)
      await eventIn('DELIVERED', service, await publish(service))
      const [first, second] = receiver.requests as [ReceivedRequest, ReceivedRequest]
      expect(second.receivedAt - first.receivedAt).toBeGreaterThanOrEqual(1000)
    })

    it('takes a redirect for a failure and never follows it', async () => {
      const service = await start({ DELIVERY_MAX_ATTEMPTS: '1' })
      const elsewhere = resources.use(await startReceiver())
      const receiver = resources.use(
        await startReceiver((response) => response.writeHead(307, { location: elsewhere.url }).end()),
      )
      await subscribe(service, receiver.url)
      const event = await eventIn('DEAD', service, await publish(service))
      expect(event.deliveries[0]).toMatchObject({
        lastStatusCode: 307,
        lastError: 'answered 307: redirects are not followed',
      })
      expect(elsewhere.requests).toHaveLength(0)
    })

    it('takes 410 for the end: DEAD at once, and the subscription is disabled', async () => {
      const service = await start()
      const receiver = resources.use(await startReceiver(410))
      const { id } = await subscribe(service, receiver.url)
      const event = await eventIn('DEAD', service, await publish(service))
      expect(event.deliveries[0].attempts).toBe(1)
      expect((await service.api.get(`/v1/subscriptions/${id}`)).body.isEnabled).toBe(false)
      await eventIn('UNMATCHED', service, await publish(service))
    })

    it('has one deadline for the whole exchange, the body of the answer included', async () => {
      const service = await start({ DELIVERY_TIMEOUT_MS: '300', DELIVERY_MAX_ATTEMPTS: '1' })
      const silent = resources.use(await startReceiver(() => {}))
      const endless = resources.use(
        await startReceiver((response) => void response.writeHead(200).write('a')),
      )
      await subscribe(service, silent.url)
      await subscribe(service, endless.url)
      const event = await eventIn('DEAD', service, await publish(service))
      for (const delivery of event.deliveries) {
        expect(delivery.lastError).toMatch(/^no (whole answer|end of the 200 answer) within 300 ms$/)
        expect(delivery.logs[0].responseTimeMs).toBeGreaterThanOrEqual(300 - TIMER_EARLY_MS)
        expect(delivery.logs[0].responseTimeMs).toBeLessThan(1500)
      }
    })

    it('reads no more than it needs of a huge answer, and counts its status', async () => {
      const service = await start()
      let written = 0
      const receiver = resources.use(
        await startReceiver((response) => {
          const chunk = Buffer.alloc(64 * 1024)
          const more = () => {
            while (!response.destroyed && written < 1e9) {
              written += chunk.length
              if (!response.write(chunk)) return response.once('drain', more)
            }
          }
          response.writeHead(200)
          more()
        }),
      )
      await subscribe(service, receiver.url)
      await eventIn('DELIVERED', service, await publish(service))
      expect(written).toBeLessThan(50e6)
    })

    it('refuses a private address at connect, and says so', async () => {
      const service = await start({ DELIVERY_MAX_ATTEMPTS: '1' })
      const receiver = resources.use(await startReceiver())
      // A name gets past the check at creation: only the connection shows where it leads.
      const { id } = await subscribe(service, 'https://example.com/hook')
      const url = receiver.url.replace('127.0.0.1', '[::1]')
      await service.database.query('update subscriptions set "endpointUrl" = $1 where id = $2', [url, id])
      const event = await eventIn('DEAD', service, await publish(service))
      expect(event.deliveries[0].lastError).toContain('::1 is not a public address')
      expect(receiver.requests).toHaveLength(0)
    })
  })

  describe('a disabled subscription', () => {
    it('keeps its deliveries waiting and visible, unattempted, until it is enabled', async () => {
      const service = await start({ DELIVERY_BACKOFF_BASE_SECONDS: '0.3' })
      const receiver = resources.use(await startReceiver(500, 200))
      const { id } = await subscribe(service, receiver.url)
      const eventId = await publish(service)
      await expect.poll(() => receiver.requests.length, { timeout: 5000 }).toBe(1)
      await service.api.patch(`/v1/subscriptions/${id}`, { isEnabled: false })

      const due = `select from deliveries where "nextRunAt" < now() - interval '1 second'`
      await expect.poll(async () => (await service.database.query(due)).length, { timeout: 5000 }).toBe(1)
      expect(receiver.requests).toHaveLength(1)
      const { body } = await service.api.get(`/v1/deliveries?subscriptionId=${id}`)
      expect(body.items).toMatchObject([{ eventId, status: 'FAILED', attempts: 1 }])

      await service.api.patch(`/v1/subscriptions/${id}`, { isEnabled: true })
      await eventIn('DELIVERED', service, eventId)
    })
  })

  describe('fairness', () => {
    it('delivers 1,000 events to a good endpoint while another hangs', { timeout: 60_000 }, async () => {
      const service = await start({ DELIVERY_TIMEOUT_MS: '15000' })
      const hanging = resources.use(await startReceiver(() => {}))
      const good = resources.use(await startReceiver())
      await subscribe(service, hanging.url)
      await subscribe(service, good.url)
      const startedAt = performance.now()
      await Promise.all(Array.from({ length: 1000 }, () => publish(service)))
      await expect.poll(() => good.requests.length, { timeout: 14_000 }).toBe(1000)
      expect(performance.now() - startedAt).toBeLessThan(15_000)
      const ended = await service.database.query(`select from "deliveryLogs" where status <> 'SENT'`)
      expect(ended).toHaveLength(0)
      expect(new Set(good.requests.map(({ headers }) => headers['webhook-id'])).size).toBe(1000)
    })
  })
})
