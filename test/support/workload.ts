/** A service put through its targets: so much is done with it that every statement of the hot path runs. */

import { expect, vi } from 'vitest'
import { removeExpired } from '../../src/delivery-metrics/expire.js'
import { MAX_FAST_PATH_FAN_OUT } from '../../src/events/candidate-matches.js'
import type { Database } from '../../src/platform/postgres/database.js'
import { putOff } from '../../src/replays/take.js'
import { countFinished } from '../../src/retention/count.js'
import { erasePayloads } from '../../src/retention/erase-payloads.js'
import { removeFinished } from '../../src/retention/remove.js'
import { removeLogs } from '../../src/retention/remove-logs.js'
import type { Client } from './client.js'
import type { ExplainedPostgres } from './explained-postgres.js'
import type { Receiver } from './receiver.js'

export interface WorkloadTargets {
  postgres: ExplainedPostgres
  /** For what runs beside the service, on connections that live as long as it. */
  database: Database
  /** Of a process that delivers as well, and of one that doesn't: it leaves all to the outbox. */
  api: Client
  apart: Client
  /** Endpoints: one that answers, one that refuses, and one that never answers. */
  good: Receiver
  bad: Receiver
  hanging: Receiver
}

/** More subscriptions than a producer waits for. */
const WIDE = MAX_FAST_PATH_FAN_OUT + 1
/** More than are sent to an endpoint of which nothing is known: some wait at the worker. */
const HANGING = 40
const PATIENCE = { timeout: 60_000, interval: 100 }

let rounds = 0

export async function runWorkload(targets: WorkloadTargets): Promise<void> {
  // While tables were filled, the service may have closed a connection that this process still takes for open.
  await targets.api.get('/v1/health').catch(() => undefined)
  const round = createRound(targets, `round.${++rounds}`)
  const renewed = await hold(targets, round)
  await watchOperations(targets, round)
  await succeed(targets, round)
  await filter(targets, round)
  await violate(targets, round)
  await fail(targets, round)
  await orphan(targets, round)
  await erase(targets, round)
  await eraseMany(targets, round)
  await waitForTimes(targets, round)
  await replay(targets, round)
  await keepOrder(targets, round)
  await pull(targets, round)
  await renewed()
  await untilSettled(targets)
  await clearAway(targets)
  for (const path of [
    'metrics',
    'health',
    'stats',
    'dead-letters?by=SUBSCRIPTION,ERROR',
    'delivery-metrics?from=2026-01-01T00:00:00Z&interval=DAY',
  ]) {
    expect((await targets.api.get(`/v1/${path}`)).status).toBe(200)
  }
}

type Round = ReturnType<typeof createRound>

/** Types of its own for each round, so that the rounds don't meet. */
function createRound({ api }: WorkloadTargets, name: string) {
  const deliveries = async (eventId: string) =>
    (
      await api.get<{ items: { id: string; status: string; attempts: number }[] }>(
        `/v1/deliveries?eventId=${eventId}&limit=${WIDE}`,
      )
    ).body.items
  return {
    name,
    deliveries,
    async subscribe(receiver: Receiver, type: string, path = ''): Promise<string> {
      const endpointUrl = `${receiver.url}/${name}${path}`
      return (await api.post('/v1/subscriptions', { endpointUrl, eventTypes: [`${type}.${name}`] })).body.id
    },
    async publish(type: string, more: object = {}, client = api): Promise<string> {
      const { body } = await client.post('/v1/events', { type: `${type}.${name}`, data: {}, ...more })
      return body.eventId
    },
    async expectStatus(eventId: string, status: string, count = 1) {
      const having = async () => (await deliveries(eventId)).filter((one) => one.status === status).length
      await until(async () => (await having()) === count)
    },
  }
}

/**
 * From here on somebody asks for operational events, so each statement that may report stores one. Those about an
 * endpoint come early: it has failed for long, and then it works.
 */
