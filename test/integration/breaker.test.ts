/** An endpoint that keeps failing is paused, probed with one delivery at a time, and recovers by itself. */
import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { BreakerBounds } from '../../src/model/breaker.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { eventIn, publish, subscribe } from '../support/delivering.js'
import { ask } from '../support/graphql.js'
import { type Answer, type Receiver, startReceiver } from '../support/receiver.js'
import { layouts, startTestService, type TestService } from '../support/service.js'

const bounds: BreakerBounds = {
  ...{ pauseAfterFailures: 3, pauseAfterMs: 100, probeWaitMs: 1000, maxProbeWaitMs: 2000 },
  ...{ fullPace: 4, pauseAgainAfterFailures: 2 },
}
const PATIENCE = { timeout: 15_000, interval: 20 }
const settings = { DELIVERY_BACKOFF_MAX_SECONDS: '0.1', DELIVERY_MAX_ATTEMPTS: '100' }

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

const healthOf = async ({ api }: TestService, id: string) =>
  (await api.get(`/v1/subscriptions/${id}`)).body.health
const stateBecomes = (state: string, service: TestService, id: string) =>
  expect.poll(async () => (await healthOf(service, id)).state, PATIENCE).toBe(state)
const waitingFor = async ({ api }: TestService, eventId: string): Promise<string | null> =>
  (await api.get(`/v1/deliveries?eventId=${eventId}`)).body.items[0].waitingFor

async function metric({ worker }: TestService, name: string): Promise<number> {
  const lines = (await worker.get<string>('/v1/metrics')).body.split('\n')
  return Number(
    lines
      .find((line) => line.startsWith(`node_event_service_${name} `))
      ?.split(' ')
      .at(-1),
  )
}

/** A service, and a subscription whose endpoint fails until it is paused. */
async function pauseOne(service: TestService): Promise<{ id: string; receiver: Receiver; failed: string }> {
  const receiver = resources.use(await startReceiver(500))
  const id = await subscribe(service, receiver.url)
  const failed = await publish(service)
  await stateBecomes('PAUSED', service, id)
  return { id, receiver, failed }
}

/** Answers each request after a moment, and keeps the most that were open at a time. */
function counting(status: () => number) {
  const seen = { open: 0, most: 0 }
  const answer: Answer = (response) => {
    seen.open += 1
    seen.most = Math.max(seen.most, seen.open)
    setTimeout(() => {
      seen.open -= 1
      response.writeHead(status()).end()
    }, 30)
  }
  return { seen, answer }
}

describe.each(layouts)('a failing endpoint, queue on %s', { timeout: 60_000 }, (layout) => {
  const start = async () => resources.use(await startTestService(layout, settings, bounds))

  it('is paused: only probes are sent, one at a time, and what waits says so', async () => {
    const service = await start()
    const { id, receiver, failed } = await pauseOne(service)
    const { seen, answer } = counting(() => 500)
    receiver.answerWith(answer)
    const sentBefore = receiver.requests.length
    const events = [failed]
    for (let count = 0; count < 10; count++) events.push(await publish(service))
    const reasons = await Promise.all(events.map((eventId) => waitingFor(service, eventId)))
    // One of them may be the probe, which does not wait.
    expect(reasons.filter((reason) => reason === null).length).toBeLessThanOrEqual(1)
    expect(reasons.filter((reason) => reason !== null && !['BREAKER', 'SCHEDULE'].includes(reason))).toEqual(
      [],
    )
    expect(reasons).toContain('BREAKER')

    await expect.poll(() => receiver.requests.length - sentBefore, PATIENCE).toBe(2)
    expect(seen.most).toBe(1)
    const [first, second] = receiver.requests.slice(sentBefore)
    // The second wait is twice the first.
    expect((second?.receivedAt ?? 0) - (first?.receivedAt ?? 0)).toBeGreaterThan(1900)
    expect(await healthOf(service, id)).toMatchObject({ state: 'PAUSED', lastSuccessAt: null })
    await expect
      .poll(() => metric(service, 'probes_total{result="failed"}'), PATIENCE)
      .toBeGreaterThanOrEqual(2)
    expect(await metric(service, 'endpoints_paused')).toBe(1)
    await expect
      .poll(async () => (await healthOf(service, id)).consecutiveFailures, PATIENCE)
      .toBeGreaterThanOrEqual(5)
  })

  it('recovers by itself at a growing pace, and nothing is lost', async () => {
    const service = await start()
    const { id, receiver, failed } = await pauseOne(service)
    const events = [failed]
    for (let count = 0; count < 10; count++) events.push(await publish(service))
    const { seen, answer } = counting(() => 204)
    receiver.answerWith(answer)
    for (const eventId of events) await eventIn('DELIVERED', service, eventId)
    expect(seen.most).toBeLessThanOrEqual(10)
    await stateBecomes('HEALTHY', service, id)
    expect(await healthOf(service, id)).toMatchObject({ consecutiveFailures: 0, failingSince: null })
    await eventIn('DELIVERED', service, await publish(service))
  })

  it('is not stuck when nothing waits: the next event is the probe', async () => {
    const service = await start()
    const { id, receiver, failed } = await pauseOne(service)
    const [{ id: deliveryId }] = (await service.api.get(`/v1/deliveries?eventId=${failed}`)).body.items
    const cancel = `mutation { cancelDelivery(id: "${deliveryId}") { errors { code } } }`
    await expect.poll(async () => (await ask(service, cancel)).cancelDelivery.errors, PATIENCE).toEqual([])
    receiver.answerWith(200)
    await eventIn('DELIVERED', service, await publish(service))
    await eventIn('DELIVERED', service, await publish(service))
    expect((await healthOf(service, id)).state).toBe('FAILING')
  })
})

