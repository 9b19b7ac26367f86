/** Filters of subscriptions, on each way from an event to its deliveries. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { startReceiver } from '../support/receiver.js'
import { layouts, startTestService, type TestService } from '../support/service.js'

let resources: Resources
let service: TestService

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

const publish = async (data: object, type = 'order.created') =>
  (await service.api.post('/v1/events', { type, data })).body.eventId as string

const statusOf = async (eventId: string) =>
  (await service.api.get(`/v1/events/${eventId}/summary`)).body.status as string

const settled = (eventId: string) => expect.poll(() => statusOf(eventId), { timeout: 10_000 })

describe.each(layouts)('%s', (layout) => {
  let received: () => string[]
  let subscribe: (path: string, fields: object) => Promise<{ status: number; body: Record<string, never> }>

  beforeEach(async () => {
    service = resources.use(await startTestService(layout))
    const receiver = resources.use(await startReceiver())
    received = () =>
      receiver.requests.map(({ path, body }) => `${path} ${JSON.parse(body).payload.data.amount}`).toSorted()
    subscribe = (path, fields) =>
      service.api.post('/v1/subscriptions', {
        endpointUrl: `${receiver.url}/${path}`,
        eventTypes: ['order.*'],
        ...fields,
      })
  })

  it('brings each subscription the events that it wants', async () => {
    await subscribe('all', {})
    await subscribe('large', { filter: 'data.amount >= 100.0' })
    await subscribe('created', { filter: 'type == "order.created" && data.amount < 100', eventTypes: ['*'] })
    for (const amount of [10, 100, 1000]) await publish({ amount })
    await publish({ amount: 1 }, 'order.changed')
    await expect
      .poll(received, { timeout: 10_000 })
      .toEqual([
        ...['/hook/all 1', '/hook/all 10', '/hook/all 100', '/hook/all 1000'],
        ...['/hook/created 10', '/hook/large 100', '/hook/large 1000'],
      ])
  })

  it('leaves an event unmatched that no filter lets through, and follows each change at once', async () => {
    const { body } = await subscribe('large', { filter: 'data.amount > 100' })
    await settled(await publish({ amount: 1 })).toBe('UNMATCHED')
    const change = (filter: string | null) => service.api.patch(`/v1/subscriptions/${body.id}`, { filter })
    expect((await change('data.amount > 0')).body.filter).toBe('data.amount > 0')
    await settled(await publish({ amount: 2 })).toBe('DELIVERED')
    await change('data.amount > 5')
    await settled(await publish({ amount: 3 })).toBe('UNMATCHED')
    await change(null)
    await settled(await publish({ amount: 4 })).toBe('DELIVERED')
    expect(received()).toEqual(['/hook/large 2', '/hook/large 4'])
  })

  it('dispatches from the outbox by the same rule', async () => {
    // With a rate limit, the fast path does not take the events where the queue is shared.
    for (const [path, filter] of [
      ['even', 'int(data.amount) % 2 == 0'],
      ['odd', 'int(data.amount) % 2 == 1'],
    ] as const)
      await subscribe(path, { filter, maxRequestsPerSecond: 10_000 })
    // More subscriptions than one statement serves directly.
    const never = (index: number) => subscribe(`never-${index}`, { filter: 'data.amount < 0' })
    await Promise.all(Array.from({ length: 130 }, (_, index) => never(index)))
    const events = await Promise.all(Array.from({ length: 120 }, (_, amount) => publish({ amount })))
    for (const eventId of events) await settled(eventId).toBe('DELIVERED')
    const expected = Array.from({ length: 120 }, (_, n) => `/hook/${n % 2 === 0 ? 'even' : 'odd'} ${n}`)
    expect(received()).toEqual(expected.toSorted())
  })

  it('counts the errors of a filter, which are no match, until it is another', async () => {
    const { body } = await subscribe('large', { filter: 'data.total > 100' })
    expect(body.filterErrors).toBeNull()
    const find = async () => (await service.api.get(`/v1/subscriptions/${body.id}`)).body
    await settled(await publish({ amount: 1 })).toBe('UNMATCHED')
    await settled(await publish({ amount: 2 })).toBe('UNMATCHED')
    await expect
      .poll(async () => (await find()).filterErrors, { timeout: 10_000 })
      .toEqual({
        count: 2,
        lastError: expect.stringMatching('field not found: total'),
        lastAt: expect.any(String),
      })
    await service.api.patch(`/v1/subscriptions/${body.id}`, { filter: 'has(data.total)' })
    expect((await find()).filterErrors).toBeNull()
    // Either process may have matched an event.
    const processes = layout.endsWith('apart') ? [service.api, service.worker] : [service.api]
    const metrics = processes.map(({ get }) => get<string>('/v1/metrics'))
    const counts = (await Promise.all(metrics)).map(({ body: text }) =>
      Number(/^node_event_service_filter_errors_total (\d+)$/m.exec(text)?.[1]),
    )
    expect(counts.reduce((sum, count) => sum + count)).toBe(2)
  })
})

describe('a filter that is refused', () => {
  it.each([
    ['that is no expression', 'data.amount >', /at character/],
    [
      'of a field that events lack',
      'amount > 1',
      /"amount" is not known: there are type, tenant, data, metadata, createdAt/,
    ],
    ['that is too long', 'x'.repeat(4097), /at most 4096 characters/],
  ])('%s', async (_what, filter, message) => {
    service = resources.use(await startTestService('postgres'))
    const fields = { endpointUrl: 'http://127.0.0.1:1', eventTypes: ['a'], filter }
    const { status, body } = await service.api.post('/v1/subscriptions', fields)
    expect(status).toBe(400)
    expect(body.errors).toEqual([{ path: 'filter', message: expect.stringMatching(message) }])
  })
})

describe('a preview', () => {
  beforeEach(async () => {
    service = resources.use(await startTestService('postgres'))
  })

  const preview = (body: object) => service.api.post('/v1/filters/preview', body)
  const event = { type: 'order.created', data: { amount: 10, items: [] } }

  it('says whether a given event matches, and which conditions do not hold', async () => {
    expect((await preview({ filter: 'data.amount == 10', event })).body).toEqual({
      ...{ matches: true, error: null, unmet: [] },
    })
    const filter = 'type == "order.created" && data.amount > 10 && data.items.exists(i, i > 1)'
    expect((await preview({ filter, event })).body).toEqual({
      ...{ matches: false, error: null },
      unmet: ['data.amount > 10', 'data.items.exists(i, i > 1)'],
    })
  })

  it('reads a stored event', async () => {
    const eventId = await publish({ amount: 7 })
    expect(
      (
        await preview({
          filter: 'data.amount == 7 && createdAt < timestamp("2100-01-01T00:00:00Z")',
          eventId,
        })
      ).body,
    ).toEqual({ matches: true, error: null, unmet: [] })
  })

  it('says what is wrong with the filter, and what kept it from an answer', async () => {
    expect((await preview({ filter: 'data.amount =', event })).body.error).toMatch(/at character 13/)
    expect((await preview({ filter: 'data.total > 1', event })).body.error).toMatch(/field not found: total/)
  })

  it('needs exactly one event, and one that exists', async () => {
    const nobody = '00000000-0000-7000-8000-000000000000'
    expect((await preview({ filter: 'true' })).status).toBe(400)
    expect((await preview({ filter: 'true', event, eventId: nobody })).status).toBe(400)
    expect((await preview({ filter: 'true', eventId: nobody })).status).toBe(404)
    expect((await preview({ filter: 'true', event: { type: 'a b', data: {} } })).status).toBe(400)
  })
})