async function watchOperations(
  { api, postgres, bad, good }: WorkloadTargets,
  { name, subscribe, publish, expectStatus }: Round,
) {
  const endpointUrl = `${good.url}/${name}/operations`
  const { status } = await api.post('/v1/subscriptions', { endpointUrl, eventTypes: ['service.*'] })
  expect(status).toBe(201)
  const id = await subscribe(bad, 'failing')
  const isTold = (type: string) =>
    until(async () => good.requests.some(({ body }) => body.includes(type) && body.includes(id)))
  const setHealth = (values: string) =>
    postgres.query(`update "endpointHealth" set ${values} where "subscriptionId" = '${id}'`)
  await expectStatus(await publish('failing'), 'FAILED')
  await setHealth(`"consecutiveFailures" = 1000, "failingSince" = now() - interval '1 hour'`)
  await publish('failing')
  await isTold('service.endpoint.failing')
  await setHealth('"consecutiveFailures" = 0, "failingSince" = null, "probeAt" = null, pauses = 0')
  await isTold('service.endpoint.recovered')
  await api.patch(`/v1/subscriptions/${id}`, { isEnabled: false })
  await isTold('service.subscription.disabled')
}

/** A consumer that acknowledges, rejects and extends, and one that does nothing. */
async function pull({ api }: WorkloadTargets, { name, publish, expectStatus }: Round) {
  const types = { kind: 'PULL', eventTypes: [`pulled.${name}`], timeoutMs: 3000, isOrdered: true }
  const { id } = (await api.post('/v1/subscriptions', types)).body
  const take = async () => (await api.get(`/v1/subscriptions/${id}/feed?wait=30`)).body.items[0]
  const answer = async (what: string, deliveryId: string, more: object = {}) =>
    expect((await api.post(`/v1/deliveries/${deliveryId}/${what}`, { attempt: 1, ...more })).status).toBe(200)
  await publish('pulled')
  const first = await take()
  await answer('extend', first.deliveryId, { seconds: 60 })
  await answer('acknowledge', first.deliveryId)
  await publish('pulled', { orderingKey: 'line' })
  await answer('reject', (await take()).deliveryId)
  const forgotten = await publish('pulled')
  await until(async () => (await take())?.eventId === forgotten)
  await expectStatus(forgotten, 'FAILED')
  // What is left has nobody who would take it.
  expect((await api.patch(`/v1/subscriptions/${id}`, { isEnabled: false })).status).toBe(200)
}

/** Deliveries in lines of an ordered subscription, of which one is shown while it waits. */
async function keepOrder({ api, bad, good }: WorkloadTargets, { name, publish, expectStatus }: Round) {
  const types = { eventTypes: [`ordered.${name}`], isOrdered: true }
  await api.post('/v1/subscriptions', { endpointUrl: `${bad.url}/${name}/ordered`, ...types })
  await publish('ordered', { orderingKey: 'held up' })
  const second = await publish('ordered', { orderingKey: 'held up' })
  expect((await api.get(`/v1/deliveries?eventId=${second}`)).status).toBe(200)
  const sent = { eventTypes: [`line.${name}`], isOrdered: true }
  await api.post('/v1/subscriptions', { endpointUrl: `${good.url}/${name}/line`, ...sent })
  for (const orderingKey of ['a', 'b'])
    for (let count = 0; count < 5; count++) await publish('line', { orderingKey })
  await expectStatus(await publish('line', { orderingKey: 'a' }), 'SENT')
}

/** Deliveries that a worker holds for long. Answers with what waits until their leases were renewed. */
async function hold({ postgres, hanging }: WorkloadTargets, { subscribe, publish }: Round) {
  const id = await subscribe(hanging, 'hanging')
  for (let count = 0; count < HANGING; count++) await publish('hanging')
  // Of the first, which is under way: others may wait in the table, and be leased later for the first time.
  const sqlLease = `select "queuedUntil" as until from deliveries where "subscriptionId" = $1 order by id limit 1`
  const leasedUntil = async () =>
    (await postgres.query<{ until: Date | null }>(sqlLease, [id]))[0]?.until ?? new Date(0)
  const now = new Date()
  await until(async () => (await leasedUntil()) > now)
  const first = await leasedUntil()
  return () => until(async () => (await leasedUntil()) > first)
}

