/** Consumers of processes that are killed: what they had not acknowledged comes again, and what they had does not. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import type { TestDatabase } from '../support/database.js'
import { provideProcesses, type ServiceProcess } from '../support/process.js'
import { acknowledge, type Pulled, subscribeToPull, take } from '../support/pull.js'

const TIMEOUT_MS = 180_000
const PATIENCE = { timeout: 60_000, interval: 50 }
const COUNT = 200

let resources: Resources
let database: TestDatabase
let start: () => Promise<ServiceProcess>

beforeEach(async () => {
  resources = createResources()
  ;({ database, start } = await provideProcesses(resources))
}, TIMEOUT_MS)
afterEach(() => resources[Symbol.asyncDispose](), TIMEOUT_MS)

it(
  'loses no delivery with the process that handed it out, and repeats none that was acknowledged',
  async () => {
    const [first, second] = [await start(), await start()]
    const id = await subscribeToPull(first.api, { timeoutMs: 2000 })
    const events = Array.from({ length: COUNT }, (_, n) => ({ type: 'a', data: { n } }))
    expect((await first.api.post('/v1/events/batch', { events })).status).toBe(200)
    const acknowledged: string[] = []
    const consume = async (api: ServiceProcess['api'], pulled: Pulled[]) => {
      const answered = pulled.map(async (each) => {
        const { status, body } = await acknowledge(api, each)
        expect([status, body.status]).toEqual([200, 'SENT'])
        acknowledged.push(each.deliveryId)
      })
      await Promise.all(answered)
    }
    await consume(first.api, await take(first.api, id, 50))
    const lost = await take(first.api, id, 50)
    expect(lost.length).toBeGreaterThan(0)
    await first.end('SIGKILL')
    while (acknowledged.length < COUNT - lost.length)
      await consume(second.api, await take(second.api, id, 20))
    await second.end('SIGKILL')
    const third = await start()
    while (acknowledged.length < COUNT) {
      const again = await take(third.api, id, 50)
      expect(again.every(({ attempt }) => attempt > 1)).toBe(true)
      await consume(third.api, again)
    }
    expect(new Set(acknowledged).size).toBe(COUNT)
    const sql = `select status, count(*)::int as count from events group by status`
    await expect.poll(() => database.query(sql), PATIENCE).toEqual([{ status: 'DELIVERED', count: COUNT }])
    const log = `select count(*)::int as sent from "deliveryLogs" where status = 'SENT'`
    expect(await database.query(log)).toEqual([{ sent: COUNT }])
  },
  TIMEOUT_MS,
)
