/** The client against the service itself. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type Client,
  ClientError,
  createClient,
  type DeliveryFieldsFragment,
  DeliveryUpdatedDocument,
  PublishEventDocument,
  type VerifyWebhookOptions,
  verifyWebhook,
  WebhookVerificationError,
} from '../../src/client/index.js'
import { findFreePort } from '../../src/platform/free-port.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { TEST_KEY } from '../support/client.js'
import { createTestDatabase } from '../support/database.js'
import { startReceiver } from '../support/receiver.js'
import { type Settings, startOn, startTestService } from '../support/service.js'
import { webhookReference } from '../support/webhook-reference.js'

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

const type = 'user.created'
const event = { type, data: { userId: 'u_123' } }
const clientOf = ({ url }: { url: string }, apiKey = TEST_KEY) =>
  createClient({ url: `${url}/graphql`, apiKey })

const start = async (settings: Settings = {}) =>
  clientOf(resources.use(await startTestService('postgres', settings)))

/** What an iteration has brought so far. It ends with the test. */
function collect<Item>(follow: (signal: AbortSignal) => AsyncIterable<Item>) {
  const items: Item[] = []
  const stop = new AbortController()
  const done = (async () => {
    for await (const item of follow(stop.signal)) items.push(item)
  })()
  // It is reported where it is awaited.
  done.catch(() => {})
  resources.use({
    async [Symbol.asyncDispose]() {
      stop.abort()
      await done
    },
  })
  return items
}

/** Deliveries as they change, once somebody listens for them. */
async function watch(client: Client, options: Parameters<Client['watchDeliveries']>[0] = {}) {
  const log: string[] = []
  const deliveries = collect((signal) =>
    client.watchDeliveries({
      ...options,
      signal,
      onConnect: () => log.push('connected'),
      onDisconnect: ({ code }) => log.push(code),
      onReconnect: () => log.push('reconnected'),
    }),
  )
  await expect.poll(() => log[0]).toBe('connected')
  return { deliveries, log }
}

const told = (deliveries: DeliveryFieldsFragment[]) =>
  deliveries.map(({ status, attempts }) => `${status} ${attempts}`)

