/** Events with a time of their own: delivered no earlier than `deliverAt` and not after `expiresAt`, or cancelled. */
import { execFile } from 'node:child_process'
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { removeFinished } from '../../src/retention/remove.js'
import { TEST_KEY } from '../support/client.js'
import { openDatabase } from '../support/database.js'
import { eventIn, subscribe } from '../support/delivering.js'
import { ask } from '../support/graphql.js'
import { startReceiver } from '../support/receiver.js'
import { layouts, type Settings, startOn, startTestService, type TestService } from '../support/service.js'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const UNKNOWN = '019c1554-7a68-7c3e-9d0a-5b7f2e1c4d6f'

let resources: Resources
beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

const start = async (settings: Settings = {}, layout: (typeof layouts)[number] = 'postgres') =>
  resources.use(await startTestService(layout, settings))

const inMs = (ms: number) => new Date(Date.now() + ms).toISOString()

const schedule = ({ api }: TestService, more: object) =>
  api.post('/v1/events', { type: 'user.created', data: {}, ...more })

const cancel = ({ api }: TestService, id: string) => api.post(`/v1/events/${id}/cancel`)

/** Brings a time of an event nearer, so that nothing depends on how long the steps before take. @returns that time */
async function setTime({ database }: TestService, name: 'deliverAt' | 'expiresAt', id: string, ms: number) {
  const table = name === 'deliverAt' ? 'scheduledEvents' : 'expiringEvents'
  const [row] = await database.query<{ at: Date }>(
    `with event as (
       update events set "${name}" = now() + $2 * interval '1 millisecond' where id = $1 returning id, "${name}" as at
     )
     update "${table}" set "${name}" = event.at from event where "eventId" = event.id returning event.at`,
    [id, ms],
  )
  return (row as { at: Date }).at
}

const deliveryOf = async ({ api }: TestService, eventId: string) =>
  (await api.get(`/v1/deliveries?eventId=${eventId}`)).body.items[0]

const statusOf = (service: TestService, eventId: string) =>
  expect.poll(async () => (await deliveryOf(service, eventId))?.status, { timeout: 10_000, interval: 20 })

