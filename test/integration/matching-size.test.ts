/** The index of subscriptions has room for many, and is soon made. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { loadAll } from '../../src/matching/load.js'
import { createTestDatabase, openDatabase } from '../support/database.js'

it.each([
  ['of one type', `'user.created'`],
  ['of a type of its own each', `'customer-' || n || '.created'`],
])('is made of 100,000 subscriptions %s in two seconds, with 300 bytes for each', async (_, type) => {
  await using tables = await createTestDatabase()
  await using database = openDatabase(tables)
  await tables.query(`
    insert into subscriptions (id, "endpointUrl", "eventTypes", secret, fingerprint)
    select gen_random_uuid(), 'https://example.com/' || n, array[${type}], 'none', n::text::bytea
    from generate_series(1, 100000) as n`)
  const before = heapUsed()
  const startedAt = performance.now()
  const loaded = await loadAll(database)
  expect(performance.now() - startedAt).toBeLessThan(2000)
  expect((heapUsed() - before) / 100_000).toBeLessThan(300)
  expect(loaded.index.size).toBe(100_000)
})

function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  ;(runInNewContext('gc') as () => void)()
  return process.memoryUsage().heapUsed
}
