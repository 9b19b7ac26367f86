import { afterEach, beforeEach, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createTestDatabase } from '../support/database.js'
import { insertPastEvent } from '../support/finished-events.js'
import { runToEnd, temporaryDirectory } from '../support/process.js'

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

/** `npm run retention -- …` on a database with one event, finished 31 days ago, with a delivery and two logs. */
async function place() {
  const database = resources.use(await createTestDatabase())
  const directory = resources.use(temporaryDirectory()).path
  await insertPastEvent(database, {
    status: 'DEAD',
    deliveries: ['DEAD'],
    logsPerDelivery: 2,
    ageDays: 31,
  })
  const run = (args: string[], settings = {}) =>
    runToEnd('retention.js', { settings: { DATABASE_URL: database.url, ...settings }, directory }, args)
  return { run, events: () => database.query('select status from events') }
}

it('counts in a dry run, and removes without', async () => {
  const { run, events } = await place()
  const dry = await run(['--dry-run', '--days', '30'])
  expect(dry).toMatchObject({
    code: 0,
    output: expect.stringMatching(
      /^Would remove .* 30 days ago: events 1, deliveries 1, logs 2, the oldest accepted at 2\d{3}-.*Z\.$/,
    ),
  })
  expect(await events()).toHaveLength(1)

  expect(await run([], { RETENTION_DAYS: '31.5' })).toMatchObject({
    output: expect.stringContaining('events 0, deliveries 0, logs 0.'),
  })
  const removed = await run([], { RETENTION_DAYS: '30.5' })
  expect(removed).toEqual({
    code: 0,
    output: 'Removed what was finished more than 30.5 days ago: events 1, deliveries 1, logs 2.',
  })
  expect(await events()).toEqual([])
})

it.each([
  [[], 'Say how long finished events are kept: set RETENTION_DAYS, or give --days.'],
  [['--days', '0'], 'RETENTION_DAYS must be a number from 0.001 to 36500, not "0"'],
  [['--day', '1'], "Unknown option '--day'"],
])('removes nothing when it is told %j', async (args, sentence) => {
  const { run, events } = await place()
  expect(await run(args)).toEqual({ code: 1, output: expect.stringContaining(sentence) })
  expect(await events()).toHaveLength(1)
})