describe('operations', () => {
  it('subscribes, publishes, reads and retries, typed from end to end', async () => {
    const client = await start({ DELIVERY_MAX_ATTEMPTS: '1' })
    const receiver = resources.use(await startReceiver(500, 200))
    const { subscription, secret } = await client.createSubscription({
      endpointUrl: receiver.url,
      eventTypes: [type],
    })
    expect([subscription.isEnabled, secret]).toEqual([true, expect.stringMatching(/^whsec_/)])

    const published = await client.publishEvent({ ...event, idempotencyKey: 'once' })
    const again = await client.publishEvent({ ...event, idempotencyKey: 'once' })
    expect([published.deduplicated, again.deduplicated]).toEqual([false, true])
    expect(again.event.id).toBe(published.event.id)

    const { id } = published.event
    await expect.poll(async () => (await client.event(id))?.status).toBe('DEAD')
    expect(await client.event(id)).toMatchObject({ type, payload: { data: event.data, metadata: null } })
    const { items } = await client.deliveries({ filter: { eventId: id, status: ['DEAD'] } })
    const [dead] = items as [DeliveryFieldsFragment]
    expect(dead).toMatchObject({ attempts: 1, lastStatusCode: 500, event: { type } })
    expect(await client.retryDelivery(dead.id)).toMatchObject({ id: dead.id, status: 'PENDING' })
    await expect.poll(async () => (await client.delivery(dead.id))?.logs.length).toBe(2)
    expect(await client.stats()).toMatchObject({ eventsTotal: 1, deliveriesSent: 1, deliveriesDead: 0 })
  })

  it('publishes many, each by itself', async () => {
    const client = await start()
    const [good, bad] = await client.publishEvents([event, { ...event, type: 'not a type' }])
    expect(good).toMatchObject({ event: { type }, errors: [] })
    expect(bad).toMatchObject({ event: null, errors: [{ code: 'BAD_USER_INPUT' }] })
  })

  it('changes and deletes a subscription', async () => {
    const client = await start()
    const { subscription } = await client.createSubscription({
      endpointUrl: 'https://example.com/hook',
      eventTypes: [type],
    })
    const { id } = subscription
    expect(await client.updateSubscription(id, { isEnabled: false })).toMatchObject({ id, isEnabled: false })
    expect(await client.rotateSecret(id, 0)).toMatchObject({
      subscription: { id },
      secret: expect.stringMatching(/^whsec_/),
    })
    await client.deleteSubscription(id)
    expect(await client.subscription(id)).toBeNull()
    expect((await client.subscriptions()).items).toEqual([])
  })

  it('throws what the service refuses, with its code and with what there is to mend', async () => {
    const client = await start()
    await client.publishEvent({ ...event, idempotencyKey: 'once' })
    const otherContent = client.publishEvent({ type, data: {}, idempotencyKey: 'once' })
    await expect(otherContent).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' })
    await expect(client.retryEvent('nothing')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    const refused = await client.publishEvent({ type: '', data: {} }).catch((error) => error)
    expect(refused).toBeInstanceOf(ClientError)
    expect(refused).toMatchObject({ code: 'BAD_USER_INPUT', errors: [{ problems: [{ path: 'type' }] }] })
    await expect(client.request('{ nonsense }')).rejects.toMatchObject({ code: 'BAD_USER_INPUT' })
  })

  it('gives a payload as it is to who asks for it by document', async () => {
    const client = await start()
    const { publishEvent } = await client.request(PublishEventDocument, { input: { ...event, type: '' } })
    expect(publishEvent).toMatchObject({ event: null, errors: [{ code: 'BAD_USER_INPUT' }] })
  })

  it('tells a wrong key, an unknown host and another program apart', async () => {
    const service = resources.use(await startTestService('postgres'))
    const stranger = clientOf(service, 'wrong')
    await expect(stranger.stats()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    await expect(collectFirst(stranger.watchDeliveries())).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    const nowhere = clientOf({ url: `http://127.0.0.1:${await findFreePort()}` })
    await expect(nowhere.stats()).rejects.toMatchObject({ code: 'UNREACHABLE' })
    await expect(collectFirst(nowhere.watchDeliveries())).rejects.toMatchObject({ code: 'UNREACHABLE' })
    const other = resources.use(await startReceiver())
    await expect(clientOf(other).stats()).rejects.toMatchObject({ code: 'BAD_RESPONSE' })
  })
})

async function collectFirst<Item>(items: AsyncIterable<Item>): Promise<Item | undefined> {
  for await (const item of items) return item
  return undefined
}

describe('live', () => {
  it('brings every change of a delivery, in order', async () => {
    const client = await start()
    const receiver = resources.use(await startReceiver(500, 500, 200))
    await client.createSubscription({ endpointUrl: receiver.url, eventTypes: [type] })
    const { deliveries } = await watch(client)
    await client.publishEvent(event)
    await expect.poll(() => told(deliveries)).toEqual(['PENDING 0', 'FAILED 1', 'FAILED 2', 'SENT 3'])
    expect(deliveries.at(-1)).toMatchObject({ event: { type }, subscription: { endpointUrl: receiver.url } })
  })

  it('brings what a filter lets through, by subscription, event and status', async () => {
    const client = await start()
    const receiver = resources.use(await startReceiver())
    const hooks = [`${receiver.url}/one`, `${receiver.url}/other`] as const
    const one = await client.createSubscription({ endpointUrl: hooks[0], eventTypes: [type] })
    await client.createSubscription({ endpointUrl: hooks[1], eventTypes: [type] })
    const { deliveries } = await watch(client, { subscriptionId: one.subscription.id, status: ['SENT'] })
    const first = await client.publishEvent(event)
    await expect.poll(() => deliveries.length).toBe(1)
    const second = await client.publishEvent(event)
    await expect.poll(() => deliveries.length).toBe(2)
    expect(told(deliveries)).toEqual(['SENT 1', 'SENT 1'])
    expect(deliveries.map(({ eventId }) => eventId)).toEqual([first.event.id, second.event.id])
    expect(new Set(deliveries.map(({ subscription }) => subscription.endpointUrl))).toEqual(
      new Set([hooks[0]]),
    )
  })

  it('begins with what has changed since a time, over pages, each delivery once', async () => {
    const client = await start()
    const receiver = resources.use(await startReceiver())
    await client.createSubscription({ endpointUrl: receiver.url, eventTypes: [type] })
    const since = new Date(Date.now() - 60_000)
    for (const _ of [1, 2, 3]) await client.publishEvents(Array.from({ length: 100 }, () => event))
    await expect.poll(async () => (await client.stats()).deliveriesSent, { timeout: 20_000 }).toBe(300)
    const { deliveries } = await watch(client, { since })
    await expect.poll(() => deliveries.length).toBe(300)
    await client.publishEvent(event)
    await expect.poll(() => deliveries.length).toBe(302)
    expect(new Set(deliveries.map(({ id }) => id)).size).toBe(301)
  })

  it('follows any live operation, and ends quietly when it is told to', async () => {
    const client = await start()
    const receiver = resources.use(await startReceiver())
    await client.createSubscription({ endpointUrl: receiver.url, eventTypes: [type] })
    const stop = new AbortController()
    const statuses: string[] = []
    const options = { signal: stop.signal, onConnect: () => void client.publishEvent(event) }
    const live = client.subscribe(DeliveryUpdatedDocument, { status: ['SENT'] }, options)
    for await (const { deliveryUpdated } of live) {
      statuses.push(deliveryUpdated.status)
      stop.abort()
    }
    expect(statuses).toEqual(['SENT'])
  })

  it('goes on after a restart of the service, with what has changed meanwhile', async () => {
    const database = resources.use(await createTestDatabase())
    const settings = { PORT: String(await findFreePort()) }
    const before = await startOn(database, undefined, settings)
    const client = clientOf(before)
    const receiver = resources.use(await startReceiver())
    await client.createSubscription({ endpointUrl: receiver.url, eventTypes: [type] })
    const { deliveries, log } = await watch(client)
    await client.publishEvent(event)
    await expect.poll(() => told(deliveries)).toEqual(['PENDING 0', 'SENT 1'])
    await before[Symbol.asyncDispose]()
    await expect.poll(() => log).toContain('UNREACHABLE')

    // Another process delivers while nobody can be asked on the port that the client knows.
    const elsewhere = await startOn(database, undefined)
    const missed = await clientOf(elsewhere).publishEvent(event)
    await expect
      .poll(async () => (await clientOf(elsewhere).event(missed.event.id))?.status)
      .toBe('DELIVERED')
    await elsewhere[Symbol.asyncDispose]()
    expect(deliveries).toHaveLength(2)

    resources.use(await startOn(database, undefined, settings))
    await expect.poll(() => deliveries.length, { timeout: 10_000 }).toBe(3)
    expect(deliveries[2]).toMatchObject({ eventId: missed.event.id, status: 'SENT' })
    await client.publishEvent(event)
    await expect.poll(() => told(deliveries).slice(3)).toEqual(['PENDING 0', 'SENT 1'])
    expect(log.filter((entry) => entry === 'reconnected')).toHaveLength(1)
  })
})

describe('verifyWebhook', () => {
  const outcomeOf = (changes: Partial<VerifyWebhookOptions>) =>
    verifyWebhook({ ...webhookReference, ...changes }).catch((error) =>
      error instanceof WebhookVerificationError ? error.code : error,
    )
  const withHeader = (name: string, value: string) => ({
    headers: { ...webhookReference.headers, [name]: value },
  })

  it('takes what was really delivered, with either secret while one replaces the other', async () => {
    const client = await start()
    const receiver = resources.use(await startReceiver())
    const created = await client.createSubscription({ endpointUrl: receiver.url, eventTypes: [type] })
    const { event: published } = await client.publishEvent({ ...event, metadata: { source: 'test' } })
    await expect.poll(() => receiver.requests.length).toBe(1)
    const [{ headers, body }] = receiver.requests as [(typeof receiver.requests)[0]]
    const expected = {
      id: published.id,
      type,
      createdAt: published.createdAt,
      payload: { data: event.data, metadata: { source: 'test' } },
    }
    expect(await verifyWebhook({ secret: created.secret, headers, body })).toEqual(expected)
    const asBytes = { headers: new Headers(headers as never), body: Buffer.from(body) }
    expect(await verifyWebhook({ secrets: ['another', created.secret], ...asBytes })).toEqual(expected)

    const secret = 'a secret of the receiver, long enough'
    await client.updateSubscription(created.subscription.id, { secret })
    await client.publishEvent(event)
    await expect.poll(() => receiver.requests.length).toBe(2)
    const { headers: newHeaders, body: newBody } = receiver.requests[1] as (typeof receiver.requests)[0]
    for (const valid of [secret, created.secret]) {
      const verified = await verifyWebhook({ secret: valid, headers: newHeaders, body: newBody })
      expect(verified.type).toBe(type)
    }
  })

  it('agrees with the reference values of Standard Webhooks', async () => {
    expect(await outcomeOf({})).toEqual({ test: 2432232314 })
    expect(await outcomeOf({ headers: new Headers(webhookReference.headers) })).toEqual({ test: 2432232314 })
    const signature = `v1,AAAA v2,xyz ${webhookReference.headers['webhook-signature']}`
    expect(await outcomeOf(withHeader('webhook-signature', signature))).toEqual({ test: 2432232314 })
  })

  it.each([
    ['a body that was changed', { body: '{"test": 2432232315}' }],
    ['another secret', { secret: 'whsec_AAAA' }],
    ['another id', withHeader('webhook-id', 'msg_other')],
    ['another time', withHeader('webhook-timestamp', '1614265331')],
    ['another scheme', withHeader('webhook-signature', 'v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')],
    ['a signature cut short', withHeader('webhook-signature', 'v1,g0hM')],
  ] as const)('refuses %s', async (_what, changes) => {
    expect(await outcomeOf(changes)).toBe('BAD_SIGNATURE')
  })

  it('refuses what is too old, or ahead of the clock, and says so', async () => {
    const at = (seconds: number, toleranceSeconds?: number) =>
      outcomeOf({
        now: new Date((1614265330 + seconds) * 1000),
        ...(toleranceSeconds !== undefined && { toleranceSeconds }),
      })
    expect(await Promise.all([at(301), at(-301), at(11, 10)])).toEqual(Array(3).fill('STALE_TIMESTAMP'))
    expect(await Promise.all([at(300), at(-300)])).toEqual([{ test: 2432232314 }, { test: 2432232314 }])
    await expect(verifyWebhook({ ...webhookReference, now: new Date() })).rejects.toThrow(
      /s old; at most 300 s/,
    )
  })

  it('refuses headers that are missing or make no sense', async () => {
    for (const name of Object.keys(webhookReference.headers)) {
      expect(await outcomeOf({ headers: { ...webhookReference.headers, [name]: undefined } })).toBe(
        'MISSING_HEADER',
      )
    }
    expect(await outcomeOf(withHeader('webhook-timestamp', '1614265330.5'))).toBe('BAD_TIMESTAMP')
  })

  it('takes no empty secret, which would sign for anybody', async () => {
    expect(await outcomeOf({ secret: '' })).toBeInstanceOf(TypeError)
    expect(await outcomeOf({ secret: 'whsec_' })).toBeInstanceOf(TypeError)
  })

  it('asks for the raw body when it is given a parsed one', async () => {
    const parsed = { test: 2432232314 } as never
    expect(await outcomeOf({ body: parsed })).toMatchObject({
      message: expect.stringMatching(/the raw body/),
    })
  })
})
