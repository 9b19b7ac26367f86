/** The catalogue as a document: what is exported can be imported again, and so can what others wrote. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { ask } from '../support/graphql.js'
import { startTestService, type TestService } from '../support/service.js'

let resources: Resources
let service: TestService

beforeEach(async () => {
  resources = createResources()
  service = resources.use(await startTestService('postgres'))
})
afterEach(() => resources[Symbol.asyncDispose]())

const types = [
  {
    name: 'order.created',
    description: 'Somebody has ordered.',
    schema: {
      type: 'object',
      properties: { lines: { type: 'array', items: { $ref: '#/$defs/line' } }, parent: { $ref: '#' } },
      $defs: { line: { type: 'object' } },
    },
    dataExamples: [{ lines: [{}] }],
  },
  { name: 'user:created', description: null, schema: { maxProperties: 3 }, dataExamples: [] },
]

const exported = async (format: string) => (await service.api.get(`/v1/catalogue?format=${format}`)).body
const imported = (document: object, mode?: string) => service.api.post('/v1/catalogue', { document, mode })
const schemaOf = async (name: string) => (await service.api.get(`/v1/event-types/${name}`)).body.schema

describe.each(['openapi', 'asyncapi'])('as %s', (format) => {
  beforeEach(async () => {
    for (const type of types) await service.api.post('/v1/event-types', type)
  })

  it('comes back as it went', async () => {
    const document = await exported(format)
    expect(await exported(format)).toEqual(document)
    for (const { name } of types) await service.api.delete(`/v1/event-types/${name}`)
    const { status, body } = await imported(document, 'ENFORCE')
    expect(status).toBe(200)
    expect(body.items).toEqual(types.map(({ name }) => ({ name, version: 1 })))
    for (const type of types) {
      const { body: found } = await service.api.get(`/v1/event-types/${type.name}`)
      expect(found).toMatchObject({ ...type, mode: 'ENFORCE' })
    }
  })

  it('is the same over GraphQL', async () => {
    const { catalogue } = await ask(service, `{ catalogue(format: ${format.toUpperCase()}) }`)
    expect(catalogue).toEqual(await exported(format))
    const importing = `mutation ($document: JSONObject!) {
      importCatalogue(document: $document) { items { name version error } errors { message } }
    }`
    const { importCatalogue } = await ask(service, importing, { document: catalogue })
    expect(importCatalogue.errors).toEqual([])
    expect(importCatalogue.items).toEqual(types.map(({ name }) => ({ name, version: 1, error: null })))
  })
})

const webhook = (schema: object) => ({
  post: { requestBody: { content: { 'application/json': { schema } } } },
})

describe("another's document", () => {
  it("brings the body's schema, with all that it refers to", async () => {
    const { body } = await imported({
      openapi: '3.1.0',
      webhooks: { 'pet.added': webhook({ $ref: '#/components/schemas/Pet' }) },
      components: {
        schemas: {
          Pet: {
            type: 'object',
            properties: {
              owner: { $ref: '#/components/schemas/Person' },
              mother: { $ref: '#/components/schemas/Pet' },
            },
          },
          Person: { type: 'object', properties: { pets: { items: { $ref: '#/components/schemas/Pet' } } } },
          Other: {},
        },
      },
    })
    expect(body.items).toEqual([{ name: 'pet.added', version: 1 }])
    expect(await schemaOf('pet.added')).toEqual({
      type: 'object',
      properties: { owner: { $ref: '#/$defs/Person' }, mother: { $ref: '#' } },
      $defs: { Person: { type: 'object', properties: { pets: { items: { $ref: '#' } } } } },
    })
  })

  it('brings the messages of AsyncAPI 2', async () => {
    const message = { title: 'A door', payload: { type: 'object' }, examples: [{ payload: { open: true } }] }
    await imported({ asyncapi: '2.6.0', components: { messages: { 'door.opened': message } } })
    const { body } = await service.api.get('/v1/event-types/door.opened')
    expect(body).toMatchObject({
      description: 'A door',
      schema: { type: 'object' },
      dataExamples: [{ open: true }],
    })
  })

  it('is taken but for the types that are wrong', async () => {
    const { body } = await imported({
      openapi: '3.1.0',
      webhooks: { good: webhook({}), 'not a name': webhook({}), wrong: webhook({ typ: 'x' }), empty: {} },
    })
    expect(body.items).toMatchObject([
      { name: 'good', version: 1 },
      { name: 'not a name', version: null, error: { status: 400, errors: [{ path: 'name' }] } },
      { name: 'wrong', version: null, error: { errors: [{ path: 'schema.typ' }] } },
      { name: 'empty', version: null, error: { errors: [{ path: 'schema' }] } },
    ])
  })

  it.each([
    ['neither OpenAPI nor AsyncAPI', { openapi: '3.1.0' }, /OpenAPI 3.1 with `webhooks`/],
    ['nested too deeply', JSON.parse(`${'{"a":'.repeat(200)}1${'}'.repeat(200)}`), /nested deeper/],
    [
      'with too many types',
      { webhooks: Object.fromEntries(Array.from({ length: 1001 }, (_, n) => [`t${n}`, {}])) },
      /at most 1000/,
    ],
  ])('is refused %s', async (_what, document, message) => {
    const { status, body } = await imported(document)
    expect(status).toBe(400)
    expect(body.errors).toMatchObject([{ path: 'document', message: expect.stringMatching(message) }])
  })

  it('may have a schema that many types share, but none that is too large', async () => {
    const large = { anyOf: Array.from({ length: 20_000 }, () => ({})) }
    const webhooks = Object.fromEntries(
      Array.from({ length: 50 }, (_, n) => [`t${n}`, webhook({ $ref: '#/components/schemas/Large' })]),
    )
    const { body } = await imported({ webhooks, components: { schemas: { Large: large } } })
    for (const { error } of body.items) expect(error.errors[0].message).toMatch(/at most 32768 bytes/)
    expect(body.items).toHaveLength(50)
  })
})
