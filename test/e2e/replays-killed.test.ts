/** Replays in processes that are killed: another goes on, and each delivery is made once. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import type { TestDatabase } from '../support/database.js'
import { fillPast } from '../support/finished-deliveries.js'
import { provideProcesses, type ServiceProcess } from '../support/process.js'
import { startReceiver } from '../support/receiver.js'

const TIMEOUT_MS = 180_000
const PATIENCE = { timeout: 60_000, interval: 50 }
const COUNT = 6000

let resources: Resources
let database: TestDatabase
let start: () => Promise<ServiceProcess>

beforeEach(async () => {
  resources = createResources()
  ;({ database, start } = await provideProcesses(resources))
}, TIMEOUT_MS)
afterEach(() => resources[Symbol.asyncDispose](), TIMEOUT_MS)

/** Notes each delivery that is made, in the commit that makes it. */
async function noteMade() {
  await database.query('create table made (id uuid)')
  await database.query(`
    create function note_made() returns trigger language plpgsql as
    $$ begin insert into made values (new.id); return null; end $$`)
  await database.query(`
    create trigger note_reopened after update of status on deliveries for each row
    when (new.status = 'PENDING' and old.status <> 'PENDING') execute function note_made()`)
  await database.query(`
    create trigger note_discarded after update of "discardedAt" on deliveries for each row
    when (new."discardedAt" is not null) execute function note_made()`)
  await database.query(
    'create trigger note_created after insert on deliveries for each row execute function note_made()',
  )
}

const made = async () =>
  (await database.query('select count(*)::int as made, count(distinct id)::int as deliveries from made'))[0]

const doneOf = async (id: string) =>
  (await database.query<{ done: number }>('select done from replays where id = $1', [id]))[0]?.done ?? 0

/** Two processes, and a subscription. */
async function prepare() {
  const [first, second] = [await start(), await start()]
  const { url } = resources.use(await startReceiver())
  const subscription = { endpointUrl: url, eventTypes: ['user.created'] }
  const { body } = await first.api.post('/v1/subscriptions', subscription)
  return { first, second, subscriptionId: body.id as string }
}

async function runWithKills(
  { first, second }: { first: ServiceProcess; second: ServiceProcess },
  input: object,
  route = '/v1/replays',
) {
  const { status, body } = await first.api.post(route, { ratePerSecond: 1500, ...input })
  expect([status, body.total]).toEqual([201, COUNT])
  const done = () => doneOf(body.id)
  await expect.poll(done, PATIENCE).toBeGreaterThan(COUNT / 6)
  await second.end('SIGKILL')
  await expect.poll(done, PATIENCE).toBeGreaterThan(COUNT / 3)
  await first.end('SIGKILL')
  const left = await done()
  expect(left).toBeLessThan(COUNT)
  const third = await start()
  const read = async () => (await third.api.get(`/v1/replays/${body.id}`)).body
  await expect.poll(async () => (await read()).state, PATIENCE).toBe('FINISHED')
  expect(await read()).toMatchObject({ total: COUNT, done: COUNT })
  expect(await made()).toEqual({ made: COUNT, deliveries: COUNT })
}

async function expectDelivered() {
  const sql = `select count(*)::int as count from deliveries where status <> 'SENT'`
  await expect.poll(async () => (await database.query(sql))[0], PATIENCE).toEqual({ count: 0 })
  const wrong = `select from events where ("deliveryCount", "sentCount", "deadCount", status) <> (1, 1, 0, 'DELIVERED')`
  expect(await database.query(wrong)).toEqual([])
}

it('makes each delivery of a filter once', { timeout: TIMEOUT_MS }, async () => {
  const { subscriptionId, ...processes } = await prepare()
  await fillPast(database, { subscriptionId, count: COUNT / 2, status: 'SENT' })
  await fillPast(database, { subscriptionId, count: COUNT / 2, status: 'DEAD' })
  await noteMade()
  await runWithKills(processes, { filter: { subscriptionId } })
  await expectDelivered()
})

it('discards each dead letter of a filter once', { timeout: TIMEOUT_MS }, async () => {
  const { subscriptionId, ...processes } = await prepare()
  await fillPast(database, { subscriptionId, count: COUNT })
  await noteMade()
  await runWithKills(processes, { filter: { subscriptionId } }, '/v1/deliveries/discard')
  const [left] = await database.query(
    `select count(*)::int as count from deliveries where "discardedAt" is null or status <> 'DEAD'`,
  )
  expect(left).toEqual({ count: 0 })
})

it('makes the delivery of each event that was missed once', { timeout: TIMEOUT_MS }, async () => {
  const { subscriptionId, ...processes } = await prepare()
  await fillPast(database, { subscriptionId, count: COUNT, status: 'SENT' })
  await database.query('truncate deliveries cascade')
  await database.query(`update events set status = 'UNMATCHED', "deliveryCount" = 0, "sentCount" = 0`)
  await noteMade()
  await runWithKills(processes, { missedBy: subscriptionId })
  await expectDelivered()
})
