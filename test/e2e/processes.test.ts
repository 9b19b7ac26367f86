import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import { json } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { untilLive, type Watcher, watchOverWebSocket } from '../support/graphql.js'
import { type ServiceProcess, startProcess, temporaryDirectory } from '../support/process.js'
import { type Receiver, startReceiver } from '../support/receiver.js'
import { startRedis } from '../support/redis.js'
import { queueModes } from '../support/service.js'

/** Each start takes seconds, and a machine may have much else to do. */
const TIMEOUT_MS = 120_000
const PATIENCE = { timeout: 30_000 }

const event = { type: 'user.created', data: { userId: 'u_123' } }

async function publish({ api }: ServiceProcess): Promise<string> {
  const { status, body } = await api.post('/v1/events', event)
  expect(status).toBe(202)
  return body.eventId
}

async function uptimeOnNewConnection({ url }: ServiceProcess): Promise<number> {
  const request = http.get(`${url}/v1/health`, { agent: false })
  const [response] = await once(request, 'response')
  return ((await json(response)) as { uptimeSeconds: number }).uptimeSeconds
}

/** The processes that a process has started and that live, from the kernel (proc(5)). */
const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** One service for all tests: each leaves two processes to the next, and the last one stops them. */
describe.each(queueModes)('two processes on one port, queue on %s', { timeout: TIMEOUT_MS }, (mode) => {
  let resources: Resources
  let database: TestDatabase
  let receiver: Receiver
  let service: ServiceProcess
  let start: () => Promise<ServiceProcess>

  beforeAll(async () => {
    resources = createResources()
    database = resources.use(await createTestDatabase())
    const redis = mode === 'redis' ? resources.use(await startRedis()) : undefined
    receiver = resources.use(await startReceiver())
    const directory = resources.use(temporaryDirectory()).path
    const settings = { PROCESSES: '2', DATABASE_URL: database.url, ...(redis && { REDIS_URL: redis.url }) }
    start = async () => resources.use(await startProcess({ settings, directory }))
    service = await start()
    const subscription = { endpointUrl: receiver.url, eventTypes: [event.type] }
    expect((await service.api.post('/v1/subscriptions', subscription)).status).toBe(201)
  }, TIMEOUT_MS)
  afterAll(() => resources[Symbol.asyncDispose](), TIMEOUT_MS)

  it('share the work, and answer as one', async () => {
    // Connections go to the processes in turn, so each has two of these.
    const watchers: Watcher[] = []
    for (let n = 0; n < 4; n += 1) {
      watchers.push(
        resources.use(
          watchOverWebSocket(service, 'subscription { deliveryUpdated(status: [SENT]) { eventId } }'),
        ),
      )
    }
    const told = ({ results }: Watcher) =>
      new Set(results.map(({ data }) => data.deliveryUpdated.eventId as string))
    await untilLive(watchers, () => publish(service))

    const eventIds = await Promise.all(Array.from({ length: 50 }, () => publish(service)))
    for (const watcher of watchers) {
      await expect.poll(() => eventIds.filter((id) => !told(watcher).has(id)), PATIENCE).toEqual([])
    }
    const [{ events }] = (await database.query('select count(*)::int as events from events')) as [
      { events: number },
    ]
    expect(receiver.requests).toHaveLength(events)
    const accepted = `node_event_service_events_ingested_total{result="accepted"} ${events}`
    expect((await service.api.get('/v1/metrics')).body).toContain(accepted)
    expect((await service.api.get('/v1/metrics')).body).toContain(accepted)
  })

  it('go on when one of them is killed, and are two again', async () => {
    const [killed, other] = childrenOf(service.pid) as [number, number]
    const killedAt = performance.now()
    process.kill(killed, 'SIGKILL')
    await expect
      .poll(() => service.output.some((line) => line.includes('a process died')), PATIENCE)
      .toBe(true)
    const eventIds = await Promise.all(Array.from({ length: 20 }, () => publish(service)))
    const settled = `select from events where status = 'DELIVERED' and id = any ($1)`
    await expect.poll(async () => (await database.query(settled, [eventIds])).length, PATIENCE).toBe(20)
    const received = new Set(receiver.requests.map(({ headers }) => headers['webhook-id']))
    expect(eventIds.filter((id) => !received.has(id))).toEqual([])
    await expect.poll(() => childrenOf(service.pid).length, PATIENCE).toBe(2)
    expect(childrenOf(service.pid)).toContain(other)
    // New connections go to the processes in turn, and one of them is younger than the kill.
    const isYoung = async () => {
      const uptimeSeconds = await uptimeOnNewConnection(service)
      return uptimeSeconds * 1000 < performance.now() - killedAt
    }
    const areYoung = () => Promise.all(Array.from({ length: 8 }, isYoung))
    await expect.poll(async () => new Set(await areYoung()).size, PATIENCE).toBe(2)
  })

  it('stop in order while one that died is replaced', async () => {
    const again = await start()
    const before = childrenOf(again.pid)
    process.kill(before[0] as number, 'SIGKILL')
    const hasReplacement = () => childrenOf(again.pid).some((pid) => !before.includes(pid))
    await expect.poll(hasReplacement, { ...PATIENCE, interval: 20 }).toBe(true)
    expect(await again.end('SIGTERM')).toBe(0)
  })

  it('stop with the first of them, in order or not', async () => {
    const children = childrenOf(service.pid)
    expect(await service.end('SIGTERM')).toBe(0)
    expect(children.filter(isAlive)).toEqual([])

    const again = await start()
    const orphans = childrenOf(again.pid)
    expect(orphans).toHaveLength(2)
    await again.end('SIGKILL')
    await expect.poll(() => orphans.filter(isAlive), PATIENCE).toEqual([])
  })
})
