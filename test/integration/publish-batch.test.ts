/** `POST /v1/events/batch`: many events in one request, each answered by itself. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createClient, TEST_KEY } from '../support/client.js'
import { expectProblem } from '../support/problem.js'
import { startReceiver } from '../support/receiver.js'
import { layouts, startTestService, type TestService } from '../support/service.js'

let resources: Resources
let service: TestService

beforeAll(async () => {
  resources = createResources()
  service = resources.use(
    await startTestService('postgres', {
      EVENT_MAX_BYTES: '20000',
      API_KEYS: `${TEST_KEY},reader=read=key-of-a-reader`,
    }),
  )
})
afterAll(() => resources[Symbol.asyncDispose]())

const post = (events: unknown) => service.api.post('/v1/events/batch', { events })
const event = (n: number) => ({ type: 'item.counted', data: { n } })
const events = (count: number) => Array.from({ length: count }, (_, n) => event(n))

describe('POST /v1/events/batch', () => {
  it('answers each event by itself, in order', async () => {
    const kept = { ...event(1), eventId: 'kept' }
    const { body: first } = await service.api.post('/v1/events', kept)
    const { status, body } = await post([
      event(0),
      kept,
      { ...kept, data: { n: 'other' } },
      { type: 'no spaces', data: {} },
      { type: 'item.counted' },
      { ...event(2), data: { text: 'x'.repeat(20_000) } },
      'no event',
      event(3),
    ])
    expect(status).toBe(200)
    expect(body.items.map((item: { status: number }) => item.status)).toEqual([
      ...[202, 200, 422, 400, 400, 413, 400, 202],
    ])
    const [new0, known, mismatch, badType, noData, tooLarge, noEvent, new3] = body.items
    expect(new0).toEqual({ status: 202, eventId: expect.any(String), deduplicated: false })
    expect(known).toEqual({ status: 200, eventId: first.eventId, deduplicated: true })
    expect(mismatch.error).toMatchObject({ status: 422, type: 'urn:node-event-service:idempotency-mismatch' })
    expect(badType.error).toMatchObject({ status: 400, errors: [{ path: 'type' }] })
    expect(noData.error.detail).toBe('`data`: is required and must be an object')
    expect(tooLarge.error.detail).toMatch(/larger than the 20000 bytes/)
    expect(noEvent.error).toMatchObject({ title: 'Invalid input' })
    expect((await service.api.get(`/v1/events/${new3.eventId}`)).body.payload.data).toEqual({ n: 3 })
  })

  it('takes a thousand in one commit', async () => {
    // Nobody takes from the outbox here, so each event is as it was committed.
    const api = resources.use(await startTestService('redis', { ROLE: 'api' }))
    const { body } = await api.api.post('/v1/events/batch', { events: events(1000) })
    const ids = body.items.map(({ eventId }: { eventId: string }) => eventId)
    const rows = await api.database.query<{ id: string; n: string; commit: string }>(
      `select id, data->>'n' as n, xmin::text as commit from events order by id`,
    )
    expect(rows.map(({ id }) => id)).toEqual(ids)
    expect(rows.map(({ n }) => Number(n))).toEqual(events(1000).map(({ data }) => data.n))
    expect(new Set(rows.map(({ commit }) => commit)).size).toBe(1)
  })

  it('gives the same key twice to one event', async () => {
    const { body } = await post([1, 2, 1].map((n) => ({ ...event(n), eventId: `twice ${n}` })))
    const [one, two, again] = body.items
    expect(two).toMatchObject({ status: 202 })
    expect(again).toEqual({ status: 200, eventId: one.eventId, deduplicated: true })
  })

  it('keeps the data in the text of the producer', async () => {
    const data = '{ "b":1.0, "2": 12345678901234567890, "a" : "é\\u00e9" }'
    const { body } = await service.api.post(
      '/v1/events/batch',
      `{"events": [ {"type": "item.counted", "data": ${data}} ,{"data":{},"type":"item.counted"}]}`,
    )
    const [row] = await service.database.query('select data::text as data from events where id = $1', [
      body.items[0].eventId,
    ])
    expect(row).toEqual({ data })
  })

  it('refuses an event that is nested too deeply, and takes one at the limit', async () => {
    const nested = (levels: number) => JSON.parse(`${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`)
    const { body } = await post([
      { type: 'item.counted', data: nested(100) },
      { type: 'item.counted', data: nested(101) },
    ])
    expect(body.items.map((item: { status: number }) => item.status)).toEqual([202, 400])
    expect(body.items[1].error.errors).toMatchObject([{ path: 'data' }])
  })

  it.each([
    ['no events', [], 'events'],
    ['too many', Array(1001).fill({ type: 'item.counted', data: {} }), 'events'],
    ['something else than a list', {}, 'events'],
  ])('refuses %s as a whole', async (_what, given, path) => {
    expectProblem(await post(given), 400, path)
  })

  it('refuses a body of more than 10 MiB', async () => {
    const text = 'x'.repeat(15_000)
    const large = Array.from({ length: 750 }, (_, n) => ({ type: 'item.counted', data: { n, text } }))
    const { status, body } = await post(large)
    expect([status, body.detail]).toEqual([413, expect.stringContaining('10 MiB')])
  })

  it('asks for the scope to publish', async () => {
    const reader = createClient(service.url, 'key-of-a-reader')
    expectProblem(await reader.post('/v1/events/batch', { events: events(1) }), 403)
  })
})

it.each(layouts)('each event arrives once, queue on %s', async (layout) => {
  const other = resources.use(await startTestService(layout))
  const receiver = resources.use(await startReceiver())
  await other.api.post('/v1/subscriptions', { endpointUrl: receiver.url, eventTypes: ['item.*'] })
  const { body } = await other.api.post('/v1/events/batch', { events: events(300) })
  await expect.poll(() => receiver.requests.length, { timeout: 20_000 }).toBe(300)
  const received = receiver.requests.map(({ headers }) => headers['webhook-id'])
  expect(received.toSorted()).toEqual(
    body.items.map(({ eventId }: { eventId: string }) => eventId).toSorted(),
  )
})
