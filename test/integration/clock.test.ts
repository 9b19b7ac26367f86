import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { type Clock, type ClockState, createDatabaseClock } from '../../src/platform/clock.js'
import { createDatabase, type Database } from '../../src/platform/postgres/database.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createTestDatabase, openDatabase } from '../support/database.js'
import { startProxy } from '../support/proxy.js'

// The database is asked every ten seconds.
vi.setConfig({ testTimeout: 90_000 })

const HOUR_MS = 3600_000
/** The database's clock is this machine's: to be told apart from a guess, what is measured must be this close to it. */
const CLOSE_MS = 100

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

const offBy = (clock: Clock, trueMs = Date.now()): number => Math.abs(clock.nowMs() - trueMs)

it('is measured over a network that takes its time', async () => {
  const { url } = resources.use(await createTestDatabase())
  const proxy = resources.use(await startProxy(url))
  const database = resources.use(createDatabase({ url: proxy.url }))
  proxy.slow(200)
  const clock = resources.use(await createDatabaseClock({ database, onChange: () => {} }))
  expect(offBy(clock)).toBeLessThan(CLOSE_MS)
  expect(clock.state).toMatchObject({ status: 'ok' })
})

/** The database, as if its clock were an hour ahead of what it is; or whatever is set later. */
function withShiftedClock({ query }: Database) {
  const shifted = {
    byMs: HOUR_MS,
    async query<Row extends object>(...asked: Parameters<Database['query']>): Promise<Row[]> {
      const rows = await query<{ nowMs: number }>(...asked)
      return rows.map(({ nowMs }) => ({ nowMs: nowMs + shifted.byMs })) as unknown as Row[]
    },
  }
  return shifted
}

it('follows the database when its clock is set, and says so', async () => {
  const database = withShiftedClock(resources.use(openDatabase(resources.use(await createTestDatabase()))))
  const told: ClockState[] = []
  const clock = resources.use(await createDatabaseClock({ database, onChange: (state) => told.push(state) }))
  expect(offBy(clock, Date.now() + HOUR_MS)).toBeLessThan(CLOSE_MS)
  expect(told.map(({ status }) => status)).toEqual(['off'])
  expect(Math.abs((told[0]?.offsetMs ?? 0) + HOUR_MS)).toBeLessThan(CLOSE_MS)

  database.byMs = 0
  await expect.poll(() => offBy(clock), { timeout: 40_000 }).toBeLessThan(CLOSE_MS)
  expect(told.map(({ status }) => status)).toEqual(['off', 'ok'])
})

it('goes on while the database is away, and is measured again when it is back', async () => {
  const { url } = resources.use(await createTestDatabase())
  const proxy = resources.use(await startProxy(url))
  const database = withShiftedClock(resources.use(createDatabase({ url: proxy.url })))
  const clock = resources.use(await createDatabaseClock({ database, onChange: () => {} }))
  await proxy.cut()
  await expect(database.query({ name: 'ping', text: 'select 1' }, [])).rejects.toThrow()
  database.byMs = 0
  expect(offBy(clock, Date.now() + HOUR_MS)).toBeLessThan(CLOSE_MS)
  await proxy.restore()
  await expect.poll(() => offBy(clock), { timeout: 40_000 }).toBeLessThan(CLOSE_MS)
})
