/** Erasure: payloads go, for good and everywhere, and history stays. */
import { execFile } from 'node:child_process'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { TEST_KEY } from '../support/client.js'
import { eventIn, subscribe } from '../support/delivering.js'
import { ask, untilLive, watchOverSse } from '../support/graphql.js'
import { type Answer, startReceiver } from '../support/receiver.js'
import { SECRET, tablesWithSecret } from '../support/secret-rows.js'
import { layouts, type Settings, startTestService, type TestService } from '../support/service.js'

const UNKNOWN = '019c1554-7a68-7c3e-9d0a-5b7f2e1c4d6f'
/** Its data, its metadata, and by its metadata a header of CloudEvents and the answer below have the secret. */
const event = { type: 'user.created', data: { name: SECRET }, metadata: { note: SECRET }, eventId: 'a key' }
const tellSecret: Answer = (response) => response.writeHead(500, { 'x-about': SECRET }).end(SECRET)

let resources: Resources
beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

const start = async (settings: Settings = {}, layout: (typeof layouts)[number] = 'postgres') =>
  resources.use(await startTestService(layout, settings))
const publish = async ({ api }: TestService, more: object = {}): Promise<string> =>
  (await api.post('/v1/events', { ...event, ...more })).body.eventId
const erase = ({ api }: TestService, id: string) => api.post(`/v1/events/${id}/erase`)

/** A service with an event that is DEAD after one attempt, by an endpoint whose answer tells the secret, too. */
async function startWithDead(layout: (typeof layouts)[number] = 'postgres') {
  const service = await start({ DELIVERY_MAX_ATTEMPTS: '1' }, layout)
  const receiver = resources.use(await startReceiver(tellSecret))
  const subscriptionId = await subscribe(service, receiver.url)
  const format = { format: 'CLOUDEVENTS_BINARY' }
  expect((await service.api.patch(`/v1/subscriptions/${subscriptionId}`, format)).status).toBe(200)
  const id = await publish(service)
  const { deliveries } = await eventIn('DEAD', service, id)
  return { service, receiver, id, deliveryId: deliveries[0].id as string }
}

describe('an erased event', () => {
  it.each(layouts)('has no payload anywhere, and all of its history, queue on %s', async (layout) => {
    const { service, id, deliveryId } = await startWithDead(layout)
    const { api } = service
    expect((await tablesWithSecret(service)).toSorted()).toEqual(['"deliveryLogs"', 'events'])
    const before = (await api.get(`/v1/events/${id}`)).body
    expect(before).toMatchObject({ erasedAt: null, payload: { data: { name: SECRET } } })

    const { status, body } = await erase(service, id)
    expect([status, body]).toEqual([200, { id, erasedAt: expect.any(String) }])
    expect(await tablesWithSecret(service)).toEqual([])
    const after = (await api.get(`/v1/events/${id}`)).body
    expect(after).toEqual({ ...before, payload: { data: {}, metadata: null }, erasedAt: body.erasedAt })
    expect((await api.get(`/v1/events/${id}/summary`)).body.erasedAt).toBe(body.erasedAt)
    expect((await api.get(`/v1/deliveries/${deliveryId}/logs/1`)).body).toMatchObject({
      ...{ attempt: 1, status: 'DEAD', statusCode: 500, request: null, response: null },
    })
    const logs = 'logs { statusCode request { body } response { body } }'
    const shown = `{ event(id: "${id}") { erasedAt payload { json } deliveries { edges { node { ${logs} } } } } }`
    expect(await ask(service, shown)).toEqual({
      event: {
        ...{ erasedAt: body.erasedAt, payload: { json: '{"data":{},"metadata":null}' } },
        deliveries: { edges: [{ node: { logs: [{ statusCode: 500, request: null, response: null }] } }] },
      },
    })
  })

  it('still answers for its idempotency key', async () => {
    const { service, receiver, id } = await startWithDead()
    await erase(service, id)
    const again = await service.api.post('/v1/events', event)
    expect([again.status, again.body]).toEqual([200, { eventId: id, status: 'DEAD', deduplicated: true }])
    const other = await service.api.post('/v1/events', { ...event, data: {}, metadata: null })
    expect(other.status).toBe(422)
    expect(receiver.requests).toHaveLength(1)
  })

  it('is erased once: the time stays', async () => {
    const { service, id } = await startWithDead()
    const first = await erase(service, id)
    const again = await erase(service, id.toUpperCase())
    expect([again.status, again.body]).toEqual([200, first.body])
    const mutation = `mutation { eraseEvent(id: "${id}") { event { id erasedAt } errors { code } } }`
    expect(await ask(service, mutation)).toEqual({ eraseEvent: { event: first.body, errors: [] } })
  })

  it('is not retried, and no filter is tried with it', async () => {
    const { service, receiver, id, deliveryId } = await startWithDead()
    const { api } = service
    await erase(service, id)
    const one = await api.post(`/v1/deliveries/${deliveryId}/retry`)
    expect([one.status, one.body.detail]).toEqual([
      409,
      'The payload of the event was erased, so there is nothing left to send. Publish it again.',
    ])
    const all = await api.post(`/v1/deliveries/events/${id}/retry`)
    expect(all.body).toMatchObject({ retried: 0, deliveries: [{ isRetried: false, reason: 'ERASED' }] })
    const preview = await api.post('/v1/filters/preview', { filter: 'true', eventId: id })
    expect(preview.status).toBe(409)
    expect(receiver.requests).toHaveLength(1)
  })
})

