import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { applyMigration } from '../../src/platform/migrations/apply.js'
import { CONCURRENTLY_MARKER, parseIndexStatements } from '../../src/platform/migrations/concurrently.js'
import { readMigrations } from '../../src/platform/migrations/files.js'
import { createHistory } from '../../src/platform/migrations/history.js'
import {
  applyMigrations,
  migrationNames,
  migrationsDirectory,
  pendingMigrations,
} from '../../src/platform/migrations/index.js'
import { withMigrationLock } from '../../src/platform/migrations/lock.js'
import { splitStatements } from '../../src/platform/migrations/statements.js'
import { timeOfUuidV7 } from '../../src/platform/uuid.js'
import { readCatalogue } from '../support/catalogue.js'
import { TEMPLATE_DATABASE, withDatabase } from '../support/global-setup.js'

let name: string
let databaseUrl: string
let admin: pg.Client
let client: pg.Client

let whole: string[]

beforeAll(async () => {
  const template = new pg.Client(withDatabase(inject('postgresUrl'), TEMPLATE_DATABASE))
  await template.connect()
  whole = await readCatalogue(template, ['public'])
  // A database that is in use can't be cloned.
  await template.end()
})

beforeEach(async () => {
  admin = new pg.Client(inject('postgresUrl'))
  await admin.connect()
  name = `test_${randomUUID().replaceAll('-', '')}`
  await admin.query(`create database ${name} strategy file_copy`)
  databaseUrl = withDatabase(inject('postgresUrl'), name)
  client = new pg.Client(databaseUrl)
  await client.connect()
})

afterEach(async () => {
  await client.end()
  await admin.query(`drop database ${name} with (force)`)
  await admin.end()
})

test('an empty database lacks every migration; once they are applied, none', async () => {
  expect(await pendingMigrations({ databaseUrl })).toEqual([...migrationNames(), 'bullmq'])
  expect(await applyMigrations({ databaseUrl })).toEqual({ applied: migrationNames() })
  expect(await pendingMigrations({ databaseUrl })).toEqual([])
  expect(await applyMigrations({ databaseUrl })).toEqual({ applied: [] })
})

test('four at once apply each migration exactly once', async () => {
  const results = await Promise.all(Array.from({ length: 4 }, () => applyMigrations({ databaseUrl })))
  expect(results.flatMap(({ applied }) => applied)).toEqual(migrationNames())
  const { rows } = await client.query('select migration_name from _prisma_migrations order by migration_name')
  expect(rows.map(({ migration_name }) => migration_name)).toEqual(migrationNames())
})

test('they are recorded as Prisma records them', async () => {
  await applyMigrations({ databaseUrl })
  const { rows } = await client.query('select * from _prisma_migrations order by migration_name')
  for (const [index, migration] of migrationNames().entries()) {
    const script = await readFile(join(migrationsDirectory, migration, 'migration.sql'))
    expect(rows[index]).toMatchObject({
      migration_name: migration,
      checksum: createHash('sha256').update(script).digest('hex'),
      finished_at: expect.any(Date),
      rolled_back_at: null,
      applied_steps_count: 1,
    })
  }
})

/** The state that an older version left when it was killed: recorded as begun, and so many statements were run. */
async function leaveHalfApplied(migration: string, statements: number): Promise<void> {
  const sql = await readFile(join(migrationsDirectory, migration, 'migration.sql'), 'utf8')
  for (const statement of splitStatements(sql).slice(0, statements)) await client.query(statement)
  const checksum = createHash('sha256').update(sql).digest('hex')
  await client.query('insert into _prisma_migrations (id, checksum, migration_name) values ($1, $2, $3)', [
    randomUUID(),
    checksum,
    migration,
  ])
}

test.each(migrationNames())('%s, half applied by an older version, is finished', async (migration) => {
  const { signal } = new AbortController()
  const migrations = readMigrations()
  const index = migrationNames().indexOf(migration)
  const statements = splitStatements(migrations[index]?.sql ?? '').length
  for (const done of new Set([0, 1, Math.floor(statements / 2), statements])) {
    await client.query('drop schema public cascade; create schema public')
    await createHistory(client)
    for (const earlier of migrations.slice(0, index))
      await applyMigration(client, { migration: earlier, schema: 'public', signal })
    await leaveHalfApplied(migration, done)
    expect((await applyMigrations({ databaseUrl })).applied).toEqual(migrationNames().slice(index))
    expect(await readCatalogue(client, ['public'])).toEqual(whole)
    expect((await client.query('select from tallies')).rowCount).toBe(1)
  }
})

test('a migration whose file has changed since is refused by its name', async () => {
  await applyMigrations({ databaseUrl })
  const [first] = migrationNames()
  await client.query(`update _prisma_migrations set checksum = 'other' where migration_name = $1`, [first])
  for (const work of [applyMigrations, pendingMigrations])
    await expect(work({ databaseUrl })).rejects.toThrow(`The migration ${first} was applied to this database`)
})

test("another application's table in the way is named, with the way out, and nothing is left", async () => {
  await client.query('create table public.events (number int)')
  const attempt = applyMigrations({ databaseUrl })
  await expect(attempt).rejects.toThrow(/relation "events" already exists.*\?schema=name/s)
  expect((await client.query(`select to_regtype('"EventStatus"') as type`)).rows).toEqual([{ type: null }])
})

