/** Endpoints that want CloudEvents get them in either mode, as the `cloudevents` package reads them. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { readCloudEvent } from '../support/cloud-events.js'
import { eventIn } from '../support/delivering.js'
import { ask } from '../support/graphql.js'
import { type ReceivedRequest, type Receiver, startReceiver } from '../support/receiver.js'
import { isSignedBy } from '../support/secrets.js'
import { type Layout, layouts, startTestService, type TestService } from '../support/service.js'

const formats = ['CLOUDEVENTS_STRUCTURED', 'CLOUDEVENTS_BINARY'] as const
type Format = (typeof formats)[number] | 'STANDARD'

let resources: Resources
let receiver: Receiver
let service: TestService

beforeEach(async () => {
  resources = createResources()
  receiver = resources.use(await startReceiver())
})
afterEach(() => resources[Symbol.asyncDispose]())

const endpoint = (format: Format) => ({ endpointUrl: receiver.url, eventTypes: ['user.created'], format })

async function start(format: Format, layout: Layout = 'postgres', fields: object = {}) {
  service = resources.use(await startTestService(layout))
  const { status, body } = await service.api.post('/v1/subscriptions', { ...endpoint(format), ...fields })
  expect([status, body.format]).toEqual([201, format])
  return body as { id: string; secret: string }
}

async function publish(event: object): Promise<string> {
  const { status, body } = await service.api.post('/v1/events', { type: 'user.created', data: {}, ...event })
  expect(status).toBe(202)
  return body.eventId
}

/** The webhook that answers for the event. */
async function webhookOf(eventId: string): Promise<ReceivedRequest> {
  const arrived = () => receiver.requests.find(({ headers }) => headers['webhook-id'] === eventId)
  await expect.poll(arrived, { timeout: 20_000, interval: 20 }).toBeDefined()
  return arrived() as ReceivedRequest
}

const deliver = async (event: object) => webhookOf(await publish(event))

const headersOf = ({ headers }: ReceivedRequest) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith('ce-')))

describe.each(layouts)('a webhook, queue on %s,', (layout) => {
  it.each(formats)('is an event that the package reads, in %s', async (format) => {
    const { secret } = await start(format, layout)
    const createdAt = '2026-01-31T18:20:43.400Z'
    const metadata = { source: 'auth-service', subject: 'users/Zürich', attempt: 3, traceparent: '00-a-b-01' }
    const eventId = await publish({ createdAt, data: { userId: 'u_123' }, metadata })
    const webhook = await webhookOf(eventId)
    expect(readCloudEvent(webhook)).toEqual({
      ...{ specversion: '1.0', id: eventId, type: 'user.created', time: createdAt },
      ...{ datacontenttype: 'application/json', data: { userId: 'u_123' } },
      ...{ ...metadata, attempt: format === 'CLOUDEVENTS_BINARY' ? '3' : 3 },
    })
    expect(isSignedBy(secret, webhook)).toBe(true)
    expect(webhook.headers['content-type']).toBe(
      format === 'CLOUDEVENTS_BINARY' ? 'application/json' : 'application/cloudevents+json; charset=utf-8',
    )
  })

  it.each(formats)("has the producer's own text of data, on every attempt, in %s", async (format) => {
    await start(format, layout)
    receiver.answerWith(500, 200)
    const data = '{ "b": 1.000, "2": 12345678901234567890, "1": "\\u00e9" }'
    const { body } = await service.api.post('/v1/events', `{"type":"user.created","data":${data}}`)
    await eventIn('DELIVERED', service, body.eventId)
    const [first, second] = receiver.requests.map((request) => request.body)
    expect([first, receiver.requests.length]).toEqual([second, 2])
    if (format === 'CLOUDEVENTS_BINARY') expect(first).toBe(data)
    else expect(first).toContain(`"data":${data}}`)
    expect(receiver.requests.map(headersOf)[0]).toEqual(receiver.requests.map(headersOf)[1])
  })

  it('has for each endpoint the format that this one asks for', async () => {
    await start('STANDARD', layout)
    for (const format of formats) {
      const other = { ...endpoint(format), endpointUrl: `${receiver.url}/${format}` }
      expect((await service.api.post('/v1/subscriptions', other)).status).toBe(201)
    }
    const eventId = await publish({ data: { a: 1 } })
    await eventIn('DELIVERED', service, eventId)
    const bodies = receiver.requests.map(({ path, body }) => [path, Object.keys(JSON.parse(body)).length])
    expect(bodies.toSorted()).toEqual([
      ['/hook', 4],
      ['/hook/CLOUDEVENTS_BINARY', 1],
      ['/hook/CLOUDEVENTS_STRUCTURED', 7],
    ])
  })
})

