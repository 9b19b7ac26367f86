/** Live updates, from any process to the subscribers of every other. */
import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createTestDatabase } from '../support/database.js'
import {
  ask,
  type Result,
  untilLive,
  type Watcher,
  watches,
  watchOverSse,
  watchOverWebSocket,
} from '../support/graphql.js'
import { startReceiver } from '../support/receiver.js'
import { startRedis, type TestRedis } from '../support/redis.js'
import { channelOf } from '../support/redis-channel.js'
import { queueModes, startApart, startOn, startTestService } from '../support/service.js'

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

interface Target {
  url: string
}

const deliveries = `subscription ($eventId: ID, $subscriptionId: ID, $status: [DeliveryStatus!]) {
  deliveryUpdated(eventId: $eventId, subscriptionId: $subscriptionId, status: $status) {
    id eventId subscriptionId status attempts updatedAt
  }
}`
const events = `subscription ($id: ID, $type: [String!], $status: [EventStatus!]) {
  eventUpdated(id: $id, type: $type, status: $status) { id type status deliveryCount }
}`

async function subscribe(target: Target, endpointUrl: string, eventTypes: string[]): Promise<string> {
  const query =
    'mutation ($input: CreateSubscriptionInput!) { createSubscription(input: $input) { subscription { id } } }'
  return (await ask(target, query, { input: { endpointUrl, eventTypes } })).createSubscription.subscription.id
}
async function publish(target: Target, type: string): Promise<string> {
  const query = 'mutation ($input: PublishEventInput!) { publishEvent(input: $input) { event { id } } }'
  return (await ask(target, query, { input: { type, data: {} } })).publishEvent.event.id
}
const updates = ({ results }: Watcher, field = 'deliveryUpdated') => results.map(({ data }) => data[field])

/** Channels of live updates that somebody in any process listens to. */
const channels = async ({ client }: TestRedis) =>
  ((await client.pubsub('CHANNELS', '*')) as string[]).filter((name) => /:(deliveries|events)$/.test(name))

describe('two API processes and one worker on one Redis', () => {
  async function startThree() {
    const database = resources.use(await createTestDatabase())
    const redis = resources.use(await startRedis())
    const { api: first } = resources.use(await startApart(database, redis))
    const second = resources.use(await startOn(database, redis, { ROLE: 'api' }))
    return { database, redis, first, second }
  }

  it('a subscriber on each sees every change of a delivery once, in order, after the row says so', async () => {
    const { database, redis, first, second } = await startThree()
    const receiver = resources.use(await startReceiver(500, 500, 200))
    await subscribe(first, receiver.url, ['a'])

    const checks: Promise<void>[] = []
    const afterTheRow = ({ data }: Result) => {
      const { id, attempts, updatedAt } = data.deliveryUpdated
      const read = async () => {
        const [row] = await database.query<{ attempts: number; updatedAt: Date }>(
          'select * from deliveries where id = $1',
          [id],
        )
        expect(row?.attempts).toBeGreaterThanOrEqual(attempts)
        expect(row?.updatedAt.getTime()).toBeGreaterThanOrEqual(Date.parse(updatedAt))
      }
      checks.push(read())
    }
    const watchers = [
      resources.use(watchOverSse(first, deliveries, {}, afterTheRow)),
      resources.use(watchOverWebSocket(second, deliveries, {}, afterTheRow)),
    ]
    const listening = await channelOf(database, 'deliveries')
    await expect.poll(async () => redis.client.pubsub('NUMSUB', listening)).toEqual([listening, 2])
    const eventIds = [await publish(first, 'a')]
    const both = () =>
      Promise.all(
        watchers.map((watcher) => updates(watcher).filter(({ status }) => status === 'SENT').length),
      )
    await expect.poll(both, { timeout: 10_000 }).toEqual([1, 1])
    for (let count = 0; count < 20; count++) eventIds.push(await publish(second, 'a'))
    await expect.poll(both, { timeout: 10_000 }).toEqual([21, 21])

    for (const watcher of watchers) {
      const seen = (eventId: string) =>
        updates(watcher)
          .filter((update) => update.eventId === eventId)
          .map(({ status, attempts }) => `${status} ${attempts}`)
      const [failing, ...others] = eventIds as [string, ...string[]]
      expect(seen(failing)).toEqual(['PENDING 0', 'FAILED 1', 'FAILED 2', 'SENT 3'])
      for (const eventId of others) expect(seen(eventId)).toEqual(['PENDING 0', 'SENT 1'])
    }
    expect(checks).toHaveLength(2 * (4 + 20 * 2))
    await Promise.all(checks)
  })

  it('leave nothing subscribed in Redis once the last client has gone, however it went', async () => {
    const { redis, first, second } = await startThree()
    expect(await channels(redis)).toEqual([])
    const watchers = [
      watchOverSse(first, deliveries),
      watchOverSse(first, events),
      watchOverWebSocket(first, deliveries),
      watchOverWebSocket(second, events),
    ]
    await expect.poll(async () => (await channels(redis)).length).toBe(2)
    for (const watcher of watchers) await watcher[Symbol.asyncDispose]()
    await expect.poll(() => channels(redis)).toEqual([])

    // One that goes before it is subscribed, again and again.
    for (let count = 0; count < 20; count++) {
      for (const [, watch] of watches) await watch(first, deliveries)[Symbol.asyncDispose]()
    }
    await expect.poll(() => channels(redis)).toEqual([])
  })
})

