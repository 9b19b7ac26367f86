/** The session is the service's own, whatever a server, a database, a role or a URL sets. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createSessionPool } from '../../src/platform/postgres/pool.js'
import { connectSession } from '../../src/platform/postgres/session.js'
import { createResources } from '../../src/platform/resources.js'
import { createClient } from '../support/client.js'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { doMainJob } from '../support/main-job.js'
import { startRedis } from '../support/redis.js'
import { queueModes, startOn } from '../support/service.js'

/** Settings that are somebody's right to make, each of which once broke the service, or could. */
const strange: Record<string, string> = {
  timezone: 'Asia/Tokyo',
  datestyle: 'SQL, DMY',
  intervalstyle: 'sql_standard',
  bytea_output: 'escape',
  extra_float_digits: '-15',
  standard_conforming_strings: 'off',
  array_nulls: 'off',
  transform_null_equals: 'on',
  default_transaction_isolation: 'serializable',
  default_transaction_deferrable: 'on',
  search_path: 'other, public',
  // Enough to connect with, and for nothing that waits.
  statement_timeout: '1000',
  lock_timeout: '1',
  idle_in_transaction_session_timeout: '1000',
  idle_session_timeout: '3000',
  synchronous_commit: 'off',
  jit: 'on',
  jit_above_cost: '0',
  enable_indexscan: 'off',
  enable_bitmapscan: 'off',
  enable_nestloop: 'off',
  random_page_cost: '400',
  plan_cache_mode: 'force_custom_plan',
  max_parallel_workers_per_gather: '4',
  gin_fuzzy_search_limit: '1',
}

const resources = createResources()
let database: TestDatabase

beforeAll(async () => {
  database = resources.use(await createTestDatabase())
  const [row] = await database.query<{ name: string }>('select current_database() as name')
  await database.query('create schema other')
  await database.query('create table other.subscriptions (nothing text)')
  for (const [name, value] of Object.entries(strange)) {
    const list = name === 'search_path' ? value : `'${value}'`
    await database.query(`alter database ${row?.name} set ${name} = ${list}`)
  }
})
afterAll(() => resources[Symbol.asyncDispose]())

const url = () =>
  `${database.url}?options=${encodeURIComponent('-c statement_timeout=900 -c timezone=Asia/Kolkata')}`
const options = () => ({ url: url(), maxConnections: 1, timeoutMs: 5000, onError: () => {} })

interface Queryable {
  query(text: string, values: unknown[]): Promise<{ rows: { name: string; setting: string }[] }>
}

async function settingsOf(session: Queryable): Promise<Record<string, string>> {
  const { rows } = await session.query('select name, setting from pg_settings where lower(name) = any ($1)', [
    Object.keys(strange),
  ])
  return Object.fromEntries(rows.map(({ name, setting }) => [name.toLowerCase(), setting]))
}

/** But for those that don't concern a session whose plans are small and whose JIT is off. */
const own = {
  timezone: 'UTC',
  datestyle: 'ISO, MDY',
  intervalstyle: 'postgres',
  bytea_output: 'hex',
  extra_float_digits: '1',
  standard_conforming_strings: 'on',
  array_nulls: 'on',
  transform_null_equals: 'off',
  default_transaction_isolation: 'read committed',
  default_transaction_deferrable: 'off',
  search_path: '"public"',
  lock_timeout: '0',
  idle_session_timeout: '0',
  synchronous_commit: 'on',
  jit: 'off',
  enable_indexscan: 'on',
  enable_bitmapscan: 'on',
  enable_nestloop: 'on',
  random_page_cost: '1.1',
  max_parallel_workers_per_gather: '0',
  gin_fuzzy_search_limit: '0',
}

describe('on a database with strange settings', () => {
  it('a pool has the settings that statements rely on', async () => {
    const pool = createSessionPool(options())
    resources.use({ [Symbol.asyncDispose]: () => pool.end() })
    expect(await settingsOf(pool)).toMatchObject({ ...own, statement_timeout: '5000' })
  })

  it('reads in sequence cost more where plans are kept, so that tables may grow', async () => {
    const pool = createSessionPool({ ...options(), plansOnce: true })
    resources.use({ [Symbol.asyncDispose]: () => pool.end() })
    const { rows } = await pool.query(
      `select current_setting('seq_page_cost') as cost, current_setting('plan_cache_mode') as mode`,
    )
    expect(rows).toEqual([{ cost: '10', mode: 'force_generic_plan' }])
  })

  it('a single connection has them too, and all the time that it needs', async () => {
    const client = await connectSession({ url: url() })
    resources.use({ [Symbol.asyncDispose]: () => client.end() })
    expect(await settingsOf(client)).toMatchObject({
      ...own,
      ...{ statement_timeout: '0', idle_in_transaction_session_timeout: '0' },
    })
  })

  it('a stricter wait for the commit stays, since that is for an operator to choose', async () => {
    const strict = `${database.url}?options=${encodeURIComponent('-c synchronous_commit=remote_apply')}`
    const client = await connectSession({ url: strict })
    resources.use({ [Symbol.asyncDispose]: () => client.end() })
    expect(await settingsOf(client)).toMatchObject({ synchronous_commit: 'remote_apply' })
  })

  it.each(queueModes)('the main job is done, queue on %s', async (mode) => {
    // Ended before the next one starts: one that takes deliveries of this database, and reaches its watchers on
    // another way, would leave those of the other without updates.
    await using own = createResources()
    const redis = mode === 'redis' ? own.use(await startRedis()) : undefined
    const service = own.use(await startOn({ url: url() }, redis))
    await doMainJob({ url: service.url, api: createClient(service.url) })
  })
})

/** Where connections may be made: for statements of the service, and for a look at a server before it is relied on. */
const places = ['platform/postgres/', 'platform/embedded-postgres/connection.ts']

it('every connection is made where the session gets its settings', async () => {
  const files = (await readdir('src', { recursive: true })).filter((file) => file.endsWith('.ts'))
  const makes = async (file: string) =>
    /new (pg\.)?Client\(|new pg\.Pool\(|extends pg\./.test(await readFile(join('src', file), 'utf8'))
  const making: string[] = []
  for (const file of files) if (await makes(file)) making.push(file)
  expect(making).toContain('platform/postgres/pool.ts')
  expect(making.filter((file) => !places.some((place) => file.startsWith(place)))).toEqual([])
})
