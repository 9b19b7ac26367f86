import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import type { Answered } from '../support/client.js'
import { expectProblem } from '../support/problem.js'
import { type Receiver, startReceiver } from '../support/receiver.js'
import { startTestService, type TestService } from '../support/service.js'

let resources: Resources
let service: TestService

beforeAll(async () => {
  resources = createResources()
  service = resources.use(await startTestService('postgres'))
})
afterAll(() => resources[Symbol.asyncDispose]())

const event = { type: 'user.created', data: { userId: 'u_123' } }

/** Posts a body as it is written, or as JSON, with a key in the header when one is given. */
const post = (body: unknown, key?: string): Promise<Answered<Record<string, unknown>>> =>
  service.api.post('/v1/events', body, key === undefined ? {} : { 'idempotency-key': key })

const read = async (id: unknown) => (await service.api.get(`/v1/events/${id}`)).body

async function count(table: string, where = 'true', values: unknown[] = []): Promise<number> {
  const rows = await service.database.query<{ count: string }>(
    `select count(*) from ${table} where ${where}`,
    values,
  )
  return Number(rows[0]?.count)
}

const countOfKey = (key: string) => count('events', '"idempotencyKey" = $1', [key])

describe('POST /v1/events', () => {
  it('answers 202 with the id, in the body and as Location', async () => {
    const { status, headers, body } = await post(event)
    expect([status, body]).toEqual([
      202,
      {
        eventId: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab]/),
        status: 'PENDING',
        deduplicated: false,
      },
    ])
    expect(headers.get('location')).toBe(`/v1/events/${body.eventId}`)
    expect(await read(body.eventId)).toMatchObject({
      id: body.eventId,
      type: event.type,
      payload: { data: event.data, metadata: null },
      idempotencyKey: null,
    })
  })

  it('answers only when the event and its outbox entry, or its deliveries, are committed', async () => {
    // Nobody takes from the outbox or the queue here.
    const api = resources.use(await startTestService('redis', { ROLE: 'api' }))
    const committed = () =>
      api.database.query(`
        select id from events
        where id in (select "eventId" from outbox) or id in (select "eventId" from deliveries) or status = 'UNMATCHED'`)
    for (let accepted = 1; accepted <= 20; accepted += 1) {
      const { body } = await api.api.post('/v1/events', event)
      expect((await committed()).map(({ id }) => id)).toContain(body.eventId)
    }
    expect(await committed()).toHaveLength(20)
  })

  it('takes over createdAt, and gives the time of acceptance where there is none', async () => {
    const given = await post({ ...event, createdAt: '2026-01-31T19:20:43.4+01:00' })
    expect((await read(given.body.eventId)).createdAt).toBe('2026-01-31T18:20:43.400Z')
    const none = await post(event)
    const createdAt = Date.parse((await read(none.body.eventId)).createdAt)
    // The service measures the database's clock, and may be off by half of a round trip.
    expect(Math.abs(createdAt - Date.now())).toBeLessThan(5000)
  })

  it.each(['0001-01-01T00:00:00Z', '1582-10-10T00:00:00Z', '9999-12-31T23:59:59.999Z'])(
    'takes over even the time %s',
    async (createdAt) => {
      const { body } = await post({ ...event, createdAt })
      expect(Date.parse((await read(body.eventId)).createdAt)).toBe(Date.parse(createdAt))
    },
  )

  it.each(['yesterday', '2026-01-31', '2026-01-31T18:20:43', '2026-02-30T00:00:00Z', 1769883643400])(
    'refuses the createdAt %j',
    async (createdAt) => {
      expectProblem(await post({ ...event, createdAt }), 400, 'createdAt')
    },
  )

  it.each([
    ['missing', undefined],
    ['null', null],
    ['an array', []],
    ['a string', '{}'],
    ['a number', 1],
  ])('refuses data that is %s', async (_what, data) => {
    expectProblem(await post({ ...event, data }), 400, 'data')
  })

  it.each([[[]], ['text'], [1], [true]])('refuses the metadata %j', async (metadata) => {
    expectProblem(await post({ ...event, metadata }), 400, 'metadata')
  })

  it.each([[undefined], [null]])('takes the metadata %j for none', async (metadata) => {
    const { status, body } = await post({ ...event, metadata })
    expect(status).toBe(202)
    expect((await read(body.eventId)).payload.metadata).toBeNull()
  })

  it.each([[undefined], [''], ['a b'], ['a'.repeat(129)], ['*'], ['ü'], [1], [null]])(
    'refuses the type %j',
    async (type) => {
      expectProblem(await post({ ...event, type }), 400, 'type')
    },
  )

  it('refuses unknown fields, each with its path', async () => {
    expectProblem(await post({ ...event, payload: {}, Type: 'a' }), 400, 'payload', 'Type')
  })

  it('tells of everything that is wrong at once', async () => {
    expectProblem(await post({ metadata: 1, more: true }), 400, 'type', 'data', 'metadata', 'more')
  })

  it('takes __proto__ for a name like any other: unknown as a field, plain in data', async () => {
    expectProblem(await post('{"type":"a","data":{},"__proto__":{"eventId":"k"}}'), 400, '__proto__')
    const data = '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}'
    const { status, body } = await post(`{"type":"a","data":${data}}`)
    expect(status).toBe(202)
    expect(JSON.stringify((await read(body.eventId)).payload.data)).toBe(data)
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })

  it.each(['data', 'metadata'])('takes 100 levels of %s, and no more', async (member) => {
    const nested = (levels: number) => '{"a":'.repeat(levels - 1) + '{}'.padEnd(levels + 1, '}')
    const body = (levels: number) =>
      `{"type":"a",${member === 'data' ? '' : '"data":{},'}"${member}":${nested(levels)}}`
    const accepted = await post(body(100), `deep ${member}`)
    expect(accepted.status).toBe(202)
    expect(JSON.stringify((await read(accepted.body.eventId)).payload[member])).toBe(nested(100))
    for (const levels of [101, 40_000]) expectProblem(await post(body(levels)), 400, member)
  })

  it('takes escapes of NUL and of lone surrogates in data', async () => {
    const data = '{"\\u0000":"\\u0000","\\ud83d":["\\udc00 \\ud83d"]}'
    const { status, body } = await post(`{"type":"a","data":${data},"metadata":${data}}`, 'escapes')
    expect(status).toBe(202)
    expect((await read(body.eventId)).payload).toEqual({ data: JSON.parse(data), metadata: JSON.parse(data) })
  })

  it('shows a payload as it was written: large numbers, order of keys and white space', async () => {
    const data = '{"big": 12345678901234567890, "2":1e400, "1":-0, "twice":1.0, "twice":1.50 }'
    const { body } = await post(`{"type":"a","metadata":${data},"data":${data}}`)
    const response = await fetch(`${service.url}/v1/events/${body.eventId}`, {
      headers: { 'x-api-key': 'key-of-the-tests' },
    })
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8')
    const text = await response.text()
    expect(text).toContain(`"payload":{"data":${data},"metadata":${data}},"status":`)
    expect(Object.keys(JSON.parse(text))).toEqual([
      ...[
        'id',
        'type',
        'tenant',
        'payload',
        'status',
        'idempotencyKey',
        'isTest',
        'deliverAt',
        'expiresAt',
        'erasedAt',
        'createdAt',
        'updatedAt',
        'orderingKey',
        'deliveries',
      ],
    ])
  })

  it('refuses a body that is not UTF-8, rather than store other characters', async () => {
    const response = await fetch(`${service.url}/v1/events`, {
      method: 'POST',
      headers: { 'x-api-key': 'key-of-the-tests', 'content-type': 'application/json' },
      body: Buffer.from('{"type":"a","data":{"name":"J\xfcrgen"}}', 'latin1'),
    })
    expectProblem(
      {
        status: response.status,
        headers: response.headers,
        body: (await response.json()) as Record<string, unknown>,
      },
      400,
      '',
    )
  })
})