describe.each(queueModes)('one process, queue on %s', (mode) => {
  it.each(watches)('filters on the server, over %s', async (_name, watch) => {
    const service = resources.use(await startTestService(mode, { DELIVERY_MAX_ATTEMPTS: '1' }))
    const good = resources.use(await startReceiver(200))
    const bad = resources.use(await startReceiver(500))
    const goodId = await subscribe(service, good.url, ['a', 'b'])
    await subscribe(service, bad.url, ['a', 'b'])
    const watcher = (query: string, variables: object) => resources.use(watch(service, query, variables))
    const all = watcher(deliveries, {})
    const dead = watcher(deliveries, { status: ['DEAD'] })
    const toGood = watcher(deliveries, { subscriptionId: goodId.toUpperCase() })
    const toNone = watcher(deliveries, { subscriptionId: randomUUID() })
    const ofB = watcher(events, { type: ['b'] })
    const finished = watcher(events, { status: ['PARTIALLY_DELIVERED'] })
    await untilLive([all, dead, toGood, ofB, finished], () => publish(service, 'b'))

    const eventId = await publish(service, 'a')
    const about = (of: Watcher, field?: string) =>
      updates(of, field).filter((update) => (update.eventId ?? update.id) === eventId)
    await expect
      .poll(() => about(finished, 'eventUpdated'))
      .toMatchObject([{ status: 'PARTIALLY_DELIVERED', type: 'a', deliveryCount: 2 }])
    await expect.poll(() => about(all)).toHaveLength(4)
    await expect.poll(() => about(dead)).toMatchObject([{ status: 'DEAD' }])
    await expect.poll(() => about(toGood).map(({ status }) => status)).toEqual(['PENDING', 'SENT'])
    expect(about(ofB, 'eventUpdated')).toEqual([])
    expect(toNone.results).toEqual([])
    for (const { status } of updates(dead)) expect(status).toBe('DEAD')
    for (const { subscriptionId } of updates(toGood)) expect(subscriptionId).toBe(goodId)

    const ofOne = watcher(events, { id: eventId })
    const ofOthers = watcher(deliveries, { eventId })
    const retry = 'mutation ($id: ID!) { retryEvent(eventId: $id) { retried } }'
    await expect
      .poll(async () => {
        await ask(service, retry, { id: eventId })
        return Math.min(ofOne.results.length, ofOthers.results.length)
      })
      .toBeGreaterThan(2)
    expect(new Set(updates(ofOne, 'eventUpdated').map(({ id }) => id))).toEqual(new Set([eventId]))
    expect(new Set(updates(ofOthers).map((update) => update.eventId))).toEqual(new Set([eventId]))
  })

  it('tells a thousand subscribers', { timeout: 60_000 }, async () => {
    const service = resources.use(await startTestService(mode))
    const receiver = resources.use(await startReceiver(200))
    await subscribe(service, receiver.url, ['a', 'beacon'])
    const watchers: Watcher[] = []
    for (const [, watch] of watches) {
      for (let count = 0; count < 500; count++) watchers.push(resources.use(watch(service, deliveries)))
    }
    await untilLive(watchers, () => publish(service, 'beacon'))
    const eventId = await publish(service, 'a')
    const told = (watcher: Watcher) =>
      updates(watcher)
        .filter((update) => update.eventId === eventId)
        .map(({ status }) => status)
    await expect
      .poll(() => watchers.filter((watcher) => told(watcher).length < 2).length, { timeout: 20_000 })
      .toBe(0)
    for (const watcher of watchers) expect(told(watcher)).toEqual(['PENDING', 'SENT'])
  })
})

