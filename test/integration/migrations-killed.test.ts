/**
 * A process that migrates dies: at each message that it sends to PostgreSQL, in the middle of each statement of each
 * migration, by SIGKILL. The next one needs nobody's help, and what it leaves is what one that was never killed leaves.
 *
 * A run tries every eighth moment, from a random one on. The long form, `MIGRATION_CUTS=all`, tries every moment.
 * `MIGRATION_SEED` has the moments of an upgrade again that a run printed.
 */
import { spawn } from 'node:child_process'
import { randomInt, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { cpSync, rmSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { applyMigrations, migrationNames, pendingMigrations } from '../../src/platform/migrations/index.js'
import { createResources } from '../../src/platform/resources.js'
import { createRandom } from '../faults/random.js'
import { readCatalogue } from '../support/catalogue.js'
import { withDatabase } from '../support/global-setup.js'
import { startMessageProxy } from '../support/message-proxy.js'
import { startProcess, temporaryDirectory } from '../support/process.js'

const MINUTES = 60_000
const AT_ONCE = 4
const isLong = process.env.MIGRATION_CUTS === 'all'
const MOMENTS_PER_TRY = isLong ? 1 : 8
const KILLED_PROCESSES = isLong ? 30 : 6
const SCHEMAS = ['public', 'bullmq']

let admin: pg.Pool
let whole: string[]

beforeAll(async () => {
  admin = new pg.Pool({ connectionString: inject('postgresUrl'), max: AT_ONCE })
  whole = await onDatabase(async ({ url, client }) => {
    await applyMigrations({ databaseUrl: url })
    return readCatalogue(client, SCHEMAS)
  })
})
afterAll(() => admin.end())

interface TestedDatabase {
  url: string
  client: pg.Client
}

/** A database, empty or as its template is, gone afterwards. */
async function onDatabase<Result>(
  work: (database: TestedDatabase) => Promise<Result>,
  template = 'template1',
): Promise<Result> {
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await admin.query(`create database ${name} template ${template} strategy file_copy`)
  const url = withDatabase(inject('postgresUrl'), name)
  const client = new pg.Client(url)
  try {
    await client.connect()
    return await work({ url, client })
  } finally {
    await client.end()
    await admin.query(`drop database ${name} with (force)`)
  }
}

async function expectWhole({ url, client }: TestedDatabase): Promise<void> {
  await applyMigrations({ databaseUrl: url })
  expect(await readCatalogue(client, SCHEMAS)).toEqual(whole)
  const { rows } = await client.query(
    'select migration_name, finished_at is not null as done from _prisma_migrations order by 1',
  )
  expect(rows).toEqual(migrationNames().map((name) => ({ migration_name: name, done: true })))
  expect((await client.query('select from tallies')).rowCount).toBe(1)
}

/** Its connections are lost with the message of that number. How many messages it sent. */
function cutAtMessage(number: number): Promise<number> {
  return onDatabase(async (database) => {
    const resources = createResources()
    const proxy = resources.use(
      await startMessageProxy(database.url, (count, { cut }) => {
        if (count === number) cut()
      }),
    )
    // The last messages are the end of a connection, which nobody waits for.
    await applyMigrations({ databaseUrl: proxy.url }).catch(() => {})
    await resources[Symbol.asyncDispose]()
    await expectWhole(database)
    return proxy.count()
  })
}

test('cut off at any message, it goes on where it was', { timeout: 20 * MINUTES }, async () => {
  const messages = await cutAtMessage(Number.POSITIVE_INFINITY)
  // More than the beginning, the statements, the record and the end of each.
  expect(messages).toBeGreaterThan(migrationNames().length * 5)
  const numbers = momentsOf(messages)
  await inParallel(AT_ONCE, numbers, cutAtMessage)
})

/** The lock at which a statement stops, until the test lets go of it. */
const STOP = 99

/** After so many statements that change the schema `public`, the next one stops and waits for the test. */
const stopAfter = (count: number) => `
  create schema probe;
  create sequence probe.statements;
  create function probe.stop() returns event_trigger language plpgsql as $$
  begin
    if current_schema() = 'public' and nextval('probe.statements') = ${count} then
      perform pg_advisory_lock(${STOP});
    end if;
  end $$;
  create event trigger stop on ddl_command_end execute function probe.stop()`

/** The statement of that number is done, and those after it are not. How many statements there were. */
function cutInsideAfter(number: number): Promise<number> {
  return onDatabase(async (database) => {
    const { url, client } = database
    await client.query(stopAfter(number))
    await client.query('select pg_advisory_lock($1)', [STOP])
    const resources = createResources()
    const proxy = resources.use(await startMessageProxy(url, () => {}))
    let hasEnded = false
    const first = applyMigrations({ databaseUrl: proxy.url }).then(
      () => (hasEnded = true),
      () => {},
    )
    const waiting = `select from pg_locks where locktype = 'advisory' and objid = ${STOP} and not granted
      and database = (select oid from pg_database where datname = current_database())`
    const isStopped = async () => (await client.query(waiting)).rowCount === 1
    while (!(hasEnded || (await isStopped()))) await new Promise((later) => setTimeout(later, 5))
    proxy.cut()
    await first
    await resources[Symbol.asyncDispose]()
    // The next one begins while PostgreSQL still runs the statement of the one that died.
    const next = applyMigrations({ databaseUrl: url })
    await client.query('select pg_advisory_unlock($1)', [STOP])
    await next
    const { rows } = await client.query('select last_value::int as statements from probe.statements')
    await client.query('drop event trigger stop; drop schema probe cascade')
    await expectWhole(database)
    return rows[0].statements
  })
}

test('cut off in the middle of any migration, it goes on where it was', {
  timeout: 20 * MINUTES,
}, async () => {
  const statements = await cutInsideAfter(1_000_000)
  expect(statements).toBeGreaterThan(40)
  const numbers = momentsOf(statements)
  await inParallel(AT_ONCE, numbers, cutInsideAfter)
})

/** A process of its own, killed with the message of that number, or at its end. */
async function killAtMessage({ url }: TestedDatabase, number: number): Promise<NodeJS.Signals | null> {
  const resources = createResources()
  const kill = () => child.kill('SIGKILL')
  const proxy = resources.use(await startMessageProxy(url, (count) => count === number && kill()))
  const child = spawn(process.execPath, [resolve('dist/migrate.js')], {
    env: { PATH: process.env.PATH, DATABASE_URL: proxy.url },
    stdio: 'ignore',
  })
  const [, signal] = await once(child, 'exit')
  await resources[Symbol.asyncDispose]()
  return signal
}

test('processes that were killed at random leave nothing to mend', {
  timeout: 20 * MINUTES,
}, async () => {
  const moments = Array.from({ length: KILLED_PROCESSES }, () => randomInt(5, 90))
  const killed = await inParallel(AT_ONCE, moments, (moment) =>
    onDatabase(async (database) => {
      const signal = await killAtMessage(database, moment)
      await expectWhole(database)
      return signal
    }),
  )
  expect(killed, `at messages ${moments}`).toEqual(moments.map(() => 'SIGKILL'))
})

test('four processes on one database, one of them killed: the others do it all', async () => {
  await onDatabase(async (database) => {
    const killed = killAtMessage(database, 60)
    const others = Array.from({ length: 3 }, () => applyMigrations({ databaseUrl: database.url }))
    await Promise.all([killed, ...others])
    await expectWhole(database)
  })
})

/** What the version before `fair_and_flat` knew of. */
const OLD_MIGRATIONS = 2
const OLD_EVENTS = 3000

/** All finished, so that a service that starts leaves them alone. */
const oldRows = `
  insert into subscriptions (id, "endpointUrl", "eventTypes", secret, fingerprint)
  select gen_random_uuid(), 'https://example.com/' || n, array['a'], 'of-before', decode(md5(n::text), 'hex')
  from generate_series(1, 20) n;
  insert into events (id, type, data, status, "createdAt", "deliveryCount", "sentCount")
  select gen_random_uuid(), 'a', '{}', 'DELIVERED', now(), 1, 1 from generate_series(1, ${OLD_EVENTS});
  insert into deliveries (id, "eventId", "subscriptionId", status, attempts)
  select gen_random_uuid(), events.id, (select id from subscriptions limit 1), 'SENT', 1 from events;
  insert into "deliveryLogs" ("deliveryId", attempt, status, "statusCode", "responseTimeMs")
  select id, 1, 'SENT', 200, 5 from deliveries`

/** @param directory becomes a version that comes with the first migrations only */
async function migrateAsOldVersion(directory: string, databaseUrl: string): Promise<void> {
  for (const name of ['dist', 'package.json']) cpSync(name, join(directory, name), { recursive: true })
  symlinkSync(resolve('node_modules'), join(directory, 'node_modules'))
  cpSync('prisma/migrations', join(directory, 'prisma/migrations'), { recursive: true })
  for (const name of migrationNames().slice(OLD_MIGRATIONS))
    rmSync(join(directory, 'prisma/migrations', name), { recursive: true })
  const child = spawn(process.execPath, ['dist/migrate.js'], {
    cwd: directory,
    env: { PATH: process.env.PATH, DATABASE_URL: databaseUrl },
    stdio: 'ignore',
  })
  expect((await once(child, 'exit'))[0]).toBe(0)
}

/** How many of each there are, and what is counted of them. */
const sqlKept = `
  select (select count(*) from events)::int as events, (select count(*) from deliveries)::int as deliveries,
    (select count(*) from "deliveryLogs")::int as logs, (select count(*) from subscriptions)::int as subscriptions,
    (select sum(events) from tallies)::int as "tallyOfEvents", (select sum(sent) from tallies)::int as "tallyOfSent"`

test('upgrades that were killed at random leave nothing to mend, and lose nothing', {
  timeout: 20 * MINUTES,
}, async () => {
  const seed = process.env.MIGRATION_SEED ?? randomUUID()
  process.stdout.write(`The upgrades are killed at the moments of MIGRATION_SEED=${seed}\n`)
  const random = createRandom(seed)
  const resources = createResources()
  const { path: directory } = resources.use(temporaryDirectory())
  const template = `test_old_${randomUUID().replaceAll('-', '')}`
  await admin.query(`create database ${template}`)
  resources.use({
    [Symbol.asyncDispose]: async () => void (await admin.query(`drop database ${template} with (force)`)),
  })
  const templateUrl = withDatabase(inject('postgresUrl'), template)
  try {
    await migrateAsOldVersion(directory, templateUrl)
    const old = new pg.Client(templateUrl)
    await old.connect()
    await old.query(oldRows)
    await old.end()

    const messages = await onDatabase(async (database) => {
      const proxy = resources.use(await startMessageProxy(database.url, () => {}))
      await applyMigrations({ databaseUrl: proxy.url })
      return proxy.count()
    }, template)
    const moments = Array.from({ length: KILLED_PROCESSES }, () => 1 + Math.floor(random.next() * messages))
    const pendingAfter = await inParallel(AT_ONCE, moments, (moment) =>
      onDatabase(async (database) => {
        expect(await killAtMessage(database, moment)).toBe('SIGKILL')
        const pending = await pendingMigrations({ databaseUrl: database.url })
        await using started = await startProcess({ settings: { DATABASE_URL: database.url }, directory })
        expect((await started.api.get('/v1/health')).status).toBe(200)
        expect(await started.end('SIGTERM')).toBe(0)
        await expectWhole(database)
        const { rows } = await database.client.query(sqlKept)
        expect(rows, `killed at message ${moment}`).toEqual([
          {
            ...{ events: OLD_EVENTS, deliveries: OLD_EVENTS, logs: OLD_EVENTS, subscriptions: 20 },
            ...{ tallyOfEvents: OLD_EVENTS, tallyOfSent: OLD_EVENTS },
          },
        ])
        return pending.length
      }, template),
    )
    // Else it was no upgrade that was killed.
    expect(pendingAfter.filter((count) => count > 0).length, `${pendingAfter}`).toBeGreaterThan(
      moments.length / 2,
    )
  } finally {
    await resources[Symbol.asyncDispose]()
  }
})

/** The numbers from 1 to `count` that this run tries. */
function momentsOf(count: number): number[] {
  const first = randomInt(1, MOMENTS_PER_TRY + 1)
  return Array.from({ length: count }, (_, index) => index + 1).filter(
    (number) => number % MOMENTS_PER_TRY === first % MOMENTS_PER_TRY,
  )
}

async function inParallel<Item, Result>(
  width: number,
  items: Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  const rest = items.entries()
  const runner = async () => {
    for (const [index, item] of rest) results[index] = await work(item)
  }
  await Promise.all(Array.from({ length: width }, runner))
  return results
}
