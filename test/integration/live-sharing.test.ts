/** Watchers with equal answers share the execution of each update, over both transports; others do not. */
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createResources } from '../../src/platform/resources.js'
import { TEST_KEY } from '../support/client.js'
import { openEventStream } from '../support/event-stream.js'
import { openSocket, type Result, untilLive, type Watcher, watches } from '../support/graphql.js'
import { startReceiver } from '../support/receiver.js'
import { channelOf } from '../support/redis-channel.js'
import { startTestService, type TestService } from '../support/service.js'

const keys = { reader: 'reads-only', other: 'reads-only-too', all: 'reads-and-publishes' }
const resources = createResources()
/** Sees each statement of the service, whose connections keep the `query` that they find at their start. */
const query = vi.spyOn(pg.Client.prototype, 'query')
let service: TestService

beforeAll(async () => {
  const { reader, other, all } = keys
  const API_KEYS = [TEST_KEY, `r=read=${reader}`, `o=read=${other}`, `a=read+publish=${all}`].join()
  service = resources.use(await startTestService('redis', { API_KEYS }))
  const receiver = resources.use(await startReceiver(200))
  await service.api.post('/v1/subscriptions', { endpointUrl: receiver.url, eventTypes: ['a', 'b'] })
})
afterAll(async () => {
  await resources[Symbol.asyncDispose]()
  query.mockRestore()
})

const publish = async (type = 'a'): Promise<string> =>
  (await service.api.post('/v1/events', { type, data: { n: 1 } })).body.eventId

const withPayload = `subscription ($status: [DeliveryStatus!]) {
  deliveryUpdated(status: $status) { id eventId status event { payload { json } } }
}`
const about = (eventId: string, results: Result[]) =>
  results.flatMap(({ data }) => (data?.deliveryUpdated.eventId === eventId ? [data.deliveryUpdated] : []))

/** Reading a payload takes one such statement for each execution. */
const countExecutions = (): number =>
  query.mock.calls.filter(([statement]) => JSON.stringify(statement).includes('octet_length(data::text)'))
    .length

/** A watcher with a key of its choice, over a WebSocket. */
async function watchWith(apiKey: string, query: string, variables: object = {}) {
  const socket = await openSocket(service, apiKey)
  resources.use({ [Symbol.asyncDispose]: async () => socket.close() })
  socket.send({ id: 'x"y', type: 'subscribe', payload: { query, variables } })
  const results = () =>
    socket.messages.flatMap(({ type, id, payload }) =>
      type === 'next' && id === 'x"y' ? [payload as Result] : [],
    )
  return {
    get results() {
      return results()
    },
  }
}

async function untilAllSent(eventId: string, watching: { results: Result[] }[]): Promise<void> {
  await expect
    .poll(() => watching.map(({ results }) => about(eventId, results).at(-1)?.status), { timeout: 20_000 })
    .toEqual(watching.map(() => 'SENT'))
}

/** @returns how many executions the updates of one event took */
async function executionsFor(watching: { results: Result[] }[]): Promise<number> {
  await untilLive(watching as Watcher[], () => publish('b'))
  // What the events before have changed has come by then, too.
  await untilAllSent(await publish('b'), watching)
  const before = countExecutions()
  await untilAllSent(await publish(), watching)
  return countExecutions() - before
}

describe('equal watchers', () => {
  it('take one execution for each update, over SSE and WebSocket together', { timeout: 60_000 }, async () => {
    const watching = watches.flatMap(([, watch]) =>
      Array.from({ length: 10 }, () => resources.use(watch(service, withPayload))),
    )
    expect(await executionsFor(watching)).toBe(2)
    const eventId = await publish()
    await untilAllSent(eventId, watching)
    const [first, ...others] = watching.map(({ results }) => about(eventId, results))
    expect(first?.map(({ status }) => status)).toEqual(['PENDING', 'SENT'])
    expect(first?.[0].event.payload).toEqual({ json: '{"data":{"n":1},"metadata":null}' })
    for (const other of others) expect(other).toEqual(first)
    for (const watcher of watching) await watcher[Symbol.asyncDispose]()
  })

  it('are those with the same document, variables and scopes', { timeout: 60_000 }, async () => {
    const [status] = [['PENDING', 'SENT']]
    const equal = [
      await watchWith(keys.reader, withPayload, { status }),
      await watchWith(keys.other, withPayload, { status }),
    ]
    const others = [
      await watchWith(keys.all, withPayload, { status }),
      await watchWith(keys.reader, withPayload, { status: ['SENT', 'PENDING'] }),
      await watchWith(keys.reader, withPayload),
      await watchWith(keys.reader, `${withPayload} `, { status }),
    ]
    expect(await executionsFor([...equal, ...others])).toBe(2 * (1 + others.length))
  })

  it('all get the error of a field, and the next update', async () => {
    const query = 'subscription { deliveryUpdated { id eventId status event { id } } }'
    const watching = watches.flatMap(([, watch]) =>
      Array.from({ length: 3 }, () => resources.use(watch(service, query))),
    )
    await untilLive(watching, () => publish('b'))
    const [id, at] = [randomUUID(), new Date()]
    const orphan = { id, eventId: id, subscriptionId: id, status: 'SENT', attempts: 1, lastStatusCode: 200 }
    const times = { nextRunAt: null, lastError: null, createdAt: at, updatedAt: at }
    const channel = await channelOf(service.database, 'deliveries')
    await service.redis?.client.publish(channel, JSON.stringify([{ ...orphan, ...times }]))
    await untilAllSent(await publish(), watching)
    for (const { results } of watching) {
      const errors = results.flatMap((result) => result.errors ?? [])
      expect(errors).toMatchObject([{ path: ['deliveryUpdated', 'event'] }])
      expect(errors[0]?.extensions).toEqual({ code: 'INTERNAL_SERVER_ERROR' })
    }
  })
})

it('who resumes gets what was missed, and then shares the ids of the others', {
  timeout: 60_000,
}, async () => {
  const query = 'subscription { deliveryUpdated { id eventId status updatedAt } }'
  const open = async (lastEventId?: string) =>
    resources.use(await openEventStream(service, { query }, lastEventId))
  const steady = await open()
  await expect.poll(() => steady.lastEventId).not.toBe('')
  const left = await open()
  await expect.poll(() => left.lastEventId).not.toBe('')
  await left[Symbol.asyncDispose]()
  const missed = await publish()
  await untilAllSent(missed, [steady])

  const resumed = await open(left.lastEventId)
  await untilAllSent(missed, [resumed])
  const next = await publish()
  await untilAllSent(next, [steady, resumed])
  expect(about(next, resumed.results)).toEqual(about(next, steady.results))
  expect(about(next, steady.results).map(({ status }) => status)).toEqual(['PENDING', 'SENT'])
  expect(resumed.lastEventId).toBe(steady.lastEventId)
})
