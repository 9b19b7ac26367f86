/** Every way by which events and deliveries with an ordering key come: each takes its place in the line. */
import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { orderingHashOf, sqlOrderingHash } from '../../src/model/ordering.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { TEST_KEY } from '../support/client.js'
import { eventIn } from '../support/delivering.js'
import { ask } from '../support/graphql.js'
import {
  deliveryOf,
  deliveryStatus,
  numbers,
  PATIENCE,
  publishNumber,
  subscribeInOrder,
  upTo,
  waitingFor,
} from '../support/ordering.js'
import { type Receiver, startReceiver } from '../support/receiver.js'
import { startTestService, type TestService } from '../support/service.js'

let resources: Resources
let service: TestService
let receiver: Receiver
beforeEach(async () => {
  resources = createResources()
  receiver = resources.use(await startReceiver())
  service = resources.use(await startTestService('postgres', { DELIVERY_BACKOFF_BASE_SECONDS: '0.05' }))
})
afterEach(() => resources[Symbol.asyncDispose]())

const HOUR_MS = 3_600_000
const inAnHour = () => new Date(Date.now() + HOUR_MS).toISOString()

/** The first request hangs until this is called, even when it comes only after the call. */
function hold(): () => void {
  let release = () => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  receiver.answerWith(async (response) => {
    await released
    response.writeHead(200).end()
  }, 200)
  return release
}

/** Every third request of each event fails at first. */
function failNowAndThen() {
  const failed = new Set<string>()
  receiver.answerWith((response, { body }) => {
    const fails = !failed.has(body) && (createHash('sha256').update(body).digest()[0] as number) % 3 === 0
    failed.add(body)
    response.writeHead(fails ? 500 : 200).end()
  })
}

/** The numbers in the order in which they came first. */
const firstSeen = () => [...new Set(numbers(receiver))]

it('of an import', async () => {
  await subscribeInOrder(service, receiver.url)
  failNowAndThen()
  const events = upTo(60).map((n) => JSON.stringify({ type: 'a', data: { n }, orderingKey: 'k' }))
  const response = await fetch(`${service.url}/v1/events/import`, {
    method: 'POST',
    headers: { 'x-api-key': TEST_KEY, 'content-type': 'application/x-ndjson' },
    body: events.join('\n'),
  })
  expect(await response.json()).toMatchObject({ accepted: 60, rejected: 0 })
  await expect.poll(() => firstSeen().length, PATIENCE).toBe(60)
  expect(firstSeen()).toEqual(upTo(60))
})

it('of GraphQL, one and many', async () => {
  await subscribeInOrder(service, receiver.url)
  failNowAndThen()
  const one =
    'mutation ($input: PublishEventInput!) { publishEvent(input: $input) { event { orderingKey } } }'
  const input = (n: number) => ({ type: 'a', data: { n }, orderingKey: 'k' })
  const { publishEvent } = await ask(service, one, { input: input(0) })
  expect(publishEvent.event.orderingKey).toBe('k')
  const many = 'mutation ($input: [PublishEventInput!]!) { publishEvents(inputs: $input) { event { id } } }'
  await ask(service, many, { input: upTo(20).map((n) => input(n + 1)) })
  await expect.poll(() => firstSeen().length, PATIENCE).toBe(21)
  expect(firstSeen()).toEqual(upTo(21))
})

it('of CloudEvents, by their partitionkey', async () => {
  await subscribeInOrder(service, receiver.url)
  const release = hold()
  const ids: string[] = []
  for (const n of upTo(4)) {
    const attributes = { specversion: '1.0', id: `${n}`, source: '/s', type: 'a', partitionkey: 'k' }
    const { status, body } = await service.api.post(
      '/v1/events',
      { ...attributes, data: { n } },
      { 'content-type': 'application/cloudevents+json' },
    )
    expect(status).toBe(202)
    ids.push(body.eventId)
  }
  const { body } = await service.api.get(`/v1/events/${ids[3]}`)
  expect([body.orderingKey, body.payload.metadata.partitionkey]).toEqual(['k', 'k'])
  await waitingFor(service, ids[3] as string).toBe('ORDER')
  release()
  await expect.poll(() => numbers(receiver), PATIENCE).toEqual(upTo(4))
})

describe('an event with deliverAt', () => {
  const due = (id: string) =>
    service.database.query(`update "scheduledEvents" set "deliverAt" = now() where "eventId" = $1`, [id])

  it('takes its place when its time has come', async () => {
    await subscribeInOrder(service, receiver.url)
    const later = await publishNumber(service, 'k', 3, { deliverAt: inAnHour() })
    await eventIn('DELIVERED', service, await publishNumber(service, 'k', 1))
    const release = hold()
    const second = await publishNumber(service, 'k', 2)
    await expect.poll(() => numbers(receiver), PATIENCE).toEqual([1, 2])
    await due(later)
    await waitingFor(service, later).toBe('ORDER')
    const last = await publishNumber(service, 'k', 4)
    release()
    await eventIn('DELIVERED', service, last)
    await eventIn('DELIVERED', service, second)
    expect(numbers(receiver)).toEqual([1, 2, 3, 4])
  })

  it('holds up nothing when it is cancelled before', async () => {
    await subscribeInOrder(service, receiver.url)
    const later = await publishNumber(service, 'k', 1, { deliverAt: inAnHour() })
    expect((await service.api.post(`/v1/events/${later}/cancel`)).status).toBe(200)
    await eventIn('DELIVERED', service, await publishNumber(service, 'k', 2))
    expect(numbers(receiver)).toEqual([2])
  })
})

