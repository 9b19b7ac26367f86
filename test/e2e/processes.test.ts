import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createTestDatabase } from '../support/database.js'
import { untilLive, type Watcher, watchOverWebSocket } from '../support/graphql.js'
import { type ServiceProcess, startProcess, temporaryDirectory } from '../support/process.js'
import { startReceiver } from '../support/receiver.js'
import { startRedis } from '../support/redis.js'
import { queueModes } from '../support/service.js'

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

const event = { type: 'user.created', data: { userId: 'u_123' } }

async function publish({ api }: ServiceProcess): Promise<string> {
  const { status, body } = await api.post('/v1/events', event)
  expect(status).toBe(202)
  return body.eventId
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

describe.each(queueModes)('two processes on one port, queue on %s', (mode) => {
  async function start() {
    const database = resources.use(await createTestDatabase())
    const redis = mode === 'redis' ? resources.use(await startRedis()) : undefined
    const receiver = resources.use(await startReceiver())
    const directory = resources.use(temporaryDirectory()).path
    const settings = { PROCESSES: '2', DATABASE_URL: database.url, ...(redis && { REDIS_URL: redis.url }) }
    const service = resources.use(await startProcess({ settings, directory }))
    const subscription = { endpointUrl: receiver.url, eventTypes: [event.type] }
    expect((await service.api.post('/v1/subscriptions', subscription)).status).toBe(201)
    return { service, receiver, database }
  }

  it('share the work, and answer as one', async () => {
    const { service, receiver, database } = await start()
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
      await expect
        .poll(() => eventIds.filter((id) => !told(watcher).has(id)), { timeout: 10_000 })
        .toEqual([])
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
    const { service, receiver, database } = await start()
    const [killed, other] = childrenOf(service.pid) as [number, number]
    process.kill(killed, 'SIGKILL')
    await expect.poll(() => service.output.some((line) => line.includes('a process died'))).toBe(true)
    const eventIds = await Promise.all(Array.from({ length: 20 }, () => publish(service)))
    const settled = `select from events where status = 'DELIVERED'`
    await expect.poll(async () => (await database.query(settled)).length, { timeout: 10_000 }).toBe(20)
    expect(new Set(receiver.requests.map(({ headers }) => headers['webhook-id']))).toEqual(new Set(eventIds))
    await expect.poll(() => childrenOf(service.pid).length, { timeout: 10_000 }).toBe(2)
    expect(childrenOf(service.pid)).toContain(other)
  })

  it('stop with the first of them, in order or not', async () => {
    const { service } = await start()
    const children = childrenOf(service.pid)
    expect(await service.end('SIGTERM')).toBe(0)
    expect(children.filter(isAlive)).toEqual([])

    const again = (await start()).service
    const orphans = childrenOf(again.pid)
    expect(orphans).toHaveLength(2)
    await again.end('SIGKILL')
    await expect.poll(() => orphans.filter(isAlive), { timeout: 10_000 }).toEqual([])
  })
})