describe('a live update', () => {
  type Field = { name: string; type: { kind: string; ofType: { kind: string } | null } }
  const scalarKinds = ['SCALAR', 'ENUM']

  /** The fields of a type that hold one value; a new one is found by itself. */
  async function scalarsOf(target: Target, type: string): Promise<string[]> {
    const query = `query ($type: String!) {
      __type(name: $type) { fields { name type { kind ofType { kind } } } }
    }`
    const { __type } = await ask(target, query, { type })
    return (__type.fields as Field[])
      .filter(({ type: { kind, ofType } }) => scalarKinds.includes(ofType?.kind ?? kind))
      .map(({ name }) => name)
  }

  it.each(queueModes)(
    'answers every scalar of its delivery and its event as queries do, on %s',
    async (mode) => {
      const service = resources.use(await startTestService(mode, { DELIVERY_MAX_ATTEMPTS: '1' }))
      const receiver = resources.use(await startReceiver(500))
      await subscribe(service, receiver.url, ['a'])
      const ofDelivery = (await scalarsOf(service, 'Delivery')).join(' ')
      const ofEvent = (await scalarsOf(service, 'Event')).join(' ')
      expect(ofDelivery).toContain('lastStatusCode')
      expect(ofEvent).toContain('deliveryCount')
      const deliveryUpdates = resources.use(
        watchOverSse(
          service,
          `subscription { deliveryUpdated { ${ofDelivery} logs { statusCode } event { id } } }`,
        ),
      )
      const eventUpdates = resources.use(
        watchOverSse(service, `subscription { eventUpdated { ${ofEvent} payload { data } } }`),
      )
      await untilLive([deliveryUpdates, eventUpdates], () => publish(service, 'a'))
      const last = (watcher: Watcher, field: string) =>
        updates(watcher, field).findLast(({ status }) => status === 'DEAD')
      await expect.poll(() => last(deliveryUpdates, 'deliveryUpdated')).toBeDefined()
      await expect.poll(() => last(eventUpdates, 'eventUpdated')).toBeDefined()

      for (const { errors } of [...deliveryUpdates.results, ...eventUpdates.results])
        expect(errors).toBeUndefined()
      const delivery = last(deliveryUpdates, 'deliveryUpdated')
      const event = last(eventUpdates, 'eventUpdated')
      const query = `query ($delivery: ID!, $event: ID!) {
      delivery(id: $delivery) { ${ofDelivery} logs { statusCode } event { id } }
      event(id: $event) { ${ofEvent} payload { data } }
    }`
      expect(await ask(service, query, { delivery: delivery.id, event: event.id })).toEqual({
        delivery,
        event,
      })
    },
  )
})
