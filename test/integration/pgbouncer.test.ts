/**
 * The service behind PgBouncer, as Debian delivers it: no prepared statements in transaction mode, and few parameters.
 */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { loadConfig } from '../../src/config.js'
import { provideServer } from '../../src/lifecycle/provision-database.js'
import { pendingMigrations } from '../../src/platform/migrations/index.js'
import { createSessionPool } from '../../src/platform/postgres/pool.js'
import { findPooling, requireOwnSessions } from '../../src/platform/postgres/pooler.js'
import { connectUnprepared } from '../../src/platform/postgres/session.js'
import { createResources } from '../../src/platform/resources.js'
import { createClient, TEST_KEY } from '../support/client.js'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { doMainJob } from '../support/main-job.js'
import { type PgBouncer, startPgBouncer } from '../support/pgbouncer.js'
import { startRedis } from '../support/redis.js'
import { queueModes, startOn } from '../support/service.js'

const resources = createResources()
const modes = ['session', 'transaction'] as const
const poolers = {} as Record<(typeof modes)[number], PgBouncer>

beforeAll(async () => {
  for (const mode of modes) poolers[mode] = resources.use(await startPgBouncer(inject('postgresUrl'), mode))
})
afterAll(() => resources[Symbol.asyncDispose]())

async function strangeDatabase(): Promise<TestDatabase> {
  const database = resources.use(await createTestDatabase())
  const [row] = await database.query<{ name: string }>('select current_database() as name')
  await database.query(`alter database ${row?.name} set default_transaction_isolation = 'serializable'`)
  await database.query(`alter database ${row?.name} set timezone = 'Asia/Tokyo'`)
  await database.query(`alter database ${row?.name} set statement_timeout = '700'`)
  return database
}

describe('what a URL leads through', () => {
  it('is nothing, or a pooler in one of its modes', async () => {
    const { url } = resources.use(await createTestDatabase())
    expect(await findPooling(url)).toBe('none')
    expect(await findPooling(poolers.session.urlOf(url))).toBe('session')
    expect(await findPooling(poolers.transaction.urlOf(url))).toBe('transaction')
  })

  it('is seen also while others use the pooler', async () => {
    const { url } = resources.use(await createTestDatabase())
    const pooled = poolers.transaction.urlOf(url)
    const others = createSessionPool({
      ...{ url: pooled, pooling: 'transaction', maxConnections: 8, timeoutMs: 5000, onError: () => {} },
    })
    let isOver = false
    const busy = Promise.all(
      Array.from({ length: 8 }, async () => {
        while (!isOver) await others.query('select pg_sleep(0.002)')
      }),
    )
    try {
      for (let tries = 0; tries < 10; tries++) expect(await findPooling(pooled)).toBe('transaction')
    } finally {
      isOver = true
      await busy
      await others.end()
    }
  })

  it('is refused with a sentence where one session is needed for long', async () => {
    const { url } = resources.use(await createTestDatabase())
    await expect(requireOwnSessions(poolers.transaction.urlOf(url), 'Migrations')).rejects.toThrow(
      "Migrations can't go through a pooler in transaction mode. Set DIRECT_DATABASE_URL to the database itself.",
    )
    await requireOwnSessions(poolers.session.urlOf(url), 'Migrations')
  })
})

describe.each(modes)('through PgBouncer in %s mode', (mode) => {
  it.each(queueModes)(
    'the main job is done on a database with strange settings, queue on %s',
    async (queue) => {
      const { url } = await strangeDatabase()
      const redis = queue === 'redis' ? resources.use(await startRedis()) : undefined
      const settings = { DATABASE_URL: poolers[mode].urlOf(url), DIRECT_DATABASE_URL: url }
      const lines: string[] = []
      const config = loadConfig({ ...settings, API_KEYS: TEST_KEY, NODE_ENV: 'test' })
      const tell = (line: string) => void lines.push(line)
      const { databaseUrl, directUrl, pooling } = resources.use(
        await provideServer(config, { info: tell, warn: tell }, new AbortController().signal),
      )
      expect(lines[0]).toBe(`DATABASE_URL leads through a pooler in ${mode} mode.`)
      const service = resources.use(await startOn({ url: databaseUrl, directUrl, pooling }, redis))
      await doMainJob({ url: service.url, api: createClient(service.url) })
    },
  )

  it('leaves no setting and no lock behind in a session that others get', async () => {
    const { url, query } = await strangeDatabase()
    const pooled = poolers[mode].urlOf(url)
    const pool = createSessionPool({
      ...{ url: pooled, pooling: mode, maxConnections: 1, timeoutMs: 5000, onError: () => {} },
    })
    const { rows } = await pool.query(
      `select current_setting('timezone') as zone, current_setting('jit') as jit`,
    )
    expect(rows).toEqual([{ zone: 'UTC', jit: 'off' }])
    await expect(pool.query('select 1 / 0')).rejects.toThrow('division by zero')
    await pool.query('select 1')
    await pool.end()
    if (mode === 'transaction') {
      const settings = await readThrough(pooled)
      expect(settings).toEqual({ zone: 'Asia/Tokyo', isolation: 'serializable' })
    }
    expect(
      await query(`select 1 from pg_locks where locktype = 'advisory'
      and database = (select oid from pg_database where datname = current_database())`),
    ).toEqual([])
  })
})

it('a look at migrations, as a start in production takes it, leaves no setting in a shared session', async () => {
  const { url } = await strangeDatabase()
  const pooled = poolers.transaction.urlOf(url)
  await pendingMigrations({ databaseUrl: pooled })
  expect(await readThrough(pooled)).toEqual({ zone: 'Asia/Tokyo', isolation: 'serializable' })
})

/** As another user of the pooler finds the session that was used before. */
async function readThrough(url: string) {
  const client = await connectUnprepared({ url })
  try {
    const { rows } = await client.query(
      `select current_setting('timezone') as zone, current_setting('default_transaction_isolation') as isolation`,
    )
    return rows[0]
  } finally {
    await client.end()
  }
}
