/** Ordered subscriptions: events of one key arrive in their order, one at a time, whatever happens between. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createClient, TEST_KEY } from '../support/client.js'
import { eventIn } from '../support/delivering.js'
import { ask } from '../support/graphql.js'
import {
  deliveryOf,
  numberOf,
  numbers,
  PATIENCE,
  publishNumber as publish,
  subscribeInOrder as subscribe,
} from '../support/ordering.js'
import { startReceiver } from '../support/receiver.js'
import { layouts, startOn, startTestService } from '../support/service.js'

let resources: Resources
beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

const QUICK = { DELIVERY_BACKOFF_BASE_SECONDS: '0.05', DELIVERY_BACKOFF_MAX_SECONDS: '0.1' }
const start = async (
  layout: (typeof layouts)[number] = 'postgres',
  settings: Record<string, string> = QUICK,
) => resources.use(await startTestService(layout, settings))

describe.each(layouts)('an ordered subscription, queue on %s', (layout) => {
  it('gets the events of each key in their order and one at a time, with failures between', async () => {
    const service = await start(layout)
    const receiver = resources.use(await startReceiver())
    await subscribe(service, receiver.url)
    const [keys, each] = [8, 12]
    const inFlight = new Map<number, number>()
    const succeeded = new Map<number, number[]>()
    let overlaps = 0
    receiver.answerWith((response, { body }) => {
      const n = numberOf(body)
      const key = n % keys
      inFlight.set(key, (inFlight.get(key) ?? 0) + 1)
      if ((inFlight.get(key) ?? 0) > 1) overlaps++
      setTimeout(() => {
        inFlight.set(key, (inFlight.get(key) ?? 0) - 1)
        const fails = Math.random() < 0.3
        if (!fails) succeeded.set(key, [...(succeeded.get(key) ?? []), n])
        response.writeHead(fails ? 500 : 200).end()
      }, Math.random() * 10)
    })
    await Promise.all(
      Array.from({ length: keys }, async (_, key) => {
        for (let index = 0; index < each; index++) await publish(service, `key-${key}`, index * keys + key)
      }),
    )
    const done = () => [...succeeded.values()].flat().length
    await expect.poll(done, PATIENCE).toBe(keys * each)
    expect(overlaps).toBe(0)
    for (const [key, order] of succeeded)
      expect(order).toEqual(Array.from({ length: each }, (_, index) => index * keys + key))
  })
})

it('keeps the order of a batch', async () => {
  const service = await start()
  const receiver = resources.use(await startReceiver())
  await subscribe(service, receiver.url)
  const events = Array.from({ length: 50 }, (_, n) => ({
    ...{ type: 'a', data: { n }, orderingKey: 'k' },
    // In the other order of their keys.
    eventId: `key-${100 - n}`,
  }))
  const { body } = await service.api.post('/v1/events/batch', { events })
  expect(body.items.every(({ status }: { status: number }) => status === 202)).toBe(true)
  await expect.poll(() => receiver.requests.length, PATIENCE).toBe(50)
  expect(numbers(receiver)).toEqual(events.map(({ data }) => data.n))
})

it('is held up by a failure for its key only, says so, and goes on after a cancellation', async () => {
  const service = await start('postgres', { DELIVERY_BACKOFF_BASE_SECONDS: '3600' })
  const receiver = resources.use(await startReceiver(500, 200))
  await subscribe(service, receiver.url)
  const first = await publish(service, 'k', 1)
  await expect.poll(async () => (await deliveryOf(service, first))?.status, PATIENCE).toBe('FAILED')
  const second = await publish(service, 'k', 2)
  await expect.poll(async () => (await deliveryOf(service, second))?.waitingFor, PATIENCE).toBe('ORDER')
  await eventIn('DELIVERED', service, await publish(service, 'other', 3))
  await eventIn('DELIVERED', service, await publish(service, undefined, 4))
  expect(numbers(receiver)).toEqual([1, 3, 4])
  expect(await deliveryOf(service, second)).toMatchObject({ waitingFor: 'ORDER', nextRunAt: null })
  const { id } = await deliveryOf(service, first)
  await ask(service, `mutation ($id: ID!) { cancelDelivery(id: $id) { errors { message } } }`, { id })
  await eventIn('DELIVERED', service, second)
})

it('attempts what was DEAD and is retried by hand after what waits', async () => {
  const service = await start('postgres', {
    DELIVERY_BACKOFF_BASE_SECONDS: '3600',
    DELIVERY_MAX_ATTEMPTS: '1',
  })
  const receiver = resources.use(await startReceiver(500, 200))
  const id = await subscribe(service, receiver.url)
  const dead = await publish(service, 'k', 1)
  await eventIn('DEAD', service, dead)
  await service.api.patch(`/v1/subscriptions/${id}`, { isEnabled: false })
  await service.api.patch(`/v1/subscriptions/${id}`, { isEnabled: true })
  const held: (() => void)[] = []
  receiver.answerWith((response) => void held.push(() => response.writeHead(200).end()), 200)
  await publish(service, 'k', 2)
  await expect.poll(() => held.length, PATIENCE).toBe(1)
  await publish(service, 'k', 3)
  const delivery = await deliveryOf(service, dead)
  expect((await service.api.post(`/v1/deliveries/${delivery.id}/retry`)).status).toBe(202)
  await expect.poll(async () => (await deliveryOf(service, dead)).waitingFor, PATIENCE).toBe('ORDER')
  held[0]?.()
  await eventIn('DELIVERED', service, dead)
  expect(numbers(receiver)).toEqual([1, 2, 3, 1])
})

it('holds over processes, and when one stops', async () => {
  const service = await start('redis, api and worker apart')
  const other = resources.use(await startOn(service.database, service.redis, { ...QUICK, ROLE: 'worker' }))
  expect(other).toBeDefined()
  const third = await startOn(service.database, service.redis, { ...QUICK, ROLE: 'worker' })
  const receiver = resources.use(await startReceiver())
  await subscribe(service, receiver.url)
  receiver.answerWith((response) => setTimeout(() => response.writeHead(200).end(), 5))
  for (let n = 0; n < 60; n++) {
    await publish(service, 'k', n)
    if (n === 30) await third[Symbol.asyncDispose]()
  }
  const order = () => [...new Set(numbers(receiver))]
  await expect.poll(() => order().length, PATIENCE).toBe(60)
  expect(order()).toEqual(Array.from({ length: 60 }, (_, n) => n))
})

it.each([
  ['empty', ''],
  ['too long', 'k'.repeat(256)],
  ['not printable', 'k\n'],
])('refuses an ordering key that is %s', async (_, orderingKey) => {
  const service = await start()
  const { status, body } = await service.api.post('/v1/events', { type: 'a', data: {}, orderingKey })
  expect([status, body.errors]).toEqual([
    400,
    [{ path: 'orderingKey', message: 'must be 1 to 255 printable ASCII characters' }],
  ])
})

it('gives an event its place where no earlier one can be committed later', async () => {
  const service = await start()
  const other = resources.use(await startOn(service.database, service.redis, QUICK))
  const receiver = resources.use(await startReceiver())
  await subscribe(service, receiver.url)
  await service.database.query('create table gate (is_closed bool)')
  await service.database.query('insert into gate values (true)')
  await service.database.query(`
    create function wait_at_gate() returns trigger language plpgsql as $$
    begin
      while exists (select from gate) loop perform pg_sleep(0.01); end loop;
      return null;
    end $$`)
  await service.database.query(`
    create trigger gate after insert on events for each row
    when (new.data ->> 'n' = '1') execute function wait_at_gate()`)
  const first = publish(service, 'k', 1)
  const isAtGate = async () =>
    (await service.database.query(`select from pg_stat_activity where wait_event = 'PgSleep'`)).length
  await expect.poll(isAtGate, PATIENCE).toBe(1)
  const second = publish({ api: createClient(other.url) }, 'k', 2)
  const isBehind = async () =>
    (await service.database.query(`select from pg_locks where locktype = 'advisory' and not granted`)).length
  await Promise.race([expect.poll(isBehind, PATIENCE).toBe(1), second])
  await service.database.query('delete from gate')
  await Promise.all([first, second])
  await expect.poll(() => numbers(receiver), PATIENCE).toEqual([1, 2])
})

it('is shown by the program of the docs', async () => {
  const service = await start('postgres', { DELIVERY_BACKOFF_BASE_SECONDS: '3600' })
  const receiver = resources.use(await startReceiver(500))
  await subscribe(service, receiver.url, { eventTypes: ['account.*'] })
  const args = ['docs/examples/publish-in-order.mjs', service.url, TEST_KEY, 'account-7', 'opened', 'closed']
  const { stdout } = await promisify(execFile)(process.execPath, args)
  expect(stdout).toMatch(/^opened: (PENDING|FAILED, waits for SCHEDULE)\nclosed: PENDING, waits for ORDER\n$/)
  await expect.poll(() => receiver.requests.length, PATIENCE).toBe(1)
})
