/** Ordered delivery by two processes, while producers publish, the endpoint fails, and one of them is killed. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import type { TestDatabase } from '../support/database.js'
import { numberOf, publishNumber, subscribeInOrder, upTo } from '../support/ordering.js'
import { provideProcesses, type ServiceProcess } from '../support/process.js'
import { startReceiver } from '../support/receiver.js'

const TIMEOUT_MS = 180_000
const PATIENCE = { timeout: 120_000, interval: 50 }
const [KEYS, EACH] = [12, 50]
const FAILING = 0.2

let resources: Resources
let database: TestDatabase
let start: () => Promise<ServiceProcess>

beforeEach(async () => {
  resources = createResources()
  const settings = { DELIVERY_BACKOFF_MAX_SECONDS: '0.1', DELIVERY_MAX_ATTEMPTS: '50' }
  ;({ database, start } = await provideProcesses(resources, settings))
}, TIMEOUT_MS)
afterEach(() => resources[Symbol.asyncDispose](), TIMEOUT_MS)

/** An endpoint that fails now and then, and notes what of each key it has taken, and how many requests overlap. */
async function startCounting() {
  const taken = upTo(KEYS).map((): number[] => [])
  const inFlight = upTo(KEYS).map(() => 0)
  const seen = { overlaps: 0, failures: 0 }
  const receiver = resources.use(await startReceiver())
  receiver.answerWith((response, { body }) => {
    const n = numberOf(body)
    const key = n % KEYS
    inFlight[key] = (inFlight[key] ?? 0) + 1
    if (inFlight[key] > 1) seen.overlaps += 1
    let isEnded = false
    const end = () => {
      if (!isEnded) inFlight[key] = (inFlight[key] ?? 0) - 1
      isEnded = true
    }
    response.on('close', end)
    setTimeout(() => {
      if (isEnded) return
      const fails = Math.random() < FAILING
      if (fails) seen.failures += 1
      else taken[key]?.push(n)
      response.writeHead(fails ? 500 : 200).end()
    }, Math.random() * 15)
  })
  return { url: receiver.url, taken, seen }
}

/** Each producer has keys of its own, and publishes by the processes in turn, the next after the answer to the last. */
async function publishAll(processes: () => ServiceProcess[]) {
  await Promise.all(
    upTo(KEYS).map(async (key) => {
      for (const index of upTo(EACH)) {
        const n = index * KEYS + key
        const publish = (turn: number) => {
          const alive = processes()
          return publishNumber(alive[turn % alive.length] as ServiceProcess, `key-${key}`, n, {
            eventId: `e-${n}`,
          })
        }
        // A request to the process that is killed may be accepted without an answer: it is sent again.
        await publish(index).catch(() => repeat(processes, key, n))
      }
    }),
  )
}

async function repeat(processes: () => ServiceProcess[], key: number, n: number) {
  const body = { type: 'a', data: { n }, orderingKey: `key-${key}`, eventId: `e-${n}` }
  const [alive] = processes()
  const { status } = await (alive as ServiceProcess).api.post('/v1/events', body)
  expect([200, 202]).toContain(status)
}

/** Each number once, however often it was taken: delivery is at least once. */
const inOrder = (numbers: number[] | undefined) => [...new Set(numbers)]
const violations = (numbers: number[]) =>
  inOrder(numbers).filter((n, at, all) => at > 0 && n < (all[at - 1] as number)).length

it('violates no order, whatever is killed', { timeout: TIMEOUT_MS }, async () => {
  const [first, second] = [await start(), await start()]
  let alive = [first, second]
  const { url, taken, seen } = await startCounting()
  await subscribeInOrder(first, url)
  const published = publishAll(() => alive)
  const done = () => taken.flatMap(inOrder).length
  await expect.poll(done, PATIENCE).toBeGreaterThan((KEYS * EACH) / 5)
  alive = [first]
  await second.end('SIGKILL')
  await published
  await expect.poll(done, PATIENCE).toBe(KEYS * EACH)
  expect(seen.failures).toBeGreaterThan(0)
  expect(taken.map(violations)).toEqual(upTo(KEYS).map(() => 0))
  expect(seen.overlaps).toBe(0)
  const open = `select count(*)::int as count from deliveries where status <> 'SENT'`
  await expect.poll(async () => (await database.query(open))[0], PATIENCE).toEqual({ count: 0 })
})