/** A database that takes events too slowly is a 503: a producer then tries again. */
async function patiently(publish: () => ReturnType<typeof post>): ReturnType<typeof post> {
  for (;;) {
    const answer = await publish()
    if (answer.status !== 503) return answer
  }
}

describe('an idempotency key', () => {
  let receivers: Receiver[]

  beforeAll(async () => {
    receivers = [resources.use(await startReceiver()), resources.use(await startReceiver())]
    for (const { url } of receivers) {
      await service.api.post('/v1/subscriptions', { endpointUrl: url, eventTypes: ['once'] })
    }
  })

  it.each(['header', 'body'])(
    'makes one event, delivered once to each subscription, of 200 requests at the same instant; in the %s',
    async (place) => {
      const key = `at once, in the ${place}`
      const once = { type: 'once', data: { place } }
      const publish = () => (place === 'header' ? post(once, key) : post({ ...once, eventId: key }))
      const answers = await Promise.all(Array.from({ length: 200 }, () => patiently(publish)))
      const accepted = answers.filter(({ status }) => status === 202)
      const deduplicated = answers.filter(({ status }) => status === 200)
      expect([accepted.length, deduplicated.length]).toEqual([1, 199])
      const eventId = accepted[0]?.body.eventId
      for (const { headers, body } of deduplicated) {
        expect(body).toMatchObject({ eventId, deduplicated: true })
        expect(headers.get('location')).toBe(`/v1/events/${eventId}`)
      }
      expect(await countOfKey(key)).toBe(1)

      await expect.poll(async () => (await read(eventId)).status, { timeout: 5000 }).toBe('DELIVERED')
      await expect.poll(() => count('outbox'), { timeout: 5000 }).toBe(0)
      expect(await count('deliveries', '"eventId" = $1', [eventId])).toBe(2)
      for (const { requests } of receivers) {
        expect(requests.filter(({ headers }) => headers['webhook-id'] === eventId)).toHaveLength(1)
      }
    },
  )

  it('answers for as long as its event lasts, with the status that the event has by then', async () => {
    const { body } = await post({ ...event, type: 'once' }, 'later')
    await expect.poll(async () => (await read(body.eventId)).status, { timeout: 5000 }).toBe('DELIVERED')
    const later = await post({ ...event, type: 'once' }, 'later')
    expect([later.status, later.body]).toEqual([
      200,
      { eventId: body.eventId, status: 'DELIVERED', deduplicated: true },
    ])
  })

  it.each([
    ['type', { ...event, type: 'user.deleted' }],
    ['data', { ...event, data: { userId: 'u_124' } }],
    ['more data', { ...event, data: { ...event.data, more: null } }],
    ['the order of an array', { ...event, data: { list: [2, 1] } }, { ...event, data: { list: [1, 2] } }],
    ['metadata', { ...event, metadata: {} }],
    ['createdAt', { ...event, createdAt: '2026-01-31T18:20:43.400Z' }],
    [
      'an integer that no double holds',
      '{"type":"a","data":{"n":9007199254740993}}',
      '{"type":"a","data":{"n":9007199254740992}}',
    ],
    [
      'one of 20 digits',
      '{"type":"a","data":{"n":12345678901234567891}}',
      '{"type":"a","data":{"n":12345678901234567892}}',
    ],
  ])(
    'stores nothing and answers 422 when the content differs in %s',
    async (what, other, first: unknown = event) => {
      const key = `differs in ${what}`
      const { body } = await post(first, key)
      const total = await count('events')
      expectProblem(await post(other, key), 422)
      expect(await count('events')).toBe(total)
      expect(await countOfKey(key)).toBe(1)
      expect((await post(first, key)).body).toMatchObject({ eventId: body.eventId, deduplicated: true })
    },
  )

  it('decides between two contents that arrive at the same instant: one is stored, the other refused', async () => {
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, n) => post({ ...event, data: { n: n % 2 } }, 'two contents')),
    )
    const counts: Record<number, number> = {}
    for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1
    expect(counts).toEqual({ 202: 1, 200: 49, 422: 50 })
    expect(await countOfKey('two contents')).toBe(1)
  })

  it.each([
    ['order of names', '{"data":{"b":{"d":1,"c":2},"a":3},"type":"a"}'],
    ['white space', ' {\n"type" : "a",\t"data": { "a": 3, "b": { "c": 2, "d": 1 } } }\r\n'],
    ['spelling of numbers', '{"type":"a","data":{"a":3.0,"b":{"c":20e-1,"d":1E0}}}'],
    ['spelling of strings', '{"type":"\\u0061","data":{"\\u0061":3,"b":{"c":2,"d":1}}}'],
    ['metadata that is null', '{"type":"a","data":{"a":3,"b":{"c":2,"d":1}},"metadata":null}'],
    ['an eventId besides', '{"type":"a","data":{"a":3,"b":{"c":2,"d":1}},"eventId":"elsewhere"}'],
  ])('answers 200 for the same content in another writing: %s', async (what, other) => {
    const first = await post('{"type":"a","data":{"a":3,"b":{"c":2,"d":1}}}', `writing: ${what}`)
    expect(first.status).toBe(202)
    const { status, body } = await post(other, `writing: ${what}`)
    expect([status, body]).toMatchObject([200, { eventId: first.body.eventId, deduplicated: true }])
  })

  it('is that of the header when the body has one too', async () => {
    const both = await post({ ...event, eventId: 'of the body' }, 'of the header')
    expect((await read(both.body.eventId)).idempotencyKey).toBe('of the header')
    expect((await post({ ...event, eventId: 'of the header' })).body).toMatchObject({
      eventId: both.body.eventId,
      deduplicated: true,
    })
    expect((await post({ ...event, eventId: 'of the body' })).status).toBe(202)
  })

  it.each([' inner  spaces ', '"quoted", and: listed', 'k'.repeat(255), '~!@#$%^&*()'])(
    'may be %j',
    async (key) => {
      const first = await post({ ...event, eventId: key })
      expect(first.status).toBe(202)
      expect((await read(first.body.eventId)).idempotencyKey).toBe(key)
    },
  )

  it.each([[''], ['k'.repeat(256)], ['tab\tbed'], ['clé']])('must not be %j', async (key) => {
    expectProblem(await post(event, key), 400, 'Idempotency-Key')
    expectProblem(await post({ ...event, eventId: key }), 400, 'eventId')
  })

  it.each([['\0'], ['two\nlines'], ['\u{1f600}'], [1]])('must not be %j in a body', async (eventId) => {
    expectProblem(await post({ ...event, eventId }), 400, 'eventId')
  })
})

it('an event that very many subscriptions want shows the first 200 of its deliveries', async () => {
  const { body } = await service.api.post('/v1/events', { type: 'wide', data: {} })
  await service.database.query(
    `with s as (
       insert into subscriptions (id, "endpointUrl", "eventTypes", fingerprint, secret)
       select uuid_v7(), 'http://127.0.0.1:9/' || n, '{none}', sha256(n::text::bytea), 'a plain secret'
       from generate_series(1, 250) as n returning id
     )
     insert into deliveries (id, "eventId", "subscriptionId", status, "nextRunAt")
     select uuid_v7(), $1, id, 'SENT', null from s`,
    [body.eventId],
  )
  const event = await service.api.get(`/v1/events/${body.eventId}`)
  expect(event.body.deliveries).toHaveLength(200)
  const all = await service.api.get(`/v1/deliveries?eventId=${body.eventId}&limit=200`)
  expect([all.body.items.length, all.body.nextCursor !== null]).toEqual([200, true])
})