describe('deliverAt', () => {
  it.each(layouts)('is when an event is delivered, a second late at most, queue on %s', async (layout) => {
    const service = await start({}, layout)
    const receiver = resources.use(await startReceiver())
    const deliverAt = inMs(HOUR_MS)
    const { status, body } = await schedule(service, { deliverAt })
    expect([status, body]).toEqual([202, { eventId: body.eventId, status: 'SCHEDULED', deduplicated: false }])
    const { api } = service
    expect((await api.get(`/v1/events/${body.eventId}`)).body).toMatchObject({ deliverAt, expiresAt: null })
    expect((await api.get(`/v1/events/${body.eventId}/summary`)).body).toMatchObject({
      ...{ status: 'SCHEDULED', deliverAt, nextRunAt: deliverAt },
      deliveries: { PENDING: 0, SENT: 0, FAILED: 0, DEAD: 0 },
    })
    // Who subscribes before its time gets it.
    await subscribe(service, receiver.url)
    const dueAt = await setTime(service, 'deliverAt', body.eventId, 700)
    const event = await eventIn('DELIVERED', service, body.eventId)
    const lateMs = new Date(event.deliveries[0].createdAt).getTime() - dueAt.getTime()
    expect(lateMs).toBeGreaterThanOrEqual(0)
    expect(lateMs).toBeLessThan(1000)
    expect(receiver.requests).toHaveLength(1)
  })

  it('waits in PostgreSQL alone, and outlives the process', async () => {
    const service = await start({ ROLE: 'api' }, 'redis')
    const receiver = resources.use(await startReceiver())
    await subscribe(service, receiver.url)
    const { body } = await schedule(service, { deliverAt: inMs(HOUR_MS) })
    await setTime(service, 'deliverAt', body.eventId, 0)
    // Nothing happens, for longer than a worker would need.
    await pause(600)
    expect(await service.database.query('select * from outbox')).toEqual([])
    expect((await service.api.get(`/v1/events/${body.eventId}`)).body.status).toBe('SCHEDULED')
    resources.use(await startOn(service.database, service.redis, { ROLE: 'worker' }))
    await eventIn('DELIVERED', service, body.eventId)
  })

  it.each([
    ['over', -HOUR_MS],
    ['now', 0],
  ])('that is %s means at once', async (_, ms) => {
    const service = await start()
    const deliverAt = inMs(ms)
    const { status, body } = await schedule(service, { deliverAt })
    expect([status, body.status]).toEqual([202, 'PENDING'])
    const event = await eventIn('UNMATCHED', service, body.eventId)
    expect(event.deliverAt).toBe(deliverAt)
  })

  it.each([
    ['too far ahead', { deliverAt: inMs(367 * DAY_MS) }, 'deliverAt', 'must be at most 366 days ahead'],
    [
      'no time',
      { deliverAt: 'tomorrow' },
      'deliverAt',
      'must be an ISO 8601 time with its zone, in the years 0001 to 9999, such as 2026-01-31T18:20:43.400Z',
    ],
    ['expired before', { expiresAt: inMs(-1000) }, 'expiresAt', 'must be in the future'],
    [
      'expired before it is due',
      { deliverAt: inMs(2 * HOUR_MS), expiresAt: inMs(HOUR_MS) },
      'expiresAt',
      'must be after deliverAt',
    ],
  ] as const)('is refused when it is %s, also in a batch and by GraphQL', async (_, times, path, message) => {
    const service = await start()
    const { status, body } = await schedule(service, times)
    expect([status, body.errors]).toEqual([400, [{ path, message }]])
    const events = [
      { type: 'a', data: {}, ...times },
      { type: 'a', data: {}, deliverAt: inMs(HOUR_MS) },
    ]
    const batch = await service.api.post('/v1/events/batch', { events })
    expect(batch.body.items.map((item: { status: number }) => item.status)).toEqual([400, 202])
    const values = Object.entries(times).map(([name, value]) => `${name}: "${value}"`)
    const { api } = service
    const asked = await api.post('/graphql', {
      query: `mutation { publishEvent(input: { type: "a", data: {}, ${values} }) { errors { code path } } }`,
    })
    expect(JSON.stringify(asked.body)).toContain('BAD_USER_INPUT')
    expect((await api.get('/v1/metrics')).body).toMatch(/events_ingested_total\{result="rejected"\} 2\n/)
    expect((await api.get('/v1/stats')).body.eventsTotal).toBe(1)
  })

  it('is part of the content that an idempotency key stands for', async () => {
    const service = await start()
    const [deliverAt, expiresAt] = [inMs(HOUR_MS), inMs(2 * HOUR_MS)]
    const first = await schedule(service, { eventId: 'key', deliverAt, expiresAt })
    const again = await schedule(service, { eventId: 'key', deliverAt, expiresAt })
    expect([again.status, again.body]).toEqual([200, { ...first.body, deduplicated: true }])
    for (const times of [{}, { deliverAt }, { deliverAt: inMs(3000), expiresAt }])
      expect((await schedule(service, { eventId: 'key', ...times })).status).toBe(422)
  })

  it('is counted as the start of the latency, and not as an age in the outbox', async () => {
    const service = await start()
    const receiver = resources.use(await startReceiver())
    await subscribe(service, receiver.url)
    const later = await schedule(service, { deliverAt: inMs(HOUR_MS) })
    const { body } = await schedule(service, { deliverAt: inMs(HOUR_MS) })
    await pause(3000)
    await setTime(service, 'deliverAt', body.eventId, 0)
    await eventIn('DELIVERED', service, body.eventId)
    const metrics = (await service.worker.get('/v1/metrics')).body
    const [, seconds] = /delivery_latency_seconds_sum ([\d.]+)/.exec(metrics) ?? []
    expect(Number(seconds)).toBeLessThan(3)
    expect(metrics).toMatch(/events_scheduled 1\n/)
    expect(metrics).toMatch(/outbox_oldest_age_seconds 0\n/)
    expect((await cancel(service, later.body.eventId)).status).toBe(200)
  })

  it('keeps an event from retention', async () => {
    const service = await start()
    const { body } = await schedule(service, { deliverAt: inMs(DAY_MS) })
    const cancelled = await schedule(service, { deliverAt: inMs(DAY_MS) })
    await cancel(service, cancelled.body.eventId)
    // As the clock of the database will say in a moment.
    await pause(10)
    const database = resources.use(openDatabase(service.database))
    const removed = await removeFinished(database, { days: 1e-9, after: undefined, limit: 10 })
    expect(removed?.events).toBe(1)
    expect((await service.api.get(`/v1/events/${body.eventId}`)).body.status).toBe('SCHEDULED')
  })
})