it.each(formats)('a test event comes in %s, too, and is shown as it was sent', async (format) => {
  const { id } = await start(format)
  const { body } = await service.api.post(`/v1/subscriptions/${id}/test-event`, {
    ...{ type: 'user.created', data: { a: 1 } },
  })
  const [webhook] = receiver.requests as [ReceivedRequest]
  expect(readCloudEvent(webhook)).toMatchObject({ id: body.eventId, type: 'user.created', data: { a: 1 } })
  expect(body.log.request.body).toBe(webhook.body)
})

describe('the attributes', () => {
  it('have a source of their own where the producer names none', async () => {
    await start('CLOUDEVENTS_STRUCTURED')
    expect(readCloudEvent(await deliver({}))).toMatchObject({ source: '/v1/events' })
    expect(readCloudEvent(await deliver({ metadata: { source: 7 } }))).toMatchObject({ source: '/v1/events' })
    const odd = await deliver({ metadata: { source: 'Auth service 100%' } })
    expect(readCloudEvent(odd)).toMatchObject({ source: 'Auth%20service%20100%25' })
  })

  it('leave out members of metadata that no attribute can hold', async () => {
    await start('CLOUDEVENTS_STRUCTURED')
    const kept = { flag: false, count: -7, text: 'Euro € 😀' }
    const others = {
      camelCase: 'a',
      nested: { a: 1 },
      none: null,
      half: 0.5,
      large: 2 ** 31,
      control: 'a\nb',
    }
    const taken = { id: 'x', type: 'x', time: 'x', specversion: '0.3', data: 'x', datacontenttype: 'x' }
    const eventId = await publish({ metadata: { ...kept, ...others, ...taken, dataschema: 'relative' } })
    const { time, ...event } = readCloudEvent(await webhookOf(eventId))
    expect(event).toEqual({
      ...{ specversion: '1.0', id: eventId, type: 'user.created', source: '/v1/events' },
      ...{ datacontenttype: 'application/json', data: {}, ...kept },
    })
  })

  it('are headers in binary mode, percent-encoded as the HTTP binding says', async () => {
    await start('CLOUDEVENTS_BINARY')
    const webhook = await deliver({ metadata: { subject: 'Euro € 😀', quoted: '"50 %"', flag: true } })
    expect(headersOf(webhook)).toMatchObject({
      'ce-subject': 'Euro%20%E2%82%AC%20%F0%9F%98%80',
      'ce-quoted': '%2250%20%25%22',
      'ce-flag': 'true',
    })
  })

  it('are bounded, however much metadata there is', async () => {
    await start('CLOUDEVENTS_BINARY')
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`n${at}`, 'é'.repeat(20)]))
    const headers = headersOf(
      await deliver({ metadata: { long: 'x'.repeat(5000), ...many, source: 's'.repeat(5000) } }),
    )
    expect(headers['ce-source']).toBe('/v1/events')
    expect(Object.keys(headers).filter((name) => /^ce-(n\d+|long)$/.test(name))).toEqual(
      Array.from({ length: 33 }, (_, at) => `ce-n${at}`),
    )
  })
})