async function succeed(
  { api, good, apart }: WorkloadTargets,
  { name, subscribe, publish, deliveries, expectStatus }: Round,
) {
  const subscriptionId = await subscribe(good, 'good')
  for (let count = 0; count < WIDE; count++) await subscribe(good, 'wide', `/${count}`)
  const eventId = await publish('good', { eventId: `key of ${name}` })
  expect(await publish('good', { eventId: `key of ${name}` })).toBe(eventId)
  await expectStatus(eventId, 'SENT')
  expect((await apart.get(`/v1/events/${eventId}`)).status).toBe(200)
  const shown = 'payload { data } deliveries { edges { node { logs { attempt request { body } } } } }'
  const read = await apart.post('/graphql', { query: `{ event(id: "${eventId}") { ${shown} } }` })
  expect(read.body.data.event).toEqual({
    payload: { data: {} },
    deliveries: { edges: [{ node: { logs: [{ attempt: 1, request: { body: expect.any(String) } }] } }] },
  })
  const [{ id } = { id: '' }] = await deliveries(eventId)
  expect((await apart.get(`/v1/deliveries/${id}/logs/1`)).status).toBe(200)
  await expectStatus(await publish('good', {}, apart), 'SENT')
  await expectStatus(await publish('good', { tenant: 'limited' }), 'SENT')
  const test = await api.post(`/v1/subscriptions/${subscriptionId}/test-event`, { type: 'test', data: {} })
  expect(test.body.log.status).toBe('SENT')
  await expectStatus(await publish('wide'), 'SENT', WIDE)
}

/** Too many to be accepted with their event, so the dispatcher filters it. */
async function filter({ api, good }: WorkloadTargets, { subscribe, publish, expectStatus }: Round) {
  const ids: string[] = []
  for (let count = 0; count < WIDE; count++) ids.push(await subscribe(good, 'filtered', `/filtered/${count}`))
  const path = `/v1/subscriptions/${ids[0]}`
  expect((await api.patch(path, { filter: 'data.missing > 1' })).status).toBe(200)
  const eventId = await publish('filtered')
  await expectStatus(eventId, 'SENT', WIDE - 1)
  await until(async () => (await api.get(path)).body.filterErrors !== null)
  const preview = await api.post('/v1/filters/preview', { filter: 'size(data) == 0', eventId })
  expect(preview.body.matches).toBe(true)
}

/** An event that the schema of its type does not allow. */
async function violate({ api }: WorkloadTargets, { name, publish }: Round) {
  const type = { name: `violating.${name}`, mode: 'WARN', schema: { required: ['a'] } }
  expect((await api.post('/v1/event-types', type)).status).toBe(201)
  await publish('violating')
  await until(async () => (await api.get(`/v1/event-types/${type.name}`)).body.violations !== null)
}

async function fail({ api, bad }: WorkloadTargets, { subscribe, publish, deliveries, expectStatus }: Round) {
  await subscribe(bad, 'bad')
  const eventId = await publish('bad')
  await expectStatus(eventId, 'FAILED')
  const [{ id } = { id: '' }] = await deliveries(eventId)
  await api.post(`/v1/deliveries/${id}/retry`)
  await until(async () => (await deliveries(eventId))[0]?.attempts === 2)
  await mutate(api, `cancelDelivery(id: "${id}")`)
  await expectStatus(eventId, 'DEAD')
  await api.post(`/v1/deliveries/events/${eventId}/retry`)
}

async function orphan({ api, bad }: WorkloadTargets, { subscribe, publish, expectStatus }: Round) {
  const id = await subscribe(bad, 'orphan')
  const eventId = await publish('orphan')
  await expectStatus(eventId, 'FAILED')
  await mutate(api, `deleteSubscription(id: "${id}")`)
  await expectStatus(eventId, 'DEAD')
  await runJob(api, '/v1/deliveries/discard', { filter: { subscriptionId: id } })
}

async function erase({ api, good }: WorkloadTargets, { subscribe, publish, expectStatus }: Round) {
  await subscribe(good, 'erased')
  const eventId = await publish('erased')
  await expectStatus(eventId, 'SENT')
  for (let times = 0; times < 2; times++)
    expect((await api.post(`/v1/events/${eventId}/erase`)).status).toBe(200)
}

/** All events of a tenant, of which one is not finished at first, and all that went to a subscription. */
async function eraseMany({ api, good }: WorkloadTargets, round: Round) {
  const tenant = round.name
  const subscriptionId = await round.subscribe(good, 'erasures')
  await round.expectStatus(await round.publish('erasures'), 'SENT')
  await round.expectStatus(await round.publish('erasures', { tenant }), 'SENT')
  const deliverAt = new Date(Date.now() + 3_600_000).toISOString()
  const scheduled = await round.publish('erasures', { tenant, deliverAt })
  const read = async (id: string) => (await api.get(`/v1/erasures/${id}`)).body
  const begin = async (input: object): Promise<string> => (await api.post('/v1/erasures', input)).body.id
  const ofTenant = await begin({ tenant })
  await until(async () => (await read(ofTenant)).waiting === 1)
  expect((await api.post(`/v1/events/${scheduled}/cancel`)).status).toBe(200)
  const ofSubscription = await begin({ subscriptionId })
  for (const id of [ofTenant, ofSubscription]) await until(async () => (await read(id)).state === 'FINISHED')
}

