/** The documentation that the service serves: its OpenAPI document, and the page that shows it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Scope } from '../../src/api-keys/api-key.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { version } from '../../src/platform/version.js'
import { startTestService, type TestService } from '../support/service.js'

describe('the documentation', () => {
  /** Every route of the contract, and the scope that a key needs for it, if it asks for one. */
  const routes: [string, Scope | 'open'][] = [
    ['get /v1/health', 'open'],
    ['get /v1/stats', 'read'],
    ['get /v1/metrics', 'open'],
    ['post /v1/subscriptions', 'manage'],
    ['get /v1/subscriptions', 'read'],
    ['get /v1/subscriptions/{id}', 'read'],
    ['patch /v1/subscriptions/{id}', 'manage'],
    ['post /v1/events', 'publish'],
    ['get /v1/events/{id}', 'read'],
    ['get /v1/events/{id}/summary', 'read'],
    ['get /v1/deliveries', 'read'],
    ['post /v1/deliveries/{id}/retry', 'manage'],
    ['post /v1/deliveries/events/{eventId}/retry', 'manage'],
  ]

  let resources: Resources
  let service: TestService
  // biome-ignore lint/suspicious/noExplicitAny: a test knows what it asked for
  let document: any

  beforeAll(async () => {
    resources = createResources()
    service = resources.use(await startTestService('postgres'))
    document = (await service.api.get('/openapi.json')).body
  })
  afterAll(() => resources[Symbol.asyncDispose]())

  it('is OpenAPI 3.1 of every route, with the key and the scope that it asks for', () => {
    expect(document).toMatchObject({ openapi: '3.1.0', info: { version }, security: [{ apiKey: [] }] })
    for (const [route, access] of routes) {
      const [method = '', path = ''] = route.split(' ')
      const operation = document.paths[path]?.[method]
      expect([route, operation?.security]).toEqual([route, access === 'open' ? [] : [{ apiKey: [access] }]])
      expect(operation).toMatchObject({ operationId: expect.any(String), summary: expect.any(String) })
      for (const status of [401, 403, 429])
        expect([route, operation.responses[status] !== undefined]).toEqual([route, access !== 'open'])
    }
  })

  it('has each shape once, and refers to none that it has not', () => {
    const text = JSON.stringify(document)
    const referred = [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name)
    expect([...new Set(referred)].sort()).toEqual(Object.keys(document.components.schemas))
    expect(Object.keys(document.components.schemas)).toEqual(
      expect.arrayContaining(['Delivery', 'DeliveryLog', 'Event', 'Problem', 'Subscription']),
    )
    expect(text).not.toMatch(/Input"|9007199254740991/)
  })

  it('gives every problem the type that problems are sent with', () => {
    const answers = Object.values(document.paths).flatMap((path) =>
      Object.entries(path as object).flatMap(([, { responses }]) => Object.entries(responses)),
    ) as [string, { content: object }][]
    const problem = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } }
    const health = { 'application/json': { schema: { $ref: '#/components/schemas/Health' } } }
    const problems = answers.filter(([status]) => Number(status) >= 400)
    expect(problems.length).toBeGreaterThan(routes.length)
    for (const [, { content }] of problems) expect([problem, health]).toContainEqual(content)
  })

  it('has an example of each request body that works as it stands and does no harm', async () => {
    const { body: created } = await service.api.post('/v1/subscriptions', {
      endpointUrl: 'http://127.0.0.1:9/',
      eventTypes: ['a'],
    })
    const bodies = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods as object).flatMap(([method, { requestBody }]) =>
        requestBody === undefined ? [] : [{ method, path, requestBody }],
      ),
    )
    expect(bodies.length).toBeGreaterThan(2)
    for (const { method, path, requestBody } of bodies) {
      const { example, schema } = requestBody.content['application/json']
      const name = schema.$ref.split('/').at(-1)
      expect([name, document.components.schemas[name].examples]).toEqual([name, [example]])
      const send = method === 'patch' ? service.api.patch : service.api.post
      const { status } = await send(path.replace('{id}', created.id), example)
      expect([method, path, status < 300]).toEqual([method, path, true])
      expect(example).not.toHaveProperty('secret')
      expect(example.isEnabled).not.toBe(false)
      if (example.endpointUrl) expect(example.endpointUrl).toMatch(/^http:\/\/127\.0\.0\.1:/)
      expect(example.eventTypes ?? []).not.toContain('*')
    }
  })

  it('is a page to read, all of it from this host', async () => {
    const response = await fetch(`${service.url}/docs`)
    expect(response.headers.get('content-type')).toContain('text/html')
    expect(response.headers.get('content-security-policy')).toContain("default-src 'self'")
    const page = await response.text()
    const links = [...page.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, link = '']) => link)
    expect(links.length).toBeGreaterThan(4)
    for (const link of links) {
      const { origin, href } = new URL(link, `${service.url}/docs`)
      expect(origin).toBe(service.url)
      const linked = await fetch(href)
      expect([link, linked.status]).toEqual([link, 200])
      await linked.arrayBuffer()
    }
  })
})
