/** Processes with wrong clocks on a database with the true one, which is this process's too. */
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { timeOfUuidV7 } from '../../src/platform/uuid.js'
import { TEST_KEY } from '../support/client.js'
import { createTestDatabase } from '../support/database.js'
import { clockOff, provideFaketime, settableClock } from '../support/faketime.js'
import { ask } from '../support/graphql.js'
import { type ServiceProcess, startProcess, temporaryDirectory } from '../support/process.js'
import { type ReceivedRequest, type Receiver, startReceiver } from '../support/receiver.js'
import { startRedis } from '../support/redis.js'
import type { Settings } from '../support/service.js'

const SECOND_MS = 1000
// Each test starts processes, and waits for a clock that is looked at every second, and a database every ten.
vi.setConfig({ testTimeout: 120 * SECOND_MS })
const DAY_MS = 24 * 3600 * SECOND_MS
/** For what a busy machine takes; the clocks here are wrong by much more. */
const SOON_MS = 40 * SECOND_MS

const library = provideFaketime() ?? ''
const type = 'user.created'
let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

const start = async (settings: Settings) =>
  resources.use(await startProcess({ settings, directory: resources.use(temporaryDirectory()).path }))

async function subscribe({ api }: ServiceProcess, { url }: Receiver) {
  const { status, body } = await api.post('/v1/subscriptions', { endpointUrl: url, eventTypes: [type] })
  expect(status).toBe(201)
  return body
}

async function publish({ api }: ServiceProcess, more: object = {}): Promise<string> {
  const { status, body } = await api.post('/v1/events', { type, data: {}, ...more })
  expect(status).toBe(202)
  expectNow(timeOfUuidV7(body.eventId))
  return body.eventId
}

/** The event, once its delivery has that status. */
async function eventOnce({ api }: ServiceProcess, id: string, status: string) {
  const read = async () => (await api.get(`/v1/events/${id}`)).body
  await expect.poll(async () => (await read()).deliveries[0]?.status, { timeout: 30_000 }).toBe(status)
  return read()
}

const logged = ({ output }: ServiceProcess, what: string) =>
  output.filter((line) => line.includes(`"msg":"${what}`)).map((line) => JSON.parse(line))

/** Whoever follows live counts from it what was missed. */
async function dateOfLive({ url }: ServiceProcess): Promise<string> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: {
      'x-api-key': TEST_KEY,
      ...{ accept: 'text/event-stream', 'content-type': 'application/json' },
    },
    body: JSON.stringify({ query: 'subscription { deliveryUpdated { id } }' }),
  })
  await response.body?.cancel()
  return response.headers.get('date') ?? ''
}

function expectNow(time: string | number | Date, afterMs = 0): void {
  const offMs = new Date(time).getTime() - Date.now() - afterMs
  expect(Math.abs(offMs), `${new Date(time).toISOString()} is off by ${offMs} ms`).toBeLessThan(SOON_MS)
}

const clockOf = async ({ api }: ServiceProcess) => (await api.get('/v1/health')).body.clock