describe('deliveries that a worker holds at the moment of a pause', () => {
  /** The second failure pauses for longer than the test takes. */
  const atOnce = {
    ...bounds,
    pauseAfterFailures: 1,
    pauseAfterMs: 0,
    probeWaitMs: 60_000,
    maxProbeWaitMs: 60_000,
  }
  const EVENTS = 12
  const CONCURRENCY = 2

  it('go back to the table, and are not sent', async () => {
    const waits = { DELIVERY_BACKOFF_BASE_SECONDS: '60', DELIVERY_BACKOFF_MAX_SECONDS: '60' }
    const own = { ...settings, ...waits, DELIVERY_CONCURRENCY: String(CONCURRENCY) }
    const service = resources.use(await startTestService('postgres', own, atOnce))
    const receiver = resources.use(await startReceiver())
    const unanswered: ServerResponse[] = []
    receiver.answerWith((response) => void unanswered.push(response))
    const failAll = () => {
      for (const response of unanswered.splice(0)) response.writeHead(500).end()
    }
    const countOf = async (condition: string) =>
      (await service.database.query(`select from deliveries where ${condition}`)).length
    const isLeased = '"queuedUntil" is not null'
    const id = await subscribe(service, receiver.url)
    for (let count = 0; count < EVENTS; count++) await publish(service)
    // First attempts go out without a look at the breaker for a second (docs/decisions/0043).
    const isHeld = `${isLeased} and "createdAt" < now() - interval '1500 milliseconds'`
    await expect.poll(() => countOf(isHeld), PATIENCE).toBe(EVENTS)

    failAll()
    await stateBecomes('FAILING', service, id)
    failAll()
    await stateBecomes('PAUSED', service, id)
    const leases = () => {
      failAll()
      return countOf(isLeased)
    }
    await expect.poll(leases, PATIENCE).toBe(0)
    // The last of these began before the failures of those before them were recorded.
    expect(receiver.requests.length).toBeLessThanOrEqual(3 * CONCURRENCY)
    const unsent = await countOf('attempts = 0')
    expect(unsent).toBe(EVENTS - receiver.requests.length)
    expect(await countOf(`status = 'PENDING'`)).toBe(unsent)
  })
})

