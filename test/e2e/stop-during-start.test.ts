/** A start that is asked to end does so at once, at whichever stage it is, with the code that a shell expects. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { findFreePort } from '../../src/platform/free-port.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createTestDatabase } from '../support/database.js'
import { isOfStack, type Launched, launch } from '../support/launch.js'
import { temporaryDirectory } from '../support/process.js'
import type { Settings } from '../support/service.js'
import { startSilentServer } from '../support/silent-server.js'
import { timed } from '../support/timed.js'

const LIMIT_MS = 3000
/** Where an embedded PostgreSQL has to end too. */
const EMBEDDED_LIMIT_MS = 10_000
const codes = { SIGTERM: 143, SIGINT: 130 } as const

// Processes are started one after the other, on machines that do other things too.
vi.setConfig({ testTimeout: 120_000 })

let resources: Resources
let directory: string

beforeEach(() => {
  resources = createResources()
  directory = resources.use(temporaryDirectory()).path
})
afterEach(() => resources[Symbol.asyncDispose]())

const begin = (settings: Settings, program = 'main.js') =>
  resources.use(launch(program, { settings, directory }))

async function endsAtOnce(run: Launched, name: keyof typeof codes, limitMs = LIMIT_MS): Promise<void> {
  run.kill(name)
  const [code, milliseconds] = await timed(() => run.ended)
  expect([code, run.output.filter(isOfStack)]).toEqual([codes[name], []])
  expect(milliseconds).toBeLessThan(limitMs)
}

const patiently = { timeout: 60_000, interval: 10 }

describe.each(['SIGTERM', 'SIGINT'] as const)('%s', (name) => {
  it.each([['main.js'], ['migrate.js']])(
    'ends %s while PostgreSQL takes a connection and is silent',
    async (program) => {
      const silent = resources.use(await startSilentServer())
      const run = begin({ DATABASE_URL: `postgres://user:pw@${silent.address}/x` }, program)
      await expect.poll(silent.isVisited, patiently).toBe(true)
      await endsAtOnce(run, name)
    },
  )

  it('ends it while it waits for a PostgreSQL that is not there', async () => {
    const run = begin({ DATABASE_URL: `postgres://user:pw@127.0.0.1:${await findFreePort()}/x` })
    await expect.poll(() => run.output.join(), patiently).toContain('Waiting for PostgreSQL')
    await endsAtOnce(run, name)
  })

  it('ends several processes of which none listens yet', async () => {
    const { url } = resources.use(await createTestDatabase())
    const run = begin({ DATABASE_URL: url, PROCESSES: '2' })
    const children = () =>
      readFileSync(`/proc/${run.pid}/task/${run.pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
    await expect.poll(() => children().length, patiently).toBe(2)
    const pids = children()
    await endsAtOnce(run, name)
    await expect.poll(() => pids.filter((pid) => existsSync(`/proc/${pid}`)), patiently).toEqual([])
  })
})

it("ends a start that waits for another's migration", async () => {
  const database = resources.use(await createTestDatabase())
  await database.query('drop schema public cascade; create schema public')
  const other = new pg.Client(database.url)
  other.on('error', () => {})
  await other.connect()
  resources.use({ [Symbol.asyncDispose]: () => other.end() })
  // The lock that migrations take, and the table that they write, for whatever else they may wait for.
  await other.query('select pg_advisory_lock(7170407)')
  await other.query('begin; create table _prisma_migrations (id int)')
  const run = begin({ DATABASE_URL: database.url })
  const waiting = `
    select from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()
      and application_name not like '%start' and query ~ 'advisory|_prisma_migrations' and backend_type = 'client backend'`
  await expect.poll(async () => (await database.query(waiting)).length, patiently).toBeGreaterThan(1)
  await endsAtOnce(run, 'SIGTERM')
})

describe('a first start, on the embedded PostgreSQL', () => {
  const home = () => join(directory, '.data/postgres')
  const names = () => (existsSync(home()) ? readdirSync(home()) : [])
  const postmaster = () => join(home(), 'cluster/postmaster.pid')

  it.each([
    ['makes its data', () => names().some((name) => name.startsWith('cluster'))],
    ['starts its server', () => existsSync(postmaster())],
  ])(
    'ends, and its server too, while it %s',
    async (_, isThere) => {
      const run = begin({})
      await expect.poll(isThere, patiently).toBe(true)
      await endsAtOnce(run, 'SIGTERM', EMBEDDED_LIMIT_MS)
      expect(existsSync(postmaster())).toBe(false)

      const next = begin({})
      await expect.poll(() => next.output.join(), { timeout: 60_000 }).toContain('"msg":"listening"')
      next.kill('SIGTERM')
      expect(await next.ended).toBe(0)
    },
    120_000,
  )
})