describe('a cancellation', () => {
  it('keeps an event from being delivered, and is answered again as done', async () => {
    const service = await start()
    const receiver = resources.use(await startReceiver())
    await subscribe(service, receiver.url)
    const { body } = await schedule(service, { deliverAt: inMs(HOUR_MS), expiresAt: inMs(2 * HOUR_MS) })
    for (const id of [body.eventId, body.eventId.toUpperCase()]) {
      const answer = await cancel(service, id)
      expect([answer.status, answer.body]).toEqual([200, { id: body.eventId, status: 'CANCELLED' }])
    }
    const next = await schedule(service, { deliverAt: inMs(1) })
    await eventIn('DELIVERED', service, next.body.eventId)
    expect(receiver.requests).toHaveLength(1)
    expect((await service.api.get(`/v1/events/${body.eventId}`)).body.status).toBe('CANCELLED')
    expect(await service.database.query('select * from "expiringEvents"')).toEqual([])
    expect(await statusesOf(service, 'CANCELLED')).toEqual([body.eventId])
    expect(await statusesOf(service, 'SCHEDULED')).toEqual([])
  })

  const statusesOf = async (service: TestService, status: string) => {
    const query = `{ events(filter: { status: [${status}] }) { edges { node { id } } } }`
    const { events } = await ask(service, query)
    return events.edges.map(({ node }: { node: { id: string } }) => node.id)
  }

  it('of an event whose time has come is refused, and of none is not found', async () => {
    const service = await start()
    const { body } = await schedule(service, {})
    await eventIn('UNMATCHED', service, body.eventId)
    const { status, body: problem } = await cancel(service, body.eventId)
    expect([status, problem.detail]).toEqual([
      409,
      'The event is UNMATCHED. Only one that is SCHEDULED can be cancelled; after that, its deliveries can.',
    ])
    for (const id of [UNKNOWN, 'no-id']) expect((await cancel(service, id)).status).toBe(404)
    const mutation = `mutation ($id: ID!) { cancelEvent(id: $id) { event { id } errors { code message } } }`
    expect(await ask(service, mutation, { id: body.eventId })).toEqual({
      cancelEvent: { event: null, errors: [{ code: 'CONFLICT', message: problem.detail }] },
    })
  })

  it('and the dispatcher never both have an event', async () => {
    const service = await start()
    const receiver = resources.use(await startReceiver())
    await subscribe(service, receiver.url)
    const dueAt = inMs(600)
    const events = Array.from({ length: 40 }, () => ({ type: 'user.created', data: {}, deliverAt: dueAt }))
    const { body } = await service.api.post('/v1/events/batch', { events })
    const ids: string[] = body.items.map(({ eventId }: { eventId: string }) => eventId)
    await pause(new Date(dueAt).getTime() - Date.now() - 20)
    const answers = await Promise.all(
      ids.map(async (id, index) => {
        await pause(index * 2)
        return (await cancel(service, id)).status
      }),
    )
    for (const [index, id] of ids.entries())
      await eventIn(answers[index] === 200 ? 'CANCELLED' : 'DELIVERED', service, id)
    const sent = receiver.requests.map(({ headers }) => headers['webhook-id'])
    expect(sent.toSorted()).toEqual(ids.filter((_, index) => answers[index] === 409).toSorted())
  })
})