test('?schema= is where all of it is, and it is made when it is missing', async () => {
  await client.query('create table public.events (number int)')
  const url = `${databaseUrl}?schema=hooks`
  expect(await applyMigrations({ databaseUrl: url })).toEqual({ applied: migrationNames() })
  expect(await pendingMigrations({ databaseUrl: url })).toEqual([])
  expect(await readCatalogue(client, ['public'])).toHaveLength(2)
  const inHooks = (await readCatalogue(client, ['hooks'])).filter((line) =>
    /^(r|function) hooks\.(events|job|uuid_v7) /.test(line),
  )
  expect(inHooks).toHaveLength(3)
})

test('a role that owns one schema migrates there, and is told what to grant where it may not', async () => {
  const role = `role_${randomUUID().replaceAll('-', '')}`
  await client.query(`create role ${role} login password 'one'; create schema hooks authorization ${role}`)
  await client.query('revoke create on schema public from public')
  const url = new URL(databaseUrl)
  url.username = role
  url.password = 'one'
  const inSchema = (schema: string) => applyMigrations({ databaseUrl: `${url.href}?schema=${schema}` })
  try {
    await expect(inSchema('public')).rejects.toThrow(`grant usage, create on schema "public" to "${role}"`)
    await expect(inSchema('missing')).rejects.toThrow(`create schema "missing" authorization "${role}"`)
    expect((await inSchema('hooks')).applied).toEqual(migrationNames())
  } finally {
    await client.query(`drop owned by ${role} cascade; drop role ${role}`)
  }
})

test('another process that migrates is waited for, which is said once, and an abort ends it at once', async () => {
  await client.query('begin; select pg_advisory_xact_lock(7170407)')
  const reasons: string[] = []
  const controller = new AbortController()
  const aborted = applyMigrations({
    databaseUrl,
    signal: controller.signal,
    onWait: () => controller.abort(new Error('stop')),
  })
  await expect(aborted).rejects.toThrow('stop')
  const waiting = applyMigrations({ databaseUrl, onWait: (reason) => reasons.push(reason) })
  await expect.poll(() => reasons, { timeout: 10_000 }).toEqual(["waiting for another process's migration"])
  await client.query('commit')
  expect((await waiting).applied).toEqual(migrationNames())
  expect(reasons).toHaveLength(1)
})

test('a broken connection of the lock ends the work', async () => {
  const lost = withMigrationLock({ databaseUrl, onWait() {} }, async (signal) => {
    const isLost = once(signal, 'abort')
    await client.query(`select pg_terminate_backend(pid) from pg_locks
      where locktype = 'advisory' and objid = 7170407
      and database = (select oid from pg_database where datname = current_database())`)
    await isLost
    throw signal.reason
  })
  await expect(lost).rejects.toThrow('held the lock for migrations broke')
})

describe('indexes, concurrently', () => {
  const sql = `${CONCURRENTLY_MARKER}\n\nCREATE UNIQUE INDEX CONCURRENTLY "once" ON "events"("type");\n`
  const migration = { name: '29990101000000_once', sql, checksum: 'c' }
  const { signal } = new AbortController()
  const apply = () => applyMigration(client, { migration, schema: 'public', signal })
  const isValid = async () =>
    (await client.query(`select indisvalid from pg_index where indexrelid = to_regclass('once')`)).rows[0]
      ?.indisvalid
  const insert = `insert into events (id, type, data, "createdAt") select uuid_v7(), 'a', '{}', now() from generate_series(1, 2)`

  beforeEach(() => applyMigrations({ databaseUrl }))

  test('one that is left invalid is made anew, and then recorded', async () => {
    await client.query(insert)
    await expect(apply()).rejects.toThrow('could not create unique index')
    expect(await isValid()).toBe(false)
    await client.query('delete from events')
    await apply()
    expect(await isValid()).toBe(true)
    await apply()
    const { rows } = await client.query(`select from _prisma_migrations where migration_name = $1`, [
      migration.name,
    ])
    expect(rows).toHaveLength(1)
  })

  test('a process that dies while it waits for old transactions is followed by the next', async () => {
    const old = new pg.Client(databaseUrl)
    await old.connect()
    await old.query('begin isolation level repeatable read; select from events')
    const dying = new pg.Client(databaseUrl)
    dying.on('error', () => {})
    await dying.connect()
    const died = applyMigration(dying, { migration, schema: 'public', signal }).catch((error) => error)
    await expect.poll(isValid, { timeout: 10_000 }).toBe(false)
    await dying.end()
    expect(await died).toBeInstanceOf(Error)
    const next = apply()
    await old.query('commit')
    await old.end()
    await next
    expect(await isValid()).toBe(true)
  })

  test('nothing but such statements is taken', () => {
    for (const other of ['create table "x" ()', 'create index "x" on "events"("type")'])
      expect(() => parseIndexStatements(other)).toThrow('may only hold')
  })
})

test('BullMQ finds its tables in a schema of their own', async () => {
  await applyMigrations({ databaseUrl })
  const { rows } = await client.query(`select to_regclass('bullmq.job') is not null as there`)
  expect(rows).toEqual([{ there: true }])
})

test('uuid_v7() makes UUIDs of version 7 (RFC 9562 §5.7) that hold this moment', async () => {
  await applyMigrations({ databaseUrl })
  const beforeMs = Date.now()
  const { rows } = await client.query<{ id: string }>('select uuid_v7() as id from generate_series(1, 1000)')
  const afterMs = Date.now()
  for (const { id } of rows) {
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(timeOfUuidV7(id)).toBeGreaterThanOrEqual(beforeMs)
    expect(timeOfUuidV7(id)).toBeLessThanOrEqual(afterMs)
  }
  expect(new Set(rows.map(({ id }) => id)).size).toBe(1000)
})
