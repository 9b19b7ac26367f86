/** What is due "now" is due at once: no moment that is written lies in the future, not even by half a millisecond. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { sqlNow } from '../../src/platform/postgres/sql-now.js'
import { createTestDatabase, type TestDatabase } from '../support/database.js'

let database: TestDatabase

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database[Symbol.asyncDispose]())

it('a moment that is written to a column of milliseconds is never in the future', async () => {
  const countEarly = async (moment: string) => {
    const [row] = await database.query<{ early: number }>(
      `with tries as (select clock_timestamp() as at from generate_series(1, 100000))
       select (count(*) filter (where (${moment.replace('now()', 'at')})::timestamptz(3) > at))::int as early from tries`,
    )
    return row?.early
  }
  expect(await countEarly(sqlNow)).toBe(0)
  // Without it about half of them are.
  expect(await countEarly('now()')).toBeGreaterThan(500)
})

it('no column that holds milliseconds has a default that rounds', async () => {
  const rounding = await database.query(
    `select table_name, column_name, column_default from information_schema.columns
     where table_schema = 'public' and datetime_precision = 3
       and column_default ~* 'now|current_timestamp' and column_default !~ 'date_trunc'`,
  )
  expect(rounding).toEqual([])
})

it('no statement writes a bare now()', async () => {
  const files = (await readdir('src', { recursive: true })).filter((file) => file.endsWith('.ts'))
  const writing = await Promise.all(
    files.map(async (file) => {
      const text = (await readFile(join('src', file), 'utf8')).replaceAll(
        "date_trunc('milliseconds', now())",
        '',
      )
      const written = text.match(/(" = |, |select )(?<!performance\.|Date\.)now\(\)/g) ?? []
      return written.length > 0 ? [`${file}: ${written.join(' ')}`] : []
    }),
  )
  expect(writing.flat()).toEqual([])
})
