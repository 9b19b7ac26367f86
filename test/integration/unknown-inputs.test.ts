/**
 * What nothing reads is refused, on every route and for every argument: the routes come from the OpenAPI document and
 * the arguments from the schema, so a new one is tested without being named here.
 */
import { randomUUID } from 'node:crypto'
import { getNamedType, isInputObjectType } from 'graphql'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { schema } from '../../src/graphql/schema.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { TEST_KEY } from '../support/client.js'
import { post, watches } from '../support/graphql.js'
import { expectProblem } from '../support/problem.js'
import { startTestService, type TestService } from '../support/service.js'

interface Operation {
  method: string
  path: string
  parameters: {
    name: string
    in: string
    required?: boolean
    schema: { format?: string }
  }[]
  /** A body that is right, where one is taken: JSON, or text of another type. */
  body: object | string | undefined
  contentType: string
}

/** An operation as the document has it. */
interface Described {
  parameters?: Operation['parameters']
  requestBody?: { content: Record<string, { example?: object | string }> }
}

const JSON_TYPE = 'application/json'

let resources: Resources
let service: TestService
let operations: Operation[]

beforeAll(async () => {
  resources = createResources()
  service = resources.use(await startTestService('postgres'))
  const { paths } = (await service.api.get('/openapi.json')).body
  operations = Object.entries<Record<string, Described>>(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters = [], requestBody }]) => {
      const content = requestBody?.content ?? {}
      const contentType =
        Object.keys(content).find((type) => type !== JSON_TYPE && !(JSON_TYPE in content)) ?? JSON_TYPE
      const body = content[contentType]?.example
      return { method: method.toUpperCase(), path, parameters, body, contentType }
    }),
  )
})
afterAll(() => resources[Symbol.asyncDispose]())

async function send(
  { method, path, parameters, body, contentType }: Operation,
  { id = randomUUID() as string, query = '', extra = {} } = {},
) {
  // The only ones that a query must have are times.
  const required = parameters.filter((each) => each.in === 'query' && each.required)
  const search = new URLSearchParams(required.map(({ name }) => [name, new Date().toISOString()]))
  for (const [name, value] of new URLSearchParams(query)) search.append(name, value)
  const text = typeof body === 'string' ? body : JSON.stringify({ ...body, ...extra })
  const sent = method === 'GET' ? undefined : text
  const response = await fetch(`${service.url}${path.replace(/\{\w+\}/g, id)}?${search}`, {
    method,
    headers: { 'x-api-key': TEST_KEY, ...(sent && { 'content-type': contentType }) },
    ...(sent && { body: sent }),
  })
  const isProblem = response.headers.get('content-type') === 'application/problem+json'
  const answer = isProblem ? ((await response.json()) as Record<string, unknown>) : {}
  return { status: response.status, headers: response.headers, body: answer }
}

describe('every route', () => {
  it('is walked, with a right body where it takes one', () => {
    expect(operations.length).toBeGreaterThan(12)
    expect(operations.filter(({ body }) => body).length).toBeGreaterThan(2)
  })

  it('refuses an unknown query parameter, whatever its spelling', async () => {
    for (const operation of operations) {
      expectProblem(await send(operation, { query: '?unknown=1' }), 400, 'unknown')
      for (const { name } of operation.parameters.filter((each) => each.in === 'query'))
        expectProblem(await send(operation, { query: `?${name.toUpperCase()}=1` }), 400, name.toUpperCase())
    }
  })

  it('refuses an unknown field of a body, also where it takes no body', async () => {
    const withBody = operations.filter(({ method, body }) => method !== 'GET' && typeof body !== 'string')
    expect(withBody.length).toBeGreaterThan(4)
    for (const operation of withBody)
      expectProblem(await send(operation, { extra: { unknown: 1 } }), 400, 'unknown')
  })

  it('refuses an id in a query that is no UUID', async () => {
    const asked: string[] = []
    for (const operation of operations) {
      for (const { name } of operation.parameters.filter(isId('query'))) {
        expectProblem(await send(operation, { query: `?${name}=nope` }), 400, name)
        asked.push(name)
      }
    }
    expect(asked).toEqual(expect.arrayContaining(['eventId', 'subscriptionId']))
  })

  it('does not find an id in a path that is no UUID', async () => {
    const withId = operations.filter(({ parameters }) => parameters.some(isId('path')))
    expect(withId.length).toBeGreaterThan(5)
    for (const operation of withId) expectProblem(await send(operation, { id: 'nope' }), 404)
  })

  const isId = (place: string) => (parameter: Operation['parameters'][number]) =>
    parameter.in === place && parameter.schema.format === 'uuid'
})

describe('every id of GraphQL', () => {
  /** The lists and their filters by ids, as arguments that are written out. */
  const inFilters = Object.values(schema.getQueryType()?.getFields() ?? {}).flatMap(({ name, args }) =>
    args.flatMap((argument) => {
      const type = getNamedType(argument.type)
      const fields = isInputObjectType(type) ? Object.values(type.getFields()) : []
      const ids = fields.filter((field) => getNamedType(field.type).name === 'ID')
      return ids.map(
        (field) => [name, `${argument.name}.${field.name}`, `{ ${field.name}: "nope" }`] as const,
      )
    }),
  )
  const inSubscriptions = Object.values(schema.getSubscriptionType()?.getFields() ?? {}).flatMap(
    ({ name, args }) =>
      args.filter(({ type }) => getNamedType(type).name === 'ID').map((id) => [name, id.name] as const),
  )

  it('is refused in a filter when it is no UUID, in the list and below a parent', async () => {
    expect(inFilters.length).toBeGreaterThan(2)
    for (const [list, path, filter] of inFilters) {
      const { body } = await post(service, `{ ${list}(filter: ${filter}) { edges { cursor } } }`)
      expect([list, body.errors]).toMatchObject([
        list,
        [{ message: `\`${path}\`: must be a UUID`, extensions: { code: 'BAD_USER_INPUT' } }],
      ])
    }
    const published = await service.api.post('/v1/events', { type: 'a', data: {} })
    const below = `{ event(id: "${published.body.eventId}") { deliveries(filter: { eventId: "nope" }) { edges { cursor } } } }`
    expect((await post(service, below)).body.errors).toMatchObject([
      { extensions: { code: 'BAD_USER_INPUT' } },
    ])
  })

  it.each(watches)('ends a live subscription at once when it is no UUID, over %s', async (_name, watch) => {
    expect(inSubscriptions.length).toBeGreaterThan(2)
    for (const [field, id] of inSubscriptions) {
      const watcher = resources.use(watch(service, `subscription { ${field}(${id}: "nope") { __typename } }`))
      await expect.poll(() => watcher.end).toBeDefined()
      expect(JSON.stringify([watcher.results, watcher.end])).toContain(`\`${id}\`: must be a UUID`)
    }
  })

  it('finds nothing as the id of one thing', async () => {
    const { body } = await post(
      service,
      '{ event(id: "nope") { id } delivery(id: "nope") { id } subscription(id: "nope") { id } }',
    )
    expect(body).toEqual({ data: { event: null, delivery: null, subscription: null } })
  })
})