describe('expiresAt', () => {
  it('ends a delivery that waits for its next attempt', async () => {
    const service = await start({ DELIVERY_BACKOFF_BASE_SECONDS: '3600' })
    const receiver = resources.use(await startReceiver(500))
    await subscribe(service, receiver.url)
    const { body } = await schedule(service, { expiresAt: inMs(HOUR_MS) })
    await statusOf(service, body.eventId).toBe('FAILED')
    await setTime(service, 'expiresAt', body.eventId, 0)
    const event = await eventIn('DEAD', service, body.eventId)
    expect(event.deliveries[0]).toMatchObject({
      status: 'DEAD',
      lastError: 'expired',
      nextRunAt: null,
      attempts: 1,
    })
    expect(receiver.requests).toHaveLength(1)
    expect((await service.api.get('/v1/stats')).body).toMatchObject({
      deliveriesFailed: 0,
      deliveriesDead: 1,
    })
    const metrics = (await service.worker.get('/v1/metrics')).body
    expect(metrics).toMatch(/deliveries_expired_total 1\n/)
    expect(metrics).toMatch(/deliveries_dead_total 1\n/)
    await expect.poll(() => service.database.query('select * from "expiringEvents"')).toEqual([])
  })

  it('ends deliveries of a disabled subscription and of a limited one, without an attempt', async () => {
    const service = await start()
    const { api } = service
    const hanging = resources.use(await startReceiver(() => {}))
    const limited = ['limited', 'disabled'].map((name) => `${hanging.url}/${name}`)
    const ids = await Promise.all(limited.map((url) => subscribe(service, url)))
    for (const id of ids) await api.patch(`/v1/subscriptions/${id}`, { maxInFlight: 1 })
    await schedule(service, {})
    await expect.poll(() => hanging.requests.length, { timeout: 10_000 }).toBe(2)
    const { body } = await schedule(service, { expiresAt: inMs(HOUR_MS) })
    const event = async () => (await api.get(`/v1/events/${body.eventId}`)).body
    await expect.poll(async () => (await event()).deliveries.length, { timeout: 10_000 }).toBe(2)
    await api.patch(`/v1/subscriptions/${ids[1]}`, { isEnabled: false })
    await setTime(service, 'expiresAt', body.eventId, 0)
    const { deliveries } = await eventIn('DEAD', service, body.eventId)
    for (const delivery of deliveries) expect(delivery).toMatchObject({ lastError: 'expired', attempts: 0 })
    expect(hanging.requests).toHaveLength(2)
  })

  it('is heeded by a worker that has a lease of the delivery', async () => {
    // The sweep comes too late.
    const service = await start({ OUTBOX_DISPATCH_INTERVAL_MS: '60000' })
    const receiver = resources.use(await startReceiver(500, 200))
    await subscribe(service, receiver.url)
    const { body } = await schedule(service, { expiresAt: inMs(HOUR_MS) })
    await statusOf(service, body.eventId).toBe('SENT')
    expect(receiver.requests).toHaveLength(2)
    receiver.answerWith(500)
    const second = await schedule(service, { expiresAt: inMs(HOUR_MS) })
    await statusOf(service, second.body.eventId).toBe('FAILED')
    await service.database.query('update events set "expiresAt" = now() where id = $1', [second.body.eventId])
    const { deliveries } = await eventIn('DEAD', service, second.body.eventId)
    expect(deliveries[0].lastError).toBe('expired')
  })

  it('lets nobody retry what has expired', async () => {
    const service = await start({ DELIVERY_MAX_ATTEMPTS: '1' })
    const receiver = resources.use(await startReceiver(500))
    await subscribe(service, receiver.url)
    const { body } = await schedule(service, { expiresAt: inMs(HOUR_MS) })
    await eventIn('DEAD', service, body.eventId)
    const { id, subscriptionId } = await deliveryOf(service, body.eventId)
    // Before that time it is a retry as any other.
    expect((await service.api.post(`/v1/deliveries/${id}/retry`)).status).toBe(202)
    await expect.poll(() => receiver.requests.length).toBe(2)
    await setTime(service, 'expiresAt', body.eventId, 0)
    const { database } = service
    await expect.poll(() => database.query('select * from "expiringEvents"'), { timeout: 5000 }).toEqual([])
    const refused = await service.api.post(`/v1/deliveries/${id}/retry`)
    expect([refused.status, refused.body.detail]).toEqual([
      409,
      'The event has expired, so the delivery is not sent any more. Publish it again.',
    ])
    const all = await service.api.post(`/v1/deliveries/events/${body.eventId}/retry`)
    expect([all.status, all.body]).toEqual([
      202,
      {
        ...{ retried: 0, isTruncated: false },
        deliveries: [{ deliveryId: id, subscriptionId, isRetried: false, reason: 'EXPIRED' }],
      },
    ])
  })

  it('is what a CloudEvent calls expirytime', async () => {
    const service = await start()
    const expirytime = inMs(HOUR_MS)
    const cloudEvent = { specversion: '1.0', id: '1', source: '/shop', type: 'a', data: {} }
    const post = (time: string) =>
      service.api.post(
        '/v1/events',
        { ...cloudEvent, expirytime: time },
        {
          'content-type': 'application/cloudevents+json',
        },
      )
    const { body } = await post(expirytime)
    const event = await service.api.get(`/v1/events/${body.eventId}`)
    expect(event.body).toMatchObject({ expiresAt: expirytime, payload: { metadata: { expirytime } } })
    const refused = await post('soon')
    expect([refused.status, refused.body.errors[0].path]).toEqual([400, 'expirytime'])
  })
})

it('is shown by the program of the docs: a reminder that is cancelled in time', async () => {
  const service = await start()
  const run = (...args: string[]) =>
    new Promise<string>((resolve) =>
      execFile(
        process.execPath,
        ['docs/examples/schedule-reminder.mjs', service.url, TEST_KEY, ...args],
        (_, stdout, stderr) => resolve(stdout + stderr),
      ),
    )
  const [, eventId] = /^SCHEDULED for .+: (\S+)\n$/.exec(await run('remind', 'invoice-7', '3')) ?? []
  expect((await service.api.get(`/v1/events/${eventId}`)).body).toMatchObject({
    ...{ status: 'SCHEDULED', payload: { data: { invoice: 'invoice-7' } } },
  })
  expect(await run('cancel', eventId as string)).toBe(`CANCELLED: ${eventId}\n`)
  expect(await run('cancel', UNKNOWN)).toContain('There is no event with the id')
})
