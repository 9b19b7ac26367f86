/** From a process that only accepts, deliveries go straight to the queue, with what their first attempts need. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { DEFAULT_QUOTA } from '../../src/delivery-engine/fairness/lease-quotas.js'
import type { DeliveryJob } from '../../src/delivery-engine/scheduling/delivery-job.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { type Client, createClient } from '../support/client.js'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { type Receiver, startReceiver } from '../support/receiver.js'
import { startRedis, type TestRedis } from '../support/redis.js'
import { startOn } from '../support/service.js'

let resources: Resources
let database: TestDatabase
let redis: TestRedis
let receiver: Receiver
let api: Client

beforeEach(async () => {
  resources = createResources()
  database = resources.use(await createTestDatabase())
  redis = resources.use(await startRedis())
  receiver = resources.use(await startReceiver())
  api = createClient(resources.use(await startOn(database, redis, { ROLE: 'api' })).url)
  await api.post('/v1/subscriptions', { endpointUrl: receiver.url, eventTypes: ['order.paid'] })
  await untilQueueIsOpen()
})
afterEach(() => resources[Symbol.asyncDispose]())

const startWorker = () => startOn(database, redis, { ROLE: 'worker' })

async function publish(data: unknown = {}): Promise<string> {
  const { status, body } = await api.post('/v1/events', { type: 'order.paid', data })
  expect(status).toBe(202)
  return body.eventId
}

const statuses = async () =>
  (await database.query('select status from events order by id')).map(({ status }) => status)

/** The first events may come before the queue was seen to be there. Their deliveries are taken out of the way. */
async function untilQueueIsOpen(): Promise<void> {
  await expect
    .poll(async () => {
      await publish()
      return (await statuses()).at(-1)
    })
    .toBe('PROCESSING')
  await database.query('truncate events, deliveries, outbox')
  await redis.client.flushall()
}

async function readJobs(): Promise<DeliveryJob[]> {
  const keys = await redis.client.keys('*:deliveries:[0-9]*')
  const texts = await Promise.all(keys.map((key) => redis.client.hget(key, 'data')))
  return texts.map((text) => JSON.parse(text ?? '') as DeliveryJob)
}

it('a job has the webhook, and a worker sends it without the outbox', async () => {
  await database.query('alter table outbox add constraint broken check (false) not valid')
  const eventId = await publish({ total: 12.5 })
  await expect.poll(readJobs).toHaveLength(1)
  const [job] = await readJobs()
  expect(job?.leases).toHaveLength(1)
  expect(JSON.parse(job?.prepared?.events[0]?.body ?? '')).toMatchObject({
    ...{ id: eventId, type: 'order.paid', payload: { data: { total: 12.5 } } },
  })
  resources.use(await startWorker())
  await expect.poll(() => receiver.requests.length, { timeout: 10_000 }).toBe(1)
  await expect.poll(statuses).toEqual(['DELIVERED'])
})

it('a large payload stays out of Redis, and is loaded by the worker', async () => {
  await publish({ text: 'x'.repeat(100_000) })
  await expect.poll(readJobs).toHaveLength(1)
  expect((await readJobs())[0]?.prepared?.events[0]?.body).toBeNull()
  resources.use(await startWorker())
  await expect.poll(() => receiver.requests[0]?.body.length, { timeout: 10_000 }).toBeGreaterThan(100_000)
})

it('no endpoint gets more leases than its quota: the outbox has the rest', async () => {
  const events = DEFAULT_QUOTA + 100
  for (let published = 0; published < events; published += 50)
    await Promise.all(Array.from({ length: 50 }, () => publish()))
  const [{ leased } = {}] = await database.query(
    'select count(*)::int as leased from deliveries where "queuedUntil" is not null',
  )
  expect(leased).toBeGreaterThan(0)
  expect(leased).toBeLessThanOrEqual(DEFAULT_QUOTA)
  const [{ waiting } = {}] = await database.query('select count(*)::int as waiting from outbox')
  expect(waiting).toBe(events - Number(leased))
  resources.use(await startWorker())
  await expect
    .poll(() => new Set(receiver.requests.map(({ headers }) => headers['webhook-id'])).size, {
      timeout: 30_000,
    })
    .toBe(events)
})

it('an endpoint with a rate limit gets its deliveries through the outbox', async () => {
  await api.post('/v1/subscriptions', {
    ...{ endpointUrl: `${receiver.url}/slow`, eventTypes: ['order.paid'], maxRequestsPerSecond: 1 },
  })
  await publish()
  expect(await statuses()).toEqual(['PENDING'])
})

it('while Redis is away the outbox takes all, and nothing is lost', async () => {
  await redis[Symbol.asyncDispose]()
  const ids = []
  for (let n = 0; n < 5; n += 1) ids.push(await publish())
  const rows = await database.query('select id from events')
  expect(rows.map(({ id }) => id).toSorted()).toEqual(ids.toSorted())
  const [{ open } = {}] = await database.query(`
    select ((select count(*) from outbox) + (
      select count(*) from deliveries where status = 'PENDING' and ("queuedUntil" is null or "queuedUntil" > now())
    ))::int as open`)
  expect(open).toBe(5)
})
