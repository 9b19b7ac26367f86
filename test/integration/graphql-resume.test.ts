/** Live updates over SSE have ids, and a client that comes back with its last one gets what it missed. */
import type { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createFrame } from '../../src/graphql/frames.js'
import { createEventStream } from '../../src/graphql/sse.js'
import { createStreamPosition } from '../../src/graphql/stream-position.js'
import type { Watch } from '../../src/graphql/watch.js'
import { createResources } from '../../src/platform/resources.js'
import { type EventStream, openEventStream } from '../support/event-stream.js'
import { startReceiver } from '../support/receiver.js'
import { startTestService, type TestService } from '../support/service.js'

const resources = createResources()
let service: TestService

const updated = `subscription ($status: [DeliveryStatus!]) {
  deliveryUpdated(status: $status) { id eventId status updatedAt }
}`

beforeAll(async () => {
  service = resources.use(await startTestService('redis'))
  const receiver = resources.use(await startReceiver(200))
  await service.api.post('/v1/subscriptions', { endpointUrl: receiver.url, eventTypes: ['a'] })
})
afterAll(() => resources[Symbol.asyncDispose]())

const publish = async (): Promise<string> =>
  (await service.api.post('/v1/events', { type: 'a', data: {} })).body.eventId

const open = async (lastEventId?: string, variables: object = {}): Promise<EventStream> =>
  resources.use(await openEventStream(service, { query: updated, variables }, lastEventId))

const sentEvents = ({ results }: EventStream): string[] =>
  results.flatMap(({ data }) =>
    data.deliveryUpdated.status === 'SENT' ? [data.deliveryUpdated.eventId] : [],
  )

const untilSent = (eventId: string) =>
  expect
    .poll(async () => (await service.api.get(`/v1/events/${eventId}`)).body.status, { timeout: 20_000 })
    .toBe('DELIVERED')

describe('a client that comes back with Last-Event-ID', () => {
  it('gets the changes that it missed, then those that follow', { timeout: 30_000 }, async () => {
    const before = await open()
    // It has a position before the first change.
    await expect.poll(() => before.lastEventId).toMatch(/^\d{4}-.*Z$/)
    await before[Symbol.asyncDispose]()
    const missed = [await publish(), await publish()]
    await untilSent(missed[1] as string)

    const after = await open(before.lastEventId)
    await expect.poll(() => sentEvents(after)).toEqual(missed)
    const next = await publish()
    await expect.poll(() => sentEvents(after)).toEqual([...missed, next])
    expect(after.lastEventId > before.lastEventId).toBe(true)
    expect(after.lastEventId).toBe(after.results.at(-1)?.data.deliveryUpdated.updatedAt)
  })

  it('loses nothing while changes go on, however often it comes back', { timeout: 60_000 }, async () => {
    const seen = new Set<string>()
    let stream = await open()
    const published: string[] = []
    for (let round = 0; round < 8; round++) {
      const publishing = Promise.all(Array.from({ length: 25 }, publish))
      await stream[Symbol.asyncDispose]()
      for (const id of sentEvents(stream)) seen.add(id)
      stream = await open(stream.lastEventId)
      published.push(...(await publishing))
    }
    await expect
      .poll(() => published.filter((id) => !seen.has(id) && !sentEvents(stream).includes(id)), {
        timeout: 20_000,
      })
      .toEqual([])
  })

  it('gets more than a page, in order, by its filter', { timeout: 30_000 }, async () => {
    const from = (await open()).lastEventId || new Date().toISOString()
    await service.database.query(
      `insert into deliveries (id, "eventId", "subscriptionId", status, "updatedAt")
       select uuid_v7(), uuid_v7(), uuid_v7(), case when n % 2 = 0 then 'DEAD' else 'SENT' end::"DeliveryStatus",
              date_trunc('milliseconds', now()) - n / 3 * interval '1 millisecond'
       from generate_series(1, 2400) as n`,
    )
    const stream = await open(from, { status: ['DEAD'] })
    const times = () => stream.results.map(({ data }) => data.deliveryUpdated.updatedAt as string)
    await expect.poll(() => times().length, { timeout: 20_000 }).toBe(1200)
    expect(times()).toEqual(times().toSorted())
    expect(new Set(stream.results.map(({ data }) => data.deliveryUpdated.id)).size).toBe(1200)
  })

  it.each([
    ['an id of another service', updated, '42', 'BAD_USER_INPUT'],
    ['an id from long ago', updated, new Date(Date.now() - 2 * 3_600_000).toISOString(), 'CONFLICT'],
    ['eventUpdated', 'subscription { eventUpdated { id } }', new Date().toISOString(), 'BAD_USER_INPUT'],
  ])('is told why it can not resume: %s', async (_name, query, lastEventId, code) => {
    const stream = resources.use(await openEventStream(service, { query }, lastEventId))
    await expect.poll(() => stream.isComplete).toBe(true)
    expect(stream.results.map(({ errors }) => errors?.[0]?.extensions.code)).toEqual([code])
    expect(JSON.stringify(stream.results)).toContain('Last-Event-ID')
  })

  it('has no id to send where a stream can not resume', async () => {
    const stream = resources.use(
      await openEventStream(service, { query: 'subscription { eventUpdated { id } }' }),
    )
    await expect
      .poll(async () => [await publish(), stream.results.length > 0][1], { timeout: 20_000 })
      .toBe(true)
    expect(stream.lastEventId).toBe('')
  })
})

describe('the bytes of a stream', () => {
  async function read(stream: Readable, blocks: number): Promise<string[]> {
    const seen: string[] = []
    for await (const chunk of stream) {
      seen.push(String(chunk))
      if (seen.length === blocks) break
    }
    return seen
  }
  const never: Watch = { next: () => new Promise<never>(() => {}), return() {} }

  it.each([true, false])('pings say the time as id while nothing waits to be sent: %s', async (isIdle) => {
    const start = new Date('2026-01-01T00:00:00.000Z')
    const position = createStreamPosition(undefined, () => new Date(start.getTime() + 60_000))
    position.start(start)
    position.isIdle = () => isIdle
    const stream = createEventStream(never, { position, toResult: () => ({}), pingMs: 10 })
    const ping = isIdle ? 'id: 2026-01-01T00:01:00.000Z\n:\n\n' : ':\n\n'
    expect(await read(stream, 2)).toEqual(['id: 2026-01-01T00:00:00.000Z\n:\n\n', ping])
  })

  it('end with the error of a subscription that fails', async () => {
    const frames = [[createFrame({ data: { a: 1 } }), createFrame({ data: { a: 2 } }, 'two')]]
    const failing: Watch = {
      async next() {
        const next = frames.shift()
        if (next === undefined) throw new Error('too slow')
        return next
      },
      return() {},
    }
    const options = {
      position: undefined,
      toResult: (error: unknown) => ({ data: { error: String(error) } }),
    }
    expect((await read(createEventStream(failing, options), 9)).join('')).toBe(
      ':\n\nevent: next\ndata: {"data":{"a":1}}\n\nevent: next\nid: two\ndata: {"data":{"a":2}}\n\n' +
        'event: next\ndata: {"data":{"error":"Error: too slow"}}\n\nevent: complete\ndata:\n\n',
    )
  })
})
