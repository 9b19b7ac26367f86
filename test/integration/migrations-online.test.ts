/** Migrations beside what else is there: a service under load, a session that keeps a table, a pooler. */
import pg from 'pg'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import { applyMigrations, migrationNames, pendingMigrations } from '../../src/platform/migrations/index.js'
import { tryAgainOnConflict } from '../../src/platform/postgres/conflicts.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createTestDatabase } from '../support/database.js'
import { startPgBouncer } from '../support/pgbouncer.js'
import { startReceiver } from '../support/receiver.js'
import { startTestService } from '../support/service.js'

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

/** Migrations that a service of today does not mind to be without. */
const undone = [
  '20261123170931_lists_by_status',
  '20261123210302_events_of_a_subscription',
  '20261126022000_whole_milliseconds',
]

const undo = `
  drop index "deliveries_subscriptionId_eventId_idx", "deliveries_subscriptionId_status_id_idx";
  create index "deliveries_subscriptionId_id_idx" on deliveries ("subscriptionId", id);
  create index "deliveries_unsent_idx" on deliveries (id) where status in ('FAILED', 'DEAD');
  create index "deliveries_unsent_of_subscription_idx" on deliveries ("subscriptionId", id) where status in ('FAILED', 'DEAD');
  alter table events alter "updatedAt" set default now();
  alter table deliveries alter "createdAt" set default now(), alter "updatedAt" set default now();
  delete from _prisma_migrations where migration_name in (${undone.map((name) => `'${name}'`)})`

test('migrations are applied under a service at work: nothing fails, and all of it arrives', async () => {
  const service = resources.use(await startTestService('postgres'))
  const receiver = resources.use(await startReceiver())
  // The service is at work already, and may have locked the tables in another order.
  await tryAgainOnConflict(() => service.database.query(undo))
  await service.api.post('/v1/subscriptions', { endpointUrl: receiver.url, eventTypes: ['a'] })

  const statuses: number[] = []
  let longestMs = 0
  let isOver = false
  const producer = async () => {
    while (!isOver) {
      const since = performance.now()
      const { status } = await service.api.post('/v1/events', { type: 'a', data: {} })
      longestMs = Math.max(longestMs, performance.now() - since)
      statuses.push(status)
    }
  }
  const producers = Array.from({ length: 4 }, producer)
  // Before the service, whatever fails.
  resources.use({
    async [Symbol.asyncDispose]() {
      isOver = true
      await Promise.all(producers)
    },
  })
  await expect.poll(() => receiver.requests.length, { timeout: 10_000 }).toBeGreaterThan(20)
  const quietLongestMs = longestMs
  expect((await applyMigrations({ databaseUrl: service.database.url })).applied).toEqual(undone)
  const sent = receiver.requests.length
  await expect.poll(() => receiver.requests.length, { timeout: 10_000 }).toBeGreaterThan(sent + 20)
  isOver = true
  await Promise.all(producers)

  expect(new Set(statuses)).toEqual(new Set([202]))
  expect(longestMs).toBeLessThan(1000 + quietLongestMs)
  await expect.poll(() => receiver.requests.length, { timeout: 15_000 }).toBe(statuses.length)
})

test('a table that somebody keeps is waited for, and nobody else waits behind that', async () => {
  const database = resources.use(await createTestDatabase())
  await database.query(undo)
  const keeper = new pg.Client(database.url)
  await keeper.connect()
  resources.use({ [Symbol.asyncDispose]: () => keeper.end() })
  await keeper.query('begin; select from deliveries')
  const reasons: string[] = []
  const migrating = applyMigrations({ databaseUrl: database.url, onWait: (reason) => reasons.push(reason) })
  await expect
    .poll(() => reasons, { timeout: 10_000 })
    .toEqual(['a migration waits for a table that another session has locked'])
  const since = performance.now()
  await database.query('select from deliveries')
  expect(performance.now() - since).toBeLessThan(1500)
  await keeper.query('commit')
  expect((await migrating).applied).toEqual(undone)
})

test('through PgBouncer in transaction mode they are applied, by several at once, and leave no lock', async () => {
  const database = resources.use(await createTestDatabase())
  await database.query('drop schema public cascade; drop schema bullmq cascade; create schema public')
  const bouncer = resources.use(await startPgBouncer(inject('postgresUrl'), 'transaction'))
  const databaseUrl = bouncer.urlOf(database.url)
  const results = await Promise.all(Array.from({ length: 3 }, () => applyMigrations({ databaseUrl })))
  expect(results.flatMap(({ applied }) => applied)).toEqual(migrationNames())
  expect(await pendingMigrations({ databaseUrl: database.url })).toEqual([])
  const locks = () =>
    database.query(`
    select from pg_locks where locktype = 'advisory'
    and database = (select oid from pg_database where datname = current_database())`)
  await expect.poll(locks, { timeout: 5000 }).toEqual([])
})
