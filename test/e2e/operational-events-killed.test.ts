/** Operational events of processes that are killed while deliveries die: one for each, none lost and none twice. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import type { TestDatabase } from '../support/database.js'
import { toldTo } from '../support/operational-events.js'
import { provideProcesses, type ServiceProcess } from '../support/process.js'
import { startReceiver } from '../support/receiver.js'

const TIMEOUT_MS = 180_000
const PATIENCE = { timeout: 90_000, interval: 20 }
const [BATCHES, EACH] = [16, 50]
/** Every second one is refused until it is dead. The others keep the breaker closed. */
const DEAD = (BATCHES * EACH) / 2

let resources: Resources
let database: TestDatabase
let start: () => Promise<ServiceProcess>

beforeEach(async () => {
  resources = createResources()
  const settings = {
    DELIVERY_CONCURRENCY: '8',
    DELIVERY_MAX_ATTEMPTS: '2',
    DELIVERY_BACKOFF_MAX_SECONDS: '0.1',
  }
  ;({ database, start } = await provideProcesses(resources, settings))
}, TIMEOUT_MS)
afterEach(() => resources[Symbol.asyncDispose](), TIMEOUT_MS)

const numberOf = (body: string): number => JSON.parse(body).payload.data.n

async function subscribe({ api }: ServiceProcess, endpointUrl: string, eventTypes: string[]) {
  expect((await api.post('/v1/subscriptions', { endpointUrl, eventTypes })).status).toBe(201)
}

async function publishAll({ api }: ServiceProcess) {
  for (let batch = 0; batch < BATCHES; batch++) {
    const events = Array.from({ length: EACH }, (_, at) => ({ type: 'a', data: { n: batch * EACH + at } }))
    expect((await api.post('/v1/events/batch', { events })).status).toBe(200)
  }
}

const dead = async () =>
  (await database.query<{ id: string }>(`select id from deliveries where status = 'DEAD' order by 1`)).map(
    ({ id }) => id,
  )

/** Deliveries, with how many events report each, where that is not one for a dead one and none for another. */
const wronglyReported = () =>
  database.query(`
    select id, dead.id is not null as "isDead", coalesce(reported.count, 0) as reported
    from (select id from deliveries where status = 'DEAD') as dead
    full join (
      select (data ->> 'deliveryId')::uuid as id, count(*)::int as count from events
      where type = 'service.delivery.dead' group by 1
    ) as reported using (id)
    where dead.id is null or reported.count is distinct from 1`)

it('are one for each delivery that is dead', { timeout: TIMEOUT_MS }, async () => {
  const [first, second] = [await start(), await start()]
  const endpoint = resources.use(await startReceiver())
  endpoint.answerWith((response, { body }) => {
    const status = numberOf(body) % 2 === 0 ? 500 : 200
    setTimeout(() => response.writeHead(status).end(), 5)
  })
  const operator = resources.use(await startReceiver(200))
  await subscribe(first, endpoint.url, ['a'])
  await subscribe(first, operator.url, ['service.*'])
  await publishAll(first)
  const died = async () => (await dead()).length
  await expect.poll(died, PATIENCE).toBeGreaterThan(DEAD / 6)
  await second.end('SIGKILL')
  await expect.poll(died, PATIENCE).toBeGreaterThan(DEAD / 3)
  await first.end('SIGKILL')
  expect(await died()).toBeLessThan(DEAD)
  // They are reported in the commits that made them dead: nothing is left for a process to make up for.
  expect(await wronglyReported()).toEqual([])
  await start()
  await expect.poll(died, PATIENCE).toBe(DEAD)
  expect(await wronglyReported()).toEqual([])
  const told = () => [...new Set(toldTo(operator).map(({ data }) => data.deliveryId))].toSorted()
  await expect.poll(told, PATIENCE).toEqual(await dead())
})
