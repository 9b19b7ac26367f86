/** The documentation that the service serves: its OpenAPI document, and the page that shows it. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Scope } from '../../src/api-keys/api-key.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { version } from '../../src/platform/version.js'
import { bodyTypeOf } from '../support/body-type.js'
import { startReceiver } from '../support/receiver.js'
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
      expect([route, operation?.security]).toEqual([route, access === 'open' ? [] : undefined])
      expect([route, operation?.['x-required-scope'] ?? 'open']).toEqual([route, access])
      const text = expect.any(String)
      expect(operation).toMatchObject({ operationId: text, summary: text, description: text })
      for (const status of [400, 408, 417, 431]) expect(operation.responses).toHaveProperty(`${status}`)
      for (const status of [413, 415])
        expect([route, operation.responses[status] !== undefined]).toEqual([
          route,
          /^(post|patch)/.test(route),
        ])
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

  it('has the headers that answers carry', async () => {
    const headersOf = (path: string, method: string, status: number) =>
      Object.keys(document.paths[path][method].responses[status].headers ?? {})
    const event = { type: 'a', data: {}, eventId: 'the-same' }
    const answers = {
      '/v1/events': [event, event],
      '/v1/subscriptions': [{ endpointUrl: 'http://127.0.0.1:9/headers', eventTypes: ['b'] }],
    }
    for (const [path, bodies] of Object.entries(answers)) {
      for (const body of bodies) {
        const { status, headers, body: answer } = await service.api.post(path, body)
        expect(headersOf(path, 'post', status)).toEqual(['Location'])
        expect(headers.get('location')).toBe(`${path}/${answer.id ?? answer.eventId}`)
      }
    }
    for (const status of [429, 503]) expect(headersOf('/v1/stats', 'get', status)).toEqual(['Retry-After'])
  })

  it('has the bounds of every input that a pattern can say', () => {
    const { NewEvent, NewSubscription, SubscriptionChanges } = document.components.schemas
    expect(SubscriptionChanges.minProperties).toBe(1)
    expect(NewEvent.properties.type.pattern).toBe('^[A-Za-z0-9_.:-]{1,128}$')
    const { parameters } = document.paths['/v1/events'].post
    const key = new RegExp(parameters[0].schema.pattern)
    expect(['a', 'a b', '', ' a'].map((text) => key.test(text))).toEqual([true, true, false, false])
    const { pattern, ...bounds } = NewSubscription.properties.secret.anyOf[0]
    expect(bounds).toMatchObject({ minLength: 8, maxLength: 255 })
    expect(['12345678', ' 2345678', 'whsec_AAAA'].map((text) => new RegExp(pattern).test(text))).toEqual([
      ...[true, false, true],
    ])
  })

  it('has the webhook as it is delivered: its body and its headers', async () => {
    const receiver = resources.use(await startReceiver())
    await service.api.post('/v1/subscriptions', { endpointUrl: receiver.url, eventTypes: ['webhook'] })
    await service.api.post('/v1/events', { type: 'webhook', data: { a: 1 } })
    await expect.poll(() => receiver.requests.length).toBe(1)
    const [{ headers = {}, body = '' } = {}] = receiver.requests
    const { parameters, requestBody } = document.webhooks.event.post
    for (const { name, schema } of parameters)
      expect(headers[name]).toMatch(new RegExp(schema.pattern ?? '.'))
    const described = [...parameters.map(({ name }: { name: string }) => name), 'content-type']
    const ofHttp = /^(host|connection|content-length|accept|transfer-encoding)$/
    expect(
      Object.keys(headers)
        .filter((name) => !ofHttp.test(name))
        .sort(),
    ).toEqual(described.sort())
    const { Webhook } = document.components.schemas
    const { example } = requestBody.content['application/json']
    for (const sent of [JSON.parse(body), example]) {
      expect(Object.keys(sent)).toEqual(Webhook.required)
      expect(Object.keys(sent.payload)).toEqual(Webhook.properties.payload.required)
    }
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
    /** A delivery that this test has taken, of a subscription of its own: what was rejected comes again. */
    const taken = async (name: string): Promise<string> => {
      const type = `pulled.${name}`
      const { body: pull } = await service.api.post('/v1/subscriptions', { kind: 'PULL', eventTypes: [type] })
      await service.api.post('/v1/events', { type, data: {} })
      return (await service.api.get(`/v1/subscriptions/${pull.id}/feed?wait=20`)).body.items[0].deliveryId
    }
    for (const { method, path, requestBody } of bodies) {
      const contentType = bodyTypeOf(requestBody.content)
      const { example, schema } = requestBody.content[contentType]
      const name = schema.$ref.split('/').at(-1)
      expect([name, document.components.schemas[name].examples]).toEqual([name, [example]])
      const send = method === 'patch' ? service.api.patch : service.api.post
      const [, answer] = /^\/v1\/deliveries\/{id}\/(\w+)$/.exec(path) ?? []
      const id = answer === undefined ? created.id : await taken(answer)
      const { status } = await send(path.replace('{id}', id), example, {
        'content-type': contentType,
      })
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
