/** The catalogue of event types: what is registered checks what is published, in every process. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createClient } from '../support/client.js'
import { ask } from '../support/graphql.js'
import { layouts, startOn, startTestService, type TestService } from '../support/service.js'

let resources: Resources
let service: TestService

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

const order = {
  name: 'order.created',
  description: 'Somebody has ordered.',
  schema: {
    type: 'object',
    required: ['orderId'],
    properties: { orderId: { type: 'string' }, lines: { type: 'array', items: { $ref: '#/$defs/line' } } },
    additionalProperties: false,
    $defs: { line: { type: 'object', properties: { amount: { type: 'integer', minimum: 1 } } } },
  },
  dataExamples: [{ orderId: 'o_1', lines: [{ amount: 2 }] }],
}
const good = { type: order.name, data: { orderId: 'o_1', lines: [{ amount: 1 }] } }
const bad = { type: order.name, data: { lines: [{ amount: 1 }, { amount: 0 }], extra: true } }
const faults = [
  { path: 'data.orderId', message: 'is required' },
  { path: 'data.extra', message: 'is not a property that the schema allows' },
  { path: 'data.lines.1.amount', message: 'must be >= 1' },
]

const register = (fields: object = {}) => service.api.post('/v1/event-types', { ...order, ...fields })
const publish = (event: object) => service.api.post('/v1/events', event)
const find = async (name = order.name) => (await service.api.get(`/v1/event-types/${name}`)).body

const violationsOf = (mode: string, text: string) =>
  Number(new RegExp(`schema_violations_total{mode="${mode}"} (\\d+)`).exec(text)?.[1])

describe.each(layouts)('%s', (layout) => {
  beforeEach(async () => {
    service = resources.use(await startTestService(layout))
  })

  it('refuses what a schema in ENFORCE does not allow, on every way in, and says where', async () => {
    expect((await register({ mode: 'ENFORCE' })).status).toBe(201)
    expect((await publish(good)).status).toBe(202)
    const { status, body } = await publish(bad)
    expect(status).toBe(400)
    expect(body.errors).toEqual(faults)
    const counts = (await service.api.get<string>('/v1/metrics')).body
    expect(counts).toMatch(/events_ingested_total\{result="rejected"\} 1\n/)

    const batch = await service.api.post('/v1/events/batch', {
      events: [bad, good, { ...good, type: 'other' }],
    })
    expect(batch.body.items.map(({ status }: { status: number }) => status)).toEqual([400, 202, 202])
    expect(batch.body.items[0].error.errors).toEqual(faults)

    const published = await ask(
      service,
      `mutation ($inputs: [PublishEventInput!]!) {
        publishEvents(inputs: $inputs) { event { type } errors { ... on InvalidInputError { problems { path message } } } }
      }`,
      { inputs: [bad, good] },
    )
    expect(published.publishEvents).toEqual([
      { event: null, errors: [{ problems: faults }] },
      { event: { type: order.name }, errors: [] },
    ])
    expect((await service.api.get('/v1/stats')).body.eventsTotal).toBe(4)
    expect(violationsOf('enforce', (await service.api.get<string>('/v1/metrics')).body)).toBe(3)
    await expect
      .poll(async () => (await find()).violations, { timeout: 10_000 })
      .toEqual({ count: 3, lastError: '`data.orderId`: is required', lastAt: expect.any(String) })
  })

  it('takes it in WARN, and counts it until there is another schema', async () => {
    await register({ mode: 'WARN' })
    expect((await publish(bad)).status).toBe(202)
    await expect.poll(async () => (await find()).violations?.count, { timeout: 10_000 }).toBe(1)
    expect(violationsOf('warn', (await service.api.get<string>('/v1/metrics')).body)).toBe(1)
    await register({ mode: 'ENFORCE', schema: {}, dataExamples: [] })
    expect(await find()).toMatchObject({ version: 2, violations: null })
    expect((await publish(bad)).status).toBe(202)
  })
})

describe('a type', () => {
  beforeEach(async () => {
    service = resources.use(await startTestService('postgres'))
  })

  it('gets a version for each schema, and only for a schema', async () => {
    const first = await register()
    expect(first).toMatchObject({ status: 201, body: { ...order, mode: 'OFF', version: 1 } })
    expect(first.headers.get('location')).toBe('/v1/event-types/order.created')
    expect(await register()).toMatchObject({ status: 200, body: first.body })
    const { $defs, ...rest } = order.schema
    expect((await register({ schema: { $defs, ...rest } })).body).toEqual(first.body)
    const warning = await register({ mode: 'WARN', description: null, dataExamples: null })
    expect(warning.body).toMatchObject({ mode: 'WARN', description: null, dataExamples: [], version: 1 })
    expect((await register({ schema: {} })).body.version).toBe(2)
    const { items } = (await service.api.get('/v1/event-types/order.created/versions')).body
    expect(items).toEqual([
      { version: 2, schema: {}, createdAt: expect.any(String) },
      { version: 1, schema: order.schema, createdAt: expect.any(String) },
    ])
  })

  it('is registered once by many at the same moment', async () => {
    const schemas = Array.from({ length: 4 }, (_, index) => ({ maxProperties: index + 1 }))
    const answers = await Promise.all(schemas.map((schema) => register({ schema, dataExamples: [] })))
    expect(answers.map(({ body }) => body.version).toSorted()).toEqual([1, 2, 3, 4])
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
  })

  it('is no longer checked once it is removed', async () => {
    await register({ mode: 'ENFORCE' })
    expect((await service.api.delete('/v1/event-types/order.created')).status).toBe(204)
    expect((await publish(bad)).status).toBe(202)
    expect((await service.api.get('/v1/event-types/order.created')).status).toBe(404)
    expect((await service.api.delete('/v1/event-types/order.created')).status).toBe(404)
    expect((await register()).body.version).toBe(1)
  })

  it.each([
    [
      'a keyword that does not exist',
      { properties: { a: { typ: 'string' } } },
      'schema.properties.a.typ',
      /not a keyword/,
    ],
    ['a wrong value of a keyword', { type: 'text' }, 'schema.type', /allowed values/],
    ['a reference to elsewhere', { $ref: 'https://example.com/s' }, 'schema.$ref', /within the schema/],
    ['a reference to nothing', { $ref: '#/$defs/none' }, 'schema', /#\/\$defs\/none/],
    ['another draft', { $schema: 'http://json-schema.org/draft-07/schema#' }, 'schema.$schema', /2020-12/],
    [
      'a pattern with look-ahead',
      { properties: { a: { pattern: '(?=a)' } } },
      'schema.properties.a.pattern',
      /RE2/,
    ],
    ['more than 32 KiB', { description: 'x'.repeat(32 * 1024) }, 'schema', /at most 32768 bytes/],
  ])('is refused with %s in its schema', async (_what, schema, path, message) => {
    const { status, body } = await register({ schema, dataExamples: [] })
    expect(status).toBe(400)
    expect(body.errors).toEqual([{ path, message: expect.stringMatching(message) }])
  })

  it('is refused with an example that its schema does not allow', async () => {
    const { body } = await register({ dataExamples: [order.dataExamples[0], {}] })
    expect(body.errors).toEqual([{ path: 'dataExamples.1.orderId', message: 'is required' }])
  })

  it('is shown by GraphQL, with its versions', async () => {
    await register()
    await register({ schema: {}, mode: 'WARN' })
    const shown = await ask(
      service,
      `{
      eventType(name: "order.created") { name description mode version schema dataExamples versions { version schema } violations { count } }
      none: eventType(name: "none") { name }
      eventTypes(first: 10) { edges { node { name } } }
    }`,
    )
    expect(shown).toEqual({
      eventType: {
        ...{ name: order.name, description: order.description, mode: 'WARN', version: 2, schema: {} },
        dataExamples: order.dataExamples,
        versions: [
          { version: 2, schema: {} },
          { version: 1, schema: order.schema },
        ],
        violations: null,
      },
      none: null,
      eventTypes: { edges: [{ node: { name: order.name } }] },
    })
  })

  it('is registered and removed by GraphQL', async () => {
    const registering = `mutation ($input: RegisterEventTypeInput!) {
      registerEventType(input: $input) { eventType { version mode } errors { message } }
    }`
    const input = { ...order, mode: 'ENFORCE' }
    expect((await ask(service, registering, { input })).registerEventType).toEqual({
      ...{ eventType: { version: 1, mode: 'ENFORCE' }, errors: [] },
    })
    const wrong = await ask(service, registering, { input: { ...order, schema: { typ: 1 } } })
    expect(wrong.registerEventType).toEqual({
      eventType: null,
      errors: [{ message: '`schema.typ`: is not a keyword that schemas may have here' }],
    })
    const removing = 'mutation { removeEventType(name: "order.created") { name errors { message } } }'
    expect((await ask(service, removing)).removeEventType).toEqual({ name: order.name, errors: [] })
    expect((await ask(service, removing)).removeEventType.errors).toHaveLength(1)
  })
})

it('counts in the other processes of an installation', async () => {
  service = resources.use(await startTestService('redis'))
  const other = resources.use(await startOn({ url: service.database.url }, service.redis))
  await register({ mode: 'ENFORCE' })
  const publishThere = async () => (await createClient(other.url).post('/v1/events', bad)).status
  await expect.poll(publishThere, { timeout: 5000 }).toBe(400)
})
