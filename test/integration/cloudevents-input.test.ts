/** CloudEvents are published in structured and in binary mode, as the `cloudevents` package writes them. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { CloudEvent, HTTP } from 'cloudevents'
import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { toHeaderValue } from '../../src/model/cloud-event.js'
import { createResources } from '../../src/platform/resources.js'
import { TEST_KEY } from '../support/client.js'
import { readCloudEvent } from '../support/cloud-events.js'
import { readSection } from '../support/docs.js'
import { expectProblem } from '../support/problem.js'
import { type ReceivedRequest, startReceiver } from '../support/receiver.js'
import { startTestService, type TestService } from '../support/service.js'

const STRUCTURED = 'application/cloudevents+json'
const resources = createResources()
const receivers = await Promise.all([startReceiver(), startReceiver()])
let service: TestService

beforeAll(async () => {
  for (const receiver of receivers) resources.use(receiver)
  service = resources.use(await startTestService('postgres'))
  for (const [at, format] of ['CLOUDEVENTS_STRUCTURED', 'CLOUDEVENTS_BINARY'].entries())
    await service.api.post('/v1/subscriptions', {
      endpointUrl: receivers[at]?.url,
      eventTypes: ['*'],
      format,
    })
})
afterAll(() => resources[Symbol.asyncDispose]())

let last = 0
let id = ''
beforeEach(() => {
  last += 1
  id = `id-${last}`
})

const some = (fields: object = {}) => ({
  ...{ specversion: '1.0', id, source: 'https://shop.example.com/orders', type: 'order.paid' },
  ...{ data: { total: 12.5 } },
  ...fields,
})

const structured = (event: unknown, contentType = STRUCTURED, headers = {}) =>
  service.api.post('/v1/events', event, { 'content-type': contentType, ...headers })

function binary({ data, ...attributes }: Record<string, unknown>, headers: Record<string, string> = {}) {
  const named = Object.entries(attributes).map(([name, value]) => [
    `ce-${name}`,
    toHeaderValue(String(value)),
  ])
  return service.api.post('/v1/events', data, { ...Object.fromEntries(named), ...headers })
}
const modes = { structured, binary }

const stored = async ({ body }: { body: { eventId: string } }) =>
  (await service.api.get(`/v1/events/${body.eventId}`)).body

async function webhooksOf(eventId: string): Promise<ReceivedRequest[]> {
  const arrived = () =>
    receivers.flatMap(({ requests }) => requests.filter(({ headers }) => headers['webhook-id'] === eventId))
  await expect.poll(() => arrived().length, { timeout: 20_000, interval: 10 }).toBe(2)
  return arrived()
}

describe.each(['structured', 'binary'] as const)('a CloudEvent in %s mode', (mode) => {
  it('becomes an event, with all that it says', async () => {
    const time = '2026-01-31T18:20:43.400Z'
    const others = {
      subject: 'orders/Zürich 7',
      dataschema: 'https://example.com/s',
      traceparent: '00-a-b-01',
    }
    const answer = await modes[mode](some({ time, ...others }))
    expect([answer.status, answer.body]).toEqual([
      202,
      { eventId: expect.any(String), status: 'PENDING', deduplicated: false },
    ])
    expect(answer.headers.get('location')).toBe(`/v1/events/${answer.body.eventId}`)
    const source = 'https://shop.example.com/orders'
    expect(await stored(answer)).toMatchObject({
      ...{ type: 'order.paid', createdAt: time, idempotencyKey: `${source} ${id}` },
      payload: { data: { total: 12.5 }, metadata: { cloudEventId: id, source, ...others } },
    })
  })

  it('is the same event when it comes again, and another one with another source', async () => {
    const first = await modes[mode](some())
    const second = await modes[mode](some())
    expect([second.status, second.body]).toMatchObject([
      200,
      { eventId: first.body.eventId, deduplicated: true },
    ])
    expect((await modes[mode](some({ source: '/other' }))).status).toBe(202)
    expectProblem(await modes[mode](some({ type: 'order.lost' })), 422)
  })

  it('is refused with the name of each attribute that it lacks', async () => {
    const prefix = mode === 'binary' ? 'ce-' : ''
    const { body, ...answer } = await modes[mode]({ id: 'x', data: {} })
    expect([answer.status, body.errors]).toEqual([
      400,
      ['specversion', 'source', 'type'].map((name) => ({
        path: prefix + name,
        message: 'is required in a CloudEvent',
      })),
    ])
  })

  it.each([
    ['specversion', '0.3'],
    ['id', ''],
    ['source', ''],
    ['type', 'order/paid'],
    ['time', 'yesterday'],
    ['subject', ''],
    ['dataschema', '/relative'],
    ['datacontenttype', 'text/xml'],
    ['camelCase'.toLowerCase().padEnd(65, 'x'), 'a'],
    ['with-dash', 'a'],
    ['with_line', 'a\u0085b'],
    ['control', 'a\u0085b'],
  ])('is refused for its %s %j', async (name, value) => {
    const { status, body } = await modes[mode](some({ [name]: value }))
    expect([status, body.errors]).toMatchObject([400, [{ path: (mode === 'binary' ? 'ce-' : '') + name }]])
  })

  it.each([[[]], ['text'], [1], [null]])('is refused with the data %j', async (data) => {
    expect((await modes[mode](some({ data: mode === 'binary' ? JSON.stringify(data) : data }))).status).toBe(
      400,
    )
  })

  it("keeps the producer's own text of data, and its bounds", async () => {
    const text = '{ "b": 1.000, "2": 12345678901234567890 }'
    const { data, ...attributes } = some()
    const answer =
      mode === 'binary'
        ? await binary({ ...attributes, data: ` ${text} ` })
        : await structured(`${JSON.stringify(attributes).slice(0, -1)}, "data" : ${text} }`)
    for (const { body } of await webhooksOf(answer.body.eventId)) expect(body).toContain(text)
    const deep = `${'{"a":'.repeat(101)}1${'}'.repeat(101)}`
    const refused =
      mode === 'binary'
        ? await binary({ ...attributes, data: deep })
        : await structured(`${JSON.stringify(attributes).slice(0, -1)},"data":${deep}}`)
    expect(refused.status).toBe(400)
    expect((await modes[mode](some({ data: { long: 'x'.repeat(300_000) } }))).status).toBe(413)
  })

  it('has attributes up to a bound, which webhooks carry on', async () => {
    expect((await modes[mode](some({ long: 'é'.repeat(670) }))).status).toBe(202)
    expectProblem(await modes[mode](some({ id: 'other', long: 'é'.repeat(700) })), 400)
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, at) => [`n${at}`, 'a']))
    expect((await modes[mode](some({ id: `${id}-50`, ...many(50) }))).status).toBe(202)
    expectProblem(await modes[mode](some({ id: `${id}-51`, ...many(51) })), 400)
  })

  it('has a key of bounded length, and the header Idempotency-Key wins', async () => {
    const long = await modes[mode](some({ id: `${id}${'x'.repeat(300)}` }))
    expect((await stored(long)).idempotencyKey).toMatch(/^sha256:[0-9a-f]{64}$/)
    const header = { 'idempotency-key': `key-${mode}` }
    const answer =
      mode === 'binary' ? await binary(some(), header) : await structured(some(), STRUCTURED, header)
    expect((await stored(answer)).idempotencyKey).toBe(`key-${mode}`)
  })
})

describe('structured mode', () => {
  it('takes null as absent, and a charset', async () => {
    const answer = await structured(
      some({ subject: null, data_base64: null, other: null }),
      `${STRUCTURED}; charset=UTF-8`,
    )
    expect((await stored(answer)).payload.metadata).toEqual({ cloudEventId: id, source: some().source })
    expectProblem(await structured(some(), `${STRUCTURED}; charset=latin1`), 415)
  })

  it('is refused with data in base64, and in batches', async () => {
    const { data, ...attributes } = some()
    const { status, body } = await structured({ ...attributes, data_base64: 'e30=' })
    expect([status, body.errors]).toMatchObject([400, [{ path: 'data_base64' }]])
    const batch = await structured([some()], 'application/cloudevents-batch+json')
    expect([batch.status, batch.body.detail]).toEqual([415, expect.stringContaining('each event by itself')])
    for (const body of [[], 'null', '1', '']) expect((await structured(body)).status).toBe(400)
    expect((await structured('{')).status).toBe(400)
  })

  it('is for events alone', async () => {
    const { status } = await service.api.post('/v1/subscriptions', {}, { 'content-type': STRUCTURED })
    expect(status).toBe(415)
  })
})

describe('binary mode', () => {
  it('decodes headers once, quoted ones too, and refuses what is no UTF-8', async () => {
    const send = (subject: string) => binary(some({ id: subject }), { 'ce-subject': subject })
    const subjectOf = async (subject: string) => (await stored(await send(subject))).payload.metadata.subject
    expect(await subjectOf('Euro%20%E2%82%AC%20%f0%9f%98%80')).toBe('Euro € 😀')
    expect(await subjectOf('%2541')).toBe('%41')
    expect(await subjectOf('"a \\"b\\" %41"')).toBe('a "b" A')
    expect(await subjectOf('100%')).toBe('100%')
    for (const wrong of ['%C0%A0', '%ff', 'Zürich'])
      expect([wrong, (await send(wrong)).status]).toEqual([wrong, 400])
  })

  it('leaves a body without these headers as it was', async () => {
    const { status } = await service.api.post('/v1/events', { type: 'a', data: {} }, { 'ce-other': 'x' })
    expect(status).toBe(202)
  })
})

describe('the package cloudevents', () => {
  it.each(['structured', 'binary'] as const)('publishes in %s mode', async (mode) => {
    const event = new CloudEvent(
      some({ time: '2026-01-31T18:20:43.400Z', subject: 'a b', flag: true, number: 5 }),
    )
    const { headers, body } = HTTP[mode](event)
    const answer = await service.api.post('/v1/events', String(body), headers as Record<string, string>)
    expect(answer.status).toBe(202)
    const texts = (of: object) =>
      Object.fromEntries(
        Object.entries(of).map(([name, value]) => [name, JSON.stringify(value).replace(/^"|"$/g, '')]),
      )
    const sent = JSON.parse(JSON.stringify(event))
    for (const webhook of await webhooksOf(answer.body.eventId))
      expect(texts(readCloudEvent(webhook))).toEqual({ ...texts(sent), datacontenttype: 'application/json' })
  })

  it('reads what it published, whatever the attributes hold', { timeout: 120_000 }, async () => {
    const text = fc
      .fullUnicodeString({ minLength: 1, maxLength: 30 })
      .filter((value) => !/[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}]/u.test(value))
    const anyEvent = fc.record(
      {
        specversion: fc.constant('1.0'),
        id: text,
        source: fc.webUrl({ withFragments: true, withQueryParameters: true }),
        type: fc.stringMatching(/^[A-Za-z0-9_.:-]{1,128}$/),
        time: fc
          .date({ min: new Date(0), max: new Date('9999-12-31'), noInvalidDate: true })
          .map((at) => at.toISOString()),
        data: fc
          .dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 4 })
          .filter((data) => !JSON.stringify(data).includes('\\u0000') && !Object.hasOwn(data, '__proto__')),
        subject: text,
        dataschema: fc.webUrl(),
        first: text,
        second2: fc.oneof(text, fc.boolean(), fc.integer()),
      },
      { requiredKeys: ['specversion', 'id', 'source', 'type', 'data', 'time'] },
    )
    let runs = 0
    await fc.assert(
      fc.asyncProperty(anyEvent, fc.constantFrom('structured', 'binary'), async (event, mode) => {
        runs += 1
        const key = { 'idempotency-key': `run ${runs}` }
        const answer = mode === 'binary' ? await binary(event, key) : await structured(event, STRUCTURED, key)
        expect([answer.status, answer.body]).toMatchObject([202, {}])
        const webhooks = await webhooksOf(answer.body.eventId)
        const isString = (value: unknown) => typeof value === 'string'
        for (const webhook of webhooks) {
          const { datacontenttype, data, ...read } = readCloudEvent(webhook)
          const { data: sent, ...attributes } = event
          expect([datacontenttype, data]).toEqual(['application/json', JSON.parse(JSON.stringify(sent))])
          const isTyped = mode === 'structured' && webhook.headers['ce-id'] === undefined
          const asText = (of: object) =>
            Object.fromEntries(
              Object.entries(of).map(([name, value]) => [name, isString(value) ? value : String(value)]),
            )
          expect(isTyped ? read : asText(read)).toEqual(isTyped ? attributes : asText(attributes))
        }
      }),
      { numRuns: 60 },
    )
  })
})

it('the examples of the docs publish', async () => {
  const section = readSection('docs/publishing.md', 'CloudEvents in')
  const examples = [...section.matchAll(/```bash\n(.*?)```/gs)].map(([, example = '']) => example)
  expect(examples).toHaveLength(2)
  for (const example of examples) {
    const command = example.replace('http://127.0.0.1:3000', service.url).replace('dev-key-1', TEST_KEY)
    const { stdout } = await promisify(execFile)('bash', ['-c', command])
    const { eventId } = JSON.parse(stdout)
    expect((await webhooksOf(eventId)).map((webhook) => readCloudEvent(webhook).data)).toEqual([
      { userId: 'u_123' },
      { userId: 'u_123' },
    ])
  }
})