it('has the keys of each tenant apart, and erases a key’s event without a trace in the line', async () => {
  await subscribeInOrder(service, receiver.url)
  const release = hold()
  const first = await publishNumber(service, 'k', 1, { tenant: 'acme' })
  await expect.poll(() => numbers(receiver), PATIENCE).toEqual([1])
  const ofAcme = await publishNumber(service, 'k', 2, { tenant: 'acme' })
  await eventIn('DELIVERED', service, await publishNumber(service, 'k', 3, { tenant: 'other' }))
  await eventIn('DELIVERED', service, await publishNumber(service, 'k', 4))
  await waitingFor(service, ofAcme).toBe('ORDER')
  release()
  await eventIn('DELIVERED', service, ofAcme)
  expect(numbers(receiver)).toEqual([1, 3, 4, 2])
  expect((await service.api.post(`/v1/events/${first}/erase`)).status).toBe(200)
  await eventIn('DELIVERED', service, await publishNumber(service, 'k', 5, { tenant: 'acme' }))
})

describe('a replay', () => {
  const runToEnd = async (input: object) => {
    const { status, body } = await service.api.post('/v1/replays', input)
    expect([status, body.detail]).toEqual([201, undefined])
    const state = async () => (await service.api.get(`/v1/replays/${body.id}`)).body.state
    await expect.poll(state, PATIENCE).toBe('FINISHED')
  }

  it('puts what was SENT at the end of its line, in the order that it had', async () => {
    const subscriptionId = await subscribeInOrder(service, receiver.url)
    const events = []
    for (const n of upTo(8)) events.push(await publishNumber(service, 'k', n))
    for (const event of events) await eventIn('DELIVERED', service, event)
    const release = hold()
    await publishNumber(service, 'k', 8)
    await expect.poll(() => numbers(receiver).length, PATIENCE).toBe(9)
    await runToEnd({ filter: { subscriptionId, status: ['SENT'] } })
    await waitingFor(service, events[7] as string).toBe('ORDER')
    const last = await publishNumber(service, 'k', 9)
    release()
    await eventIn('DELIVERED', service, last)
    expect(numbers(receiver)).toEqual([...upTo(9), ...upTo(8), 9])
  })

  it('of what an ordered subscription missed goes in line, in the order of the events', async () => {
    for (const n of upTo(12)) await publishNumber(service, `key-${n % 2}`, n)
    const unmatched = async () =>
      (await service.database.query(`select from events where status = 'UNMATCHED'`)).length
    await expect.poll(unmatched, PATIENCE).toBe(12)
    const missedBy = await subscribeInOrder(service, receiver.url)
    failNowAndThen()
    await runToEnd({ missedBy })
    await expect.poll(() => firstSeen().length, PATIENCE).toBe(12)
    for (const key of [0, 1])
      expect(firstSeen().filter((n) => n % 2 === key)).toEqual(upTo(12).filter((n) => n % 2 === key))
    const [{ lines }] = (await service.database.query<{ lines: string[] }>(
      `select array_agg(distinct "orderingHash"::text) as lines from deliveries`,
    )) as [{ lines: string[] }]
    expect(lines.toSorted()).toEqual([0, 1].map((key) => orderingHashOf(`key-${key}`, null)).toSorted())
  })
})

it.each([
  ['k', null],
  ['~ !"#$%&/()=?{}[]\\', null],
  ['k', 'acme'],
])('names the line of %j of tenant %j alike in SQL', async (key, tenant) => {
  const sql = `select (${sqlOrderingHash('$1::text', '$2::text')})::text as hash`
  expect(await service.database.query(sql, [key, tenant])).toEqual([{ hash: orderingHashOf(key, tenant) }])
})

it('takes one place for an idempotency key, however often it is sent', async () => {
  await subscribeInOrder(service, receiver.url)
  const release = hold()
  const first = await publishNumber(service, 'k', 1, { eventId: 'once' })
  await expect.poll(() => numbers(receiver), PATIENCE).toEqual([1])
  const repeat = { type: 'a', data: { n: 1 }, orderingKey: 'k', eventId: 'once' }
  const second = await publishNumber(service, 'k', 2)
  expect((await service.api.post('/v1/events', repeat)).body).toMatchObject({
    eventId: first,
    deduplicated: true,
  })
  const other = await service.api.post('/v1/events', { ...repeat, orderingKey: 'other' })
  expect(other.status).toBe(422)
  release()
  await eventIn('DELIVERED', service, second)
  expect(numbers(receiver)).toEqual([1, 2])
  await deliveryStatus(service, first).toBe('SENT')
  expect((await deliveryOf(service, first)).attempts).toBe(1)
})