describe('the health of an endpoint', () => {
  const start = async () => resources.use(await startTestService('postgres', settings, bounds))

  it('begins anew when it is changed, and when it is enabled', async () => {
    const service = await start()
    const { id, receiver, failed } = await pauseOne(service)
    receiver.answerWith(200)
    const fresh = { state: 'HEALTHY', consecutiveFailures: 0, failingSince: null, lastFailureAt: null }
    await service.api.patch(`/v1/subscriptions/${id}`, { isEnabled: false })
    const { body } = await service.api.patch(`/v1/subscriptions/${id}`, { isEnabled: true })
    expect(body.health).toMatchObject(fresh)
    await eventIn('DELIVERED', service, failed)
    const endpointUrl = `${receiver.url}/other`
    expect((await service.api.patch(`/v1/subscriptions/${id}`, { endpointUrl })).body.health).toMatchObject({
      ...fresh,
      lastSuccessAt: null,
    })
  })

  it('counts failures in a row, and tells of the last hour, the same over both faces', async () => {
    const service = await start()
    const receiver = resources.use(await startReceiver(200, 500, 500, 200))
    const id = await subscribe(service, receiver.url)
    expect(await healthOf(service, id)).toEqual({
      ...{ state: 'HEALTHY', consecutiveFailures: 0, failingSince: null, lastSuccessAt: null },
      ...{ lastFailureAt: null, successRate: null, latencyP95Ms: null },
    })
    for (let count = 0; count < 2; count++) await eventIn('DELIVERED', service, await publish(service))
    await expect.poll(async () => (await healthOf(service, id)).successRate, PATIENCE).toBe(0.5)
    const health = await healthOf(service, id)
    expect(health).toMatchObject({
      ...{ state: 'HEALTHY', consecutiveFailures: 0, failingSince: null },
      ...{ lastSuccessAt: expect.any(String), lastFailureAt: expect.any(String) },
      latencyP95Ms: expect.any(Number),
    })
    const query = `{ subscriptions { edges { node { health { ${Object.keys(health).join(' ')} } } } } }`
    expect((await ask(service, query)).subscriptions.edges).toEqual([{ node: { health } }])
  })

  it('of an endpoint that fails in bursts is never PAUSED', async () => {
    const service = await start()
    const receiver = resources.use(await startReceiver(500, 500, 200, 500, 500, 200, 500, 500, 200))
    const id = await subscribe(service, receiver.url)
    for (let count = 0; count < 3; count++) await eventIn('DELIVERED', service, await publish(service))
    expect(await healthOf(service, id)).toMatchObject({ state: 'HEALTHY', consecutiveFailures: 0 })
    const [row] = await service.database.query('select pauses from "endpointHealth"')
    expect(row).toEqual({ pauses: 0 })
  })
})

describe('an endpoint that fails for DISABLE_AFTER_DAYS', () => {
  const withDays = async (days: string) =>
    resources.use(await startTestService('postgres', { ...settings, DISABLE_AFTER_DAYS: days }, bounds))

  it('is disabled, and what waits goes on when it is enabled', async () => {
    const service = await withDays('0.00001')
    const receiver = resources.use(await startReceiver(500))
    const id = await subscribe(service, receiver.url)
    const eventId = await publish(service)
    const read = async () => (await service.api.get(`/v1/subscriptions/${id}`)).body
    await expect.poll(async () => (await read()).isEnabled, PATIENCE).toBe(false)
    expect(await read()).toMatchObject({ disabledReason: 'FAILING', disabledAt: expect.any(String) })
    expect(await waitingFor(service, eventId)).toBe('DISABLED')
    expect((await service.api.get(`/v1/events/${eventId}`)).body.status).toBe('PROCESSING')
    receiver.answerWith(200)
    await service.api.patch(`/v1/subscriptions/${id}`, { isEnabled: true })
    await eventIn('DELIVERED', service, eventId)
  })

  it('stays enabled with 0', async () => {
    const service = await withDays('0')
    const { id, receiver } = await pauseOne(service)
    await service.database.query(`update "endpointHealth" set "failingSince" = now() - interval '1000 days'`)
    const before = receiver.requests.length
    await expect.poll(() => receiver.requests.length, PATIENCE).toBeGreaterThan(before)
    await expect
      .poll(async () => (await healthOf(service, id)).consecutiveFailures, PATIENCE)
      .toBeGreaterThan(before)
    expect((await service.api.get(`/v1/subscriptions/${id}`)).body.isEnabled).toBe(true)
  })
})