describe.skipIf(library === '')('a process whose clock is wrong', () => {
  it.each([
    ['ahead', '+90s', 90 * SECOND_MS],
    ['behind', '-90s', -90 * SECOND_MS],
  ])('by being %s stores, signs, waits and answers by the true time', async (_, offset, offsetMs) => {
    const database = resources.use(await createTestDatabase())
    const inAMinute = () => new Date(Date.now() + 60 * SECOND_MS).toUTCString()
    const receiver = resources.use(
      await startReceiver((response) => response.writeHead(503, { 'retry-after': inAMinute() }).end(), 200),
    )
    const service = await start({ DATABASE_URL: database.url, ...clockOff(library, offset) })
    const { id: subscriptionId, createdAt, updatedAt } = await subscribe(service, receiver)
    expectNow(timeOfUuidV7(subscriptionId))
    expectNow(createdAt)
    expectNow(updatedAt)

    const event = await eventOnce(service, await publish(service), 'FAILED')
    for (const { createdAt, updatedAt } of [event, event.deliveries[0]]) {
      expectNow(createdAt)
      expectNow(updatedAt)
    }
    expectNow(event.deliveries[0].logs[0].createdAt)
    expectNow(event.deliveries[0].nextRunAt, 60 * SECOND_MS)
    const [{ headers, body }] = receiver.requests as [ReceivedRequest]
    expectNow(Number(headers['webhook-timestamp']) * SECOND_MS)
    expectNow(JSON.parse(body).createdAt)
    const [attempt] = logged(service, 'attempt 1')
    expect(attempt.sinceAcceptedMs).toBeGreaterThanOrEqual(0)
    expect(attempt.sinceAcceptedMs).toBeLessThan(SOON_MS)

    const changed = await service.api.patch(`/v1/subscriptions/${subscriptionId}`, { secret: 'another-one' })
    expectNow(changed.headers.get('date') ?? '')
    expectNow(await dateOfLive(service))
    expectNow(changed.body.updatedAt)
    const [row] = await database.query<{ until: Date }>(
      'select "previousSecretUntil" as until from subscriptions',
    )
    expectNow(row?.until as Date, DAY_MS)
    expect(await signaturesWhenSecretEnds(45)).toBe(2)
    expect(await signaturesWhenSecretEnds(-45)).toBe(1)

    async function signaturesWhenSecretEnds(inSeconds: number): Promise<number> {
      await database.query(
        `update subscriptions
         set "previousSecretUntil" = now() + $1 * interval '1 second',
             "formerSecrets" = jsonb_build_array(
               "formerSecrets" -> 0 || jsonb_build_object('validUntil', now() + $1 * interval '1 second')
             )`,
        [inSeconds],
      )
      const id = await publish(service)
      await eventOnce(service, id, 'SENT')
      const sent = receiver.requests.find(({ headers }) => headers['webhook-id'] === id)
      return String(sent?.headers['webhook-signature']).split(' ').length
    }

    const remove = 'mutation ($id: ID!) { deleteSubscription(id: $id) { deletedId } }'
    await ask(service, remove, { id: subscriptionId })
    const [gone] = await database.query<{ at: Date }>('select "deletedAt" as at from subscriptions')
    expectNow(gone?.at as Date)

    const { status, body: health } = await service.api.get('/v1/health')
    expect([status, health.status, health.clock.status]).toEqual([200, 'ok', 'off'])
    expect(Math.abs(health.clock.offsetMs - offsetMs)).toBeLessThan(SECOND_MS)
    const { body: metrics } = await service.api.get('/v1/metrics')
    const [, seconds] = /^node_event_service_clock_offset_seconds (.+)$/m.exec(metrics) ?? []
    expect(Math.round(Number(seconds))).toBe(offsetMs / SECOND_MS)
    expect(logged(service, 'clock:')).toMatchObject([{ level: 40 }])
  })

  it('that is set while it runs keeps the order of events and their time, and says so once', async () => {
    const database = resources.use(await createTestDatabase())
    const clock = settableClock(library, resources.use(temporaryDirectory()).path)
    const service = await start({ DATABASE_URL: database.url, ...clock.settings })
    expect(await clockOf(service)).toMatchObject({ status: 'ok' })
    const ids = [await publish(service)]
    const publishUntil = (status: 'ok' | 'off') =>
      expect
        .poll(
          async () => {
            ids.push(await publish(service))
            expectNow((await service.api.get(`/v1/events/${ids.at(-1)}`)).body.createdAt)
            return (await clockOf(service)).status
          },
          { timeout: 30_000 },
        )
        .toBe(status)

    clock.set('-1h')
    await publishUntil('off')
    clock.set('+1h')
    await expect.poll(async () => (await clockOf(service)).offsetMs, { timeout: 30_000 }).toBeGreaterThan(0)
    ids.push(await publish(service))
    clock.set('+0')
    await publishUntil('ok')
    expect(ids.toSorted()).toEqual(ids)
    expect(logged(service, 'clock:').map(({ level }) => level)).toEqual([40, 30])
  })
})

describe.skipIf(library === '')('two processes, a minute ahead and a minute behind', () => {
  it('show one order, one event for a key, and what happened when', async () => {
    const database = resources.use(await createTestDatabase())
    const redis = resources.use(await startRedis())
    // Every event fails once, so that each is leased, and due, twice.
    const seen = new Set<string>()
    const timestampsOffMs: number[] = []
    const receiver = resources.use(
      await startReceiver((response, { headers }) => {
        const id = String(headers['webhook-id'])
        timestampsOffMs.push(Number(headers['webhook-timestamp']) * SECOND_MS - Date.now())
        response.writeHead(seen.has(id) ? 200 : 500).end()
        seen.add(id)
      }),
    )
    const settings = {
      ...{ DATABASE_URL: database.url, REDIS_URL: redis.url },
      DELIVERY_BACKOFF_BASE_SECONDS: '0.5',
    }
    const [ahead, behind] = await Promise.all([
      start({ ...settings, ...clockOff(library, '+60s') }),
      start({ ...settings, ...clockOff(library, '-60s') }),
    ])
    await subscribe(ahead, receiver)

    const startedAt = new Date(Date.now() - SECOND_MS)
    const ids: string[] = []
    for (let n = 0; n < 10; n += 1) {
      for (const service of [ahead, behind]) {
        ids.push(await publish(service, { eventId: `key ${ids.length}` }))
        // Clocks are compared to a few milliseconds only.
        await pause(20)
      }
    }
    const again = await Promise.all(
      [ahead, behind].map(({ api }) => api.post('/v1/events', { type, data: {}, eventId: 'key 7' })),
    )
    for (const { status, body } of again) expect([status, body.eventId]).toEqual([200, ids[7]])

    for (const id of ids) await eventOnce(behind, id, 'SENT')
    const endedAt = new Date(Date.now() + SECOND_MS)
    const attempts = receiver.requests.map(({ headers }) => String(headers['webhook-id'])).sort()
    expect(attempts).toEqual(ids.flatMap((id) => [id, id]).sort())
    expect(Math.max(...timestampsOffMs.map(Math.abs))).toBeLessThan(SOON_MS)

    const query = `query ($range: TimeRange) {
      events(first: 100, filter: { createdAt: $range }) { edges { node { id } } }
      deliveries(first: 100, filter: { createdAt: $range, updatedAt: $range }) { edges { node { event { id } } } }
    }`
    for (const service of [ahead, behind]) {
      const { events, deliveries } = await ask(service, query, { range: { from: startedAt, to: endedAt } })
      const newestFirst = ids.toReversed()
      expect(events.edges.map(({ node }: { node: { id: string } }) => node.id)).toEqual(newestFirst)
      expect(deliveries.edges.map(({ node }: { node: { event: { id: string } } }) => node.event.id)).toEqual(
        newestFirst,
      )
      const before = await ask(service, query, { range: { to: startedAt } })
      expect([before.events.edges, before.deliveries.edges]).toEqual([[], []])
    }
  })
})
