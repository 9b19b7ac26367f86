/**
 * What producers get while PostgreSQL doesn't keep up: a quick 503 that says when to come again, not a place in a
 * queue.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { type Client, createClient } from '../support/client.js'
import { createTestDatabase } from '../support/database.js'
import { startProxy, type TcpProxy } from '../support/proxy.js'
import { startReceiver } from '../support/receiver.js'
import { startOn } from '../support/service.js'

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

/** Far below what waiting for the database takes, on a machine that has much to do. */
const ANSWERED_AT_ONCE_MS = 2000

const event = { type: 'user.created', data: {} }

async function start() {
  const database = resources.use(await createTestDatabase())
  const toDatabase = resources.use(await startProxy(database.url))
  const service = resources.use(await startOn({ ...database, url: toDatabase.url }, undefined))
  resources.use({ [Symbol.asyncDispose]: toDatabase.restore })
  return { api: createClient(service.url), database, toDatabase }
}

interface Answer {
  status: number
  retryAfter: string | null
  sentAtMs: number
  tookMs: number
}

/** Fifty requests a second, for so long, whether or not they are answered. */
async function publishSteadily(api: Client, forMs: number): Promise<Answer[]> {
  const startedAt = performance.now()
  const answers: Promise<Answer>[] = []
  const publish = async (): Promise<Answer> => {
    const sentAtMs = performance.now() - startedAt
    const { status, headers } = await api.post('/v1/events', event)
    const tookMs = performance.now() - startedAt - sentAtMs
    return { status, retryAfter: headers.get('retry-after'), sentAtMs, tookMs }
  }
  while (performance.now() - startedAt < forMs) {
    answers.push(publish())
    await pause(20)
  }
  return Promise.all(answers)
}

const faults: [string, (proxy: TcpProxy) => unknown][] = [
  ['hangs', (proxy) => proxy.hang()],
  ['takes 3 s for each word', (proxy) => proxy.slow(3000)],
  ['is gone', (proxy) => proxy.cut()],
]

describe.each(faults)('while the database %s', (_, breakIt) => {
  it('POST /v1/events soon answers 503 at once, and 202 when it is back', { timeout: 180_000 }, async () => {
    const { api, database, toDatabase } = await start()
    const receiver = resources.use(await startReceiver())
    await api.post('/v1/subscriptions', { endpointUrl: receiver.url, eventTypes: [event.type] })
    await breakIt(toDatabase)
    const answers = await publishSteadily(api, 8000)

    const refused = answers.filter(({ status }) => status === 503)
    expect(answers.filter(({ status }) => status !== 202 && status !== 503)).toEqual([])
    expect(refused.every(({ retryAfter }) => Number(retryAfter) > 0)).toBe(true)
    // None waits longer than the database's own limits, whenever it came: they don't queue up behind each other.
    expect(Math.max(...answers.map(({ tookMs }) => tookMs))).toBeLessThan(12_000)
    // Once it is known, most are answered without asking.
    const late = answers.filter(({ sentAtMs }) => sentAtMs > 3000)
    const quick = late.filter(({ status, tookMs }) => status === 503 && tookMs < ANSWERED_AT_ONCE_MS)
    expect(quick.length / late.length).toBeGreaterThan(0.5)
    expect((await api.get('/v1/health')).status).toBe(503)

    await toDatabase.restore()
    const publish = async () => (await api.post('/v1/events', event)).status
    await expect.poll(publish, { timeout: 40_000 }).toBe(202)
    await expect.poll(async () => (await api.get('/v1/health')).status, { timeout: 40_000 }).toBe(200)
    // Every one that was answered with 202 is there, and goes out.
    const accepted = answers.filter(({ status }) => status === 202).length + 1
    await expect
      .poll(async () => (await database.query(`select from events where status = 'DELIVERED'`)).length, {
        timeout: 80_000,
      })
      .toBeGreaterThanOrEqual(accepted)
  })
})