describe('an attempt', () => {
  const bodiesOf = async (eventId: string) => {
    const { deliveries } = (await service.api.get(`/v1/events/${eventId}`)).body
    const { id, attempts } = deliveries[0]
    const numbers = Array.from({ length: attempts }, (_, at) => at + 1)
    const overRest = await Promise.all(
      numbers.map(async (at) => (await service.api.get(`/v1/deliveries/${id}/logs/${at}`)).body.request),
    )
    const query = 'query ($id: ID!) { delivery(id: $id) { logs { request { headers body } } } }'
    const { logs } = (await ask(service, query, { id })).delivery
    expect(logs.map(({ request }: { request: object }) => request)).toEqual(overRest)
    return overRest as { headers: Record<string, string>; body: string }[]
  }

  it('shows the body that was sent, in whichever format it was then', async () => {
    const { id } = await start('CLOUDEVENTS_STRUCTURED', 'postgres', {
      retryPolicy: { scheduleSeconds: [600, 600, 600] },
    })
    receiver.answerWith(500)
    const eventId = await publish({ data: { a: 1 }, metadata: { source: 'x', flag: true } })
    await webhookOf(eventId)
    for (const [at, format] of (['CLOUDEVENTS_BINARY', 'STANDARD'] as const).entries()) {
      const attempts = async () =>
        (await service.api.get(`/v1/events/${eventId}`)).body.deliveries[0].attempts
      await expect.poll(attempts, { timeout: 10_000 }).toBe(at + 1)
      expect((await service.api.patch(`/v1/subscriptions/${id}`, { format })).body.format).toBe(format)
      await service.api.post(`/v1/deliveries/events/${eventId}/retry`)
      await expect.poll(() => receiver.requests.length, { timeout: 10_000 }).toBe(at + 2)
    }
    await expect.poll(async () => (await bodiesOf(eventId)).length, { timeout: 10_000 }).toBe(3)
    const shown = await bodiesOf(eventId)
    expect(shown.map(({ body }) => body)).toEqual(receiver.requests.map(({ body }) => body))
    expect(new Set(shown.map(({ body }) => body)).size).toBe(3)
    expect(shown[1]?.headers).toMatchObject({ 'ce-id': eventId, 'ce-flag': 'true' })
    const { logs } = (await service.api.get(`/v1/events/${eventId}`)).body.deliveries[0]
    expect(Object.keys(logs[0])).not.toContain('format')
  })
})

describe('the format of a subscription', () => {
  it('is STANDARD at first, changed by name, and left by null and by other changes', async () => {
    const { id } = await start('STANDARD')
    const change = async (changes: object) =>
      (await service.api.patch(`/v1/subscriptions/${id}`, changes)).body.format
    expect(await change({ format: 'CLOUDEVENTS_BINARY' })).toBe('CLOUDEVENTS_BINARY')
    expect(await change({ description: 'other', format: null })).toBe('CLOUDEVENTS_BINARY')
    const update = `mutation ($id: ID!, $format: WebhookFormat) {
      updateSubscription(id: $id, input: { format: $format }) { subscription { format } errors { message } } }`
    const { updateSubscription } = await ask(service, update, { id, format: 'STANDARD' })
    expect(updateSubscription).toEqual({ subscription: { format: 'STANDARD' }, errors: [] })
    expect((await service.api.get(`/v1/subscriptions/${id}`)).body.format).toBe('STANDARD')
  })

  it('is one of the three', async () => {
    const { id } = await start('STANDARD')
    for (const format of ['CLOUDEVENTS', 'standard', 1, {}])
      expect((await service.api.patch(`/v1/subscriptions/${id}`, { format })).status).toBe(400)
  })

  it('does not tell two subscriptions apart', async () => {
    await start('STANDARD')
    expect((await service.api.post('/v1/subscriptions', endpoint('CLOUDEVENTS_BINARY'))).status).toBe(409)
  })

  it('of CloudEvents allows no headers that are attributes', async () => {
    const { id } = await start('STANDARD', 'postgres', { headers: { 'ce-team': 'a' } })
    const refused = await service.api.patch(`/v1/subscriptions/${id}`, { format: 'CLOUDEVENTS_BINARY' })
    expect([refused.status, refused.body.errors]).toMatchObject([400, [{ path: 'headers.ce-team' }]])
    const changes = { format: 'CLOUDEVENTS_BINARY', headers: {} }
    expect((await service.api.patch(`/v1/subscriptions/${id}`, changes)).status).toBe(200)
    const secretHeaders = { 'CE-Id': 'a' }
    expect((await service.api.patch(`/v1/subscriptions/${id}`, { secretHeaders })).status).toBe(400)
  })
})