describe('an event that is not finished', () => {
  it('is refused while it has open deliveries, and keeps all', async () => {
    const service = await start({ DELIVERY_BACKOFF_BASE_SECONDS: '60' })
    const receiver = resources.use(await startReceiver(500))
    await subscribe(service, receiver.url)
    const id = await publish(service)
    const { api } = service
    const delivery = async () => (await api.get(`/v1/events/${id}`)).body.deliveries[0]
    await expect.poll(async () => (await delivery())?.status, { timeout: 10_000 }).toBe('FAILED')
    const { status, body } = await erase(service, id)
    expect([status, body.detail]).toEqual([
      409,
      'The event is PROCESSING. Its payload is erased only when nothing is left to send: wait until its deliveries ' +
        'have ended, or cancel them, and try again.',
    ])
    expect((await api.get(`/v1/events/${id}`)).body).toMatchObject({
      ...{ erasedAt: null, payload: { data: event.data, metadata: event.metadata } },
    })
    await ask(service, `mutation { cancelDelivery(id: "${(await delivery()).id}") { errors { code } } }`)
    expect((await erase(service, id)).status).toBe(200)
  })

  it('is refused before its time, and erased once it is cancelled', async () => {
    const service = await start()
    const id = await publish(service, { deliverAt: new Date(Date.now() + 3_600_000).toISOString() })
    const { status, body } = await erase(service, id)
    expect([status, body.detail]).toEqual([409, expect.stringContaining('cancel the event first')])
    await service.api.post(`/v1/events/${id}/cancel`)
    expect((await erase(service, id)).status).toBe(200)
    expect(await tablesWithSecret(service)).toEqual([])
  })

  it('that does not exist is not found', async () => {
    const service = await start()
    for (const id of [UNKNOWN, 'no-id']) expect((await erase(service, id)).status).toBe(404)
  })
})

describe('beside a retry', () => {
  /** A transaction that holds the deliveries, so that what comes queues up behind it. */
  async function holdDeliveries({ database }: TestService) {
    const client = new pg.Client(database.url)
    await client.connect()
    resources.use({ [Symbol.asyncDispose]: () => client.end() })
    await client.query('begin')
    await client.query('select from deliveries for update')
    const waiting = `select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`
    return {
      untilWaiting: (count: number) =>
        expect.poll(() => database.query(waiting), { timeout: 10_000 }).toHaveLength(count),
      release: () => client.query('commit'),
    }
  }

  it('that comes later, the erasure counts, though the retry began before it ended', async () => {
    const { service, receiver, id, deliveryId } = await startWithDead()
    const holder = await holdDeliveries(service)
    const erasing = erase(service, id)
    await holder.untilWaiting(1)
    const retrying = service.api.post(`/v1/deliveries/${deliveryId}/retry`)
    await holder.untilWaiting(2)
    await holder.release()
    expect([(await erasing).status, (await retrying).status]).toEqual([200, 409])
    expect(receiver.requests).toHaveLength(1)
  })

  it('that came before, the erasure is refused', async () => {
    const { service, id, deliveryId } = await startWithDead()
    const holder = await holdDeliveries(service)
    const retrying = service.api.post(`/v1/deliveries/${deliveryId}/retry`)
    await holder.untilWaiting(1)
    const erasing = erase(service, id)
    await holder.untilWaiting(2)
    await holder.release()
    expect([(await retrying).status, (await erasing).status]).toEqual([202, 409])
  })
})

it('live updates show that an event was erased', async () => {
  const { service, id } = await startWithDead()
  const query = 'subscription { eventUpdated { id status erasedAt payload { json } } }'
  const watcher = resources.use(watchOverSse(service, query))
  await untilLive([watcher], () => publish(service, { eventId: null }))
  const { body } = await erase(service, id)
  const told = () => watcher.results.map(({ data }) => data?.eventUpdated).filter((one) => one?.id === id)
  await expect
    .poll(told, { timeout: 10_000 })
    .toEqual([
      { id, status: 'DEAD', erasedAt: body.erasedAt, payload: { json: '{"data":{},"metadata":null}' } },
    ])
})

it('is shown by the program of the docs', async () => {
  const { service, id } = await startWithDead()
  const run = (...args: string[]) =>
    new Promise<string>((resolve) =>
      execFile(
        process.execPath,
        ['docs/examples/erase-event.mjs', service.url, TEST_KEY, ...args],
        (_, stdout, stderr) => resolve(stdout + stderr),
      ),
    )
  expect(await run(id)).toMatch(/^erased at \d{4}-.+Z\n$/)
  expect(await tablesWithSecret(service)).toEqual([])
  expect(await run(UNKNOWN)).toBe(`not erased: There is no event with the id "${UNKNOWN}".\n`)
})
