import { createHash, randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import {
  applyMigrations,
  migrationNames,
  migrationsDirectory,
  pendingMigrations,
} from '../../src/platform/migrations/index.js'
import { timeOfUuidV7 } from '../../src/platform/uuid.js'
import { withDatabase } from '../support/global-setup.js'

let name: string
let databaseUrl: string
let admin: pg.Client
let client: pg.Client

beforeEach(async () => {
  admin = new pg.Client(inject('postgresUrl'))
  await admin.connect()
  name = `test_${randomUUID().replaceAll('-', '')}`
  await admin.query(`create database ${name}`)
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

test('a migration that failed before stops the next attempt with its name', async () => {
  await applyMigrations({ databaseUrl })
  await client.query('update _prisma_migrations set finished_at = null')
  await expect(applyMigrations({ databaseUrl })).rejects.toThrow(migrationNames().at(-1))
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
