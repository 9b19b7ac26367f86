/**
 * A primary and its standby, and a service that knows both: whatever becomes of the primary, the service says that it
 * can't take events, goes on by itself once the standby takes its place, and has lost nothing that it accepted.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { applyMigrations } from '../../src/platform/migrations/index.js'
import { createResources } from '../../src/platform/resources.js'
import { createClient } from '../support/client.js'
import { doMainJob } from '../support/main-job.js'
import { findPostgresPrograms, type PostgresServer, startPostgresServer } from '../support/postgres-server.js'
import { startProcess, temporaryDirectory } from '../support/process.js'
import { startReceiver } from '../support/receiver.js'
import { startRedis } from '../support/redis.js'
import { queueModes, startOn } from '../support/service.js'
import { startSilentServer } from '../support/silent-server.js'

/** For starting two servers and moving between them, on a machine that does much else. */
const TIMEOUT_MS = 120_000
const PUBLISH_EVERY_MS = 50
const SEEN_WITHIN_MS = 1000
const BACK_WITHIN_MS = 10_000
const DELIVERED_WITHIN_MS = 30_000

const DATABASE = 'hooks'

let resources = createResources()
afterEach(async () => {
  await resources[Symbol.asyncDispose]()
  resources = createResources()
})

interface Pair {
  primary: PostgresServer
  standby: PostgresServer
}

async function startPair(): Promise<Pair> {
  const programs = findPostgresPrograms().at(-1) as ReturnType<typeof findPostgresPrograms>[number]
  const primary = resources.use(await startPostgresServer({ ...programs, settings: { fsync: 'off' } }))
  await primary.query(`create database ${DATABASE} encoding 'UTF8' template template0`)
  await applyMigrations({ databaseUrl: primary.urlOf(DATABASE) })
  return { primary, standby: resources.use(await primary.startStandby()) }
}

/** Both, as libpq's users name them. */
const urlOf = (...addresses: string[]) =>
  `postgres://postgres:of-the-superuser@${addresses.join()}/${DATABASE}?target_session_attrs=read-write`

interface Said {
  status: number
  eventId: string
  retryAfter: string | null
  tookMs: number
  atMs: number
}

/** Publishes at a steady pace, whatever the answers are, until it is stopped. */
function publishSteadily(url: string, type: string) {
  const api = createClient(url)
  const answers: Said[] = []
  const asked: Promise<void>[] = []
  async function publish(): Promise<void> {
    const startedAtMs = performance.now()
    const { status, body, headers } = await api.post('/v1/events', { type, data: {} })
    const atMs = performance.now()
    const retryAfter = headers.get('retry-after')
    answers.push({ status, eventId: body.eventId, retryAfter, tookMs: atMs - startedAtMs, atMs })
  }
  const timer = setInterval(() => asked.push(publish()), PUBLISH_EVERY_MS)
  return {
    answers,
    async stop() {
      clearInterval(timer)
      await Promise.all(asked)
    },
  }
}

const ways = {
  'is killed': ({ primary }: Pair) => primary.kill(),
  'becomes read-only and keeps its connections': ({ primary }: Pair) => primary.setReadOnly(true),
}
const cases = Object.entries(ways).flatMap(([title, strike]) =>
  queueModes.map((mode) => ({ title, strike, mode })),
)

describe('when the primary', () => {
  it.each(cases)(
    '$title, all that was accepted is delivered, queue on $mode',
    { timeout: TIMEOUT_MS },
    async ({ strike, mode }) => {
      const pair = await startPair()
      const redis = mode === 'redis' ? resources.use(await startRedis()) : undefined
      const url = urlOf(pair.primary.address, pair.standby.address)
      const service = resources.use(await startOn({ url }, redis))
      const api = createClient(service.url)
      const receiver = resources.use(await startReceiver())
      await api.post('/v1/subscriptions', { endpointUrl: receiver.url, eventTypes: ['failover'] })
      const { answers, stop } = publishSteadily(service.url, 'failover')
      await expect.poll(() => receiver.requests.length, { timeout: TIMEOUT_MS }).toBeGreaterThan(10)

      const struckAtMs = performance.now()
      await strike(pair)
      const refused = () => answers.find(({ status }) => status === 503)
      await expect.poll(refused, { timeout: SEEN_WITHIN_MS, interval: 20 }).toMatchObject({
        retryAfter: expect.stringMatching(/^[0-9]+$/),
      })
      await expect.poll(async () => (await api.get('/v1/health')).status, { timeout: 3000 }).toBe(503)
      await pause(1000)

      await pair.standby.promote()
      const promotedAtMs = performance.now()
      const isBack = () => answers.some(({ status, atMs }) => status === 202 && atMs > promotedAtMs)
      await expect.poll(isBack, { timeout: BACK_WITHIN_MS, interval: 20 }).toBe(true)
      await expect
        .poll(async () => (await api.get('/v1/health')).body, { timeout: BACK_WITHIN_MS, interval: 100 })
        .toMatchObject({ status: 'ok' })
      await stop()

      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202, 503]))
      const slowest = Math.max(...answers.filter(({ atMs }) => atMs > struckAtMs).map(({ tookMs }) => tookMs))
      expect(slowest).toBeLessThan(6000)
      const accepted = answers.filter(({ status }) => status === 202).map(({ eventId }) => eventId)
      const missing = () => {
        const arrived = new Set(receiver.requests.map(({ headers }) => headers['webhook-id']))
        return accepted.filter((id) => !arrived.has(id))
      }
      await expect.poll(missing, { timeout: DELIVERED_WITHIN_MS }).toEqual([])

      // What is held for long has moved as well: the lock that says that a worker lives, and the queue's notifications.
      const held = `
      select l.locktype from pg_locks l where l.locktype = 'advisory'
      union all select application_name from pg_stat_activity where query ilike '%listen%' and pid <> pg_backend_pid()`
      const holds = async () => (await pair.standby.query(held)).length
      await expect.poll(holds, { timeout: BACK_WITHIN_MS }).toBeGreaterThanOrEqual(mode === 'redis' ? 1 : 2)
      await doMainJob({ url: service.url, api })
    },
  )
})

describe('a start', { timeout: TIMEOUT_MS }, () => {
  it('goes past a standby, a host that is away and one that is silent', async () => {
    const { primary, standby } = await startPair()
    const silent = resources.use(await startSilentServer())
    const directory = resources.use(temporaryDirectory())
    const url = urlOf('127.0.0.1:1', silent.address, standby.address, primary.address)
    const settings = { DATABASE_URL: url, DATABASE_WAIT_SECONDS: '30' }
    const service = resources.use(await startProcess({ settings, directory: directory.path }))
    await doMainJob(service)
    expect(silent.isVisited()).toBe(true)
  })
})