/** Events with a time of their own: cancelled, delivered at their time, and expired, by the sweep and at an attempt. */
async function waitForTimes(
  { api, postgres, bad, good }: WorkloadTargets,
  { subscribe, publish, expectStatus }: Round,
) {
  const inMs = (ms: number) => new Date(Date.now() + ms).toISOString()
  await subscribe(good, 'timed')
  const cancelled = await publish('timed', { deliverAt: inMs(3_600_000) })
  expect((await api.post(`/v1/events/${cancelled}/cancel`)).status).toBe(200)
  expect((await api.post(`/v1/events/${cancelled}/cancel`)).status).toBe(200)
  await expectStatus(await publish('timed', { deliverAt: inMs(1), expiresAt: inMs(3_600_000) }), 'SENT')
  await subscribe(bad, 'expiring')
  const swept = await publish('expiring', { expiresAt: inMs(500) })
  await expectStatus(swept, 'DEAD')
  const eventId = await publish('expiring', { expiresAt: inMs(3_600_000) })
  await expectStatus(eventId, 'FAILED')
  await postgres.query(`update events set "expiresAt" = now() where id = '${eventId}'`)
  await postgres.query(`update deliveries set "nextRunAt" = now() where "eventId" = '${eventId}'`)
  await expectStatus(eventId, 'DEAD')
}

/** Deliveries that were sent, once more; and to a new subscription what it missed. */
async function replay(
  { api, database, good }: WorkloadTargets,
  { name, subscribe, publish, expectStatus }: Round,
) {
  const subscriptionId = await subscribe(good, 'replayed')
  const eventId = await publish('replayed')
  await expectStatus(eventId, 'SENT')
  const runToEnd = async (input: object) => {
    const id = await runJob(api, '/v1/replays', input)
    expect((await api.post(`/v1/replays/${id}/pause`)).status).toBe(409)
    await putOff(database, { id })
  }
  await runToEnd({ filter: { subscriptionId, type: [`replayed.${name}`] } })
  await runToEnd({ missedBy: await subscribe(good, 'replayed', '/missed') })
  await expectStatus(eventId, 'SENT', 2)
}

/** A job that changes one delivery. @returns its id */
async function runJob(api: Client, path: string, input: object): Promise<string> {
  const { id } = (await api.post(path, input)).body
  await until(async () => (await api.get(`/v1/replays/${id}`)).body.state === 'FINISHED')
  expect((await api.get(`/v1/replays/${id}`)).body.done).toBe(1)
  return id
}

/** A little of what was finished a moment ago. */
async function clearAway({ database }: WorkloadTargets) {
  const batch = { days: 1e-6, after: undefined, limit: 200 }
  expect((await erasePayloads(database, batch))?.payloads).toBeGreaterThan(0)
  const counted = await countFinished(database, batch)
  const removed = await removeFinished(database, batch)
  await removeLogs(database, batch)
  // Another may have become old enough since the count.
  expect(removed?.events).toBeGreaterThanOrEqual(counted.events)
  expect(counted.events).toBeGreaterThan(0)
  await removeExpired(database, 1e-6)
}

/** Whatever the tables were filled with has been sent. */
async function untilSettled({ postgres, good }: WorkloadTargets) {
  const sqlUnsettled = `
    select (select count(*)::int from outbox) + count(*)::int as count
    from deliveries d join subscriptions s on s.id = d."subscriptionId"
    where starts_with(s."endpointUrl", $1) and d.status in ('PENDING', 'FAILED')`
  const unsettled = async () => (await postgres.query<{ count: number }>(sqlUnsettled, [good.url]))[0]?.count
  await until(async () => (await unsettled()) === 0)
}

const mutate = (api: Client, what: string) =>
  api.post('/graphql', { query: `mutation { ${what} { errors { code } } }` })

const until = (isSo: () => Promise<boolean>) =>
  vi.waitFor(async () => expect(await isSo()).toBe(true), PATIENCE)
