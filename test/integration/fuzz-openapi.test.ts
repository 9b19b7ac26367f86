/** Requests made up from the OpenAPI document, right ones and wrong ones: every answer is one that it tells of. */
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { TEST_KEY } from '../support/client.js'
import { createFuzz, fuzzFor, fuzzSeed, leak, mutate, timed } from '../support/fuzz.js'
import { startTestService, type TestService } from '../support/service.js'

interface Schema {
  $ref?: string
  type?: string | string[]
  enum?: unknown[]
  const?: unknown
  format?: string
  pattern?: string
  minimum?: number
  maximum?: number
  anyOf?: Schema[]
  items?: Schema
  properties?: Record<string, Schema>
  required?: string[]
}

interface Operation {
  method: string
  path: string
  parameters?: { name: string; in: string; schema: Schema }[]
  requestBody?: { content: Record<string, { schema: Schema }> }
  responses: Record<string, unknown>
}

let resources: Resources
let service: TestService
let operations: Operation[]
let shapes: Record<string, Schema>
/** Ids of things that are there. */
const ids: string[] = []
const fuzz = createFuzz()

beforeAll(async () => {
  resources = createResources()
  service = resources.use(await startTestService('postgres', { DELIVERY_MAX_ATTEMPTS: '1' }))
  const { body: document } = await service.api.get('/openapi.json')
  shapes = document.components.schemas
  operations = Object.entries<Record<string, object>>(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, rest]) => ({ method, path, ...rest }) as Operation),
  )
  const made = await service.api.post('/v1/subscriptions', { endpointUrl: nowhere(), eventTypes: ['*'] })
  const published = await service.api.post('/v1/events', { type: 'a', data: {} })
  ids.push(made.body.id, published.body.eventId)
  const delivery = await vi.waitUntil(async () => (await service.api.get('/v1/deliveries')).body.items[0], {
    timeout: 20_000,
  })
  ids.push(delivery.id)
})
afterAll(() => resources[Symbol.asyncDispose]())

/** An endpoint that refuses at once. */
const nowhere = () => `http://127.0.0.1:9/${fuzz.below(1e9)}`

function made(schema: Schema): unknown {
  if (schema.$ref) return made(shapes[schema.$ref.split('/').at(-1) as string] ?? {})
  if (schema.const !== undefined) return schema.const
  if (schema.enum) return fuzz.pick(schema.enum)
  if (schema.anyOf) return made(fuzz.pick(schema.anyOf))
  switch ([schema.type].flat()[0]) {
    case 'string':
      return madeText(schema)
    case 'integer':
    case 'number':
      return (schema.minimum ?? 0) + fuzz.below(Math.min(schema.maximum ?? 100, 100))
    case 'boolean':
      return fuzz.isOneIn(2)
    case 'null':
      return null
    case 'array':
      return Array.from({ length: 1 + fuzz.below(3) }, () => made(schema.items ?? {}))
    case 'object':
      return madeObject(schema)
    default:
      return fuzz.odd()
  }
}

function madeText({ format, pattern }: Schema): string {
  if (format === 'uri') return nowhere()
  if (format === 'uuid') return fuzz.pick(ids)
  if (format === 'date-time') return new Date(fuzz.below(2e12)).toISOString()
  return pattern ? `type.${fuzz.below(5)}` : `text ${fuzz.below(1000)}`
}

function madeObject({ properties = {}, required = [] }: Schema): object {
  const chosen = Object.entries(properties).filter(([name]) => required.includes(name) || fuzz.isOneIn(2))
  if (chosen.length === 0 && Object.keys(properties).length === 0) return { [fuzz.oddText()]: fuzz.odd() }
  return Object.fromEntries(chosen.map(([name, schema]) => [name, made(schema)]))
}

/** A request to an operation, right or nearly so. */
function request({ method, path, parameters = [], requestBody }: Operation) {
  const value = (schema: Schema) => (fuzz.isOneIn(3) ? fuzz.oddText() : String(made(schema)))
  const encoded = (text: string) => encodeURIComponent(text.toWellFormed())
  const query: string[] = []
  const headers: Record<string, string> = { 'x-api-key': TEST_KEY }
  let target = path
  for (const { name, in: place, schema } of parameters) {
    if (place === 'path') target = target.replace(`{${name}}`, encoded(value(schema)))
    else if (place === 'query' && fuzz.isOneIn(2)) query.push(`${name}=${encoded(value(schema))}`)
    // What no client can send is not to be answered.
    else if (place === 'header' && fuzz.isOneIn(2))
      headers[name] = value(schema).replace(/[^\t\x20-\x7e\x80-\xff]/g, '?')
  }
  if (fuzz.isOneIn(10)) query.push(`${encoded(fuzz.oddText())}=${encoded(fuzz.oddText())}`)
  const schema = requestBody?.content['application/json']?.schema
  let body = schema && made(schema)
  for (let changes = fuzz.below(3); schema && changes > 0; changes -= 1) body = mutate(fuzz, body)
  let text = schema && JSON.stringify(body)
  if (text !== undefined && fuzz.isOneIn(15)) text = text.slice(0, fuzz.below(text.length)) + fuzz.oddText()
  if (text !== undefined) headers['content-type'] = fuzz.isOneIn(20) ? 'text/plain' : 'application/json'
  return {
    method: method.toUpperCase(),
    target: `${target}${query.length > 0 ? '?' : ''}${query.join('&')}`,
    headers,
    text,
  }
}

it(`answers whatever is sent (FUZZ_SEED=${fuzzSeed})`, { timeout: 120_000 }, async () => {
  const statuses = new Map<string, number>()
  const count = await fuzzFor(() => {
    // Those that take a body have the most to go wrong.
    const operation = fuzz.pick(
      fuzz.isOneIn(2) ? operations.filter(({ requestBody }) => requestBody) : operations,
    )
    const sent = request(operation)
    return async () => {
      const { method, target, headers, text } = sent
      const answer = await timed(sent, () =>
        fetch(service.url + target, { method, headers, ...(text !== undefined && { body: text }) }),
      )
      expect(Object.keys(operation.responses), answer.sent()).toContain(String(answer.status))
      const key = `${method} ${operation.path} ${answer.status}`
      statuses.set(key, (statuses.get(key) ?? 0) + 1)
      if (answer.status < 400) return
      expect(answer.headers.get('content-type'), answer.sent()).toBe('application/problem+json')
      const problem = JSON.parse(answer.text)
      expect(problem, answer.sent()).toMatchObject({
        type: expect.stringMatching(/^urn:node-event-service:/),
        title: expect.any(String),
        status: answer.status,
        detail: expect.any(String),
      })
      expect('errors' in problem, answer.sent()).toBe(answer.status === 400)
      expect(answer.text, answer.sent()).not.toMatch(leak)
    }
  })
  process.stdout.write(
    `${count} requests\n${[...statuses]
      .map(([key, times]) => `${times} ${key}`)
      .sort()
      .join('\n')}\n`,
  )
  expect((await service.api.get('/v1/health')).body).toMatchObject({ status: 'ok', db: { status: 'ok' } })
  expect((await service.api.post('/v1/events', { type: 'a', data: {} })).status).toBe(202)
})
