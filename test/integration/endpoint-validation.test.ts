/** With `validate`, an endpoint is asked whether it agrees before a subscription is stored (HTTP 1.1 Web Hooks, §4). */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { ask } from '../support/graphql.js'
import { startTestService, type TestService } from '../support/service.js'

const ORIGIN = 'events.example.com'
let resources: Resources
let service: TestService
let url: string
let asked: { method: string | undefined; path: string | undefined; headers: IncomingHttpHeaders }[]
let answer: { status: number; headers: OutgoingHttpHeaders } | undefined

beforeEach(async () => {
  resources = createResources()
  asked = []
  answer = { status: 200, headers: {} }
  const server = createServer(({ method, url: path, headers }, response) => {
    asked.push({ method, path, headers })
    if (answer !== undefined) response.writeHead(answer.status, answer.headers).end('x'.repeat(10))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  resources.use({
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  })
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?a=1`
})
afterEach(() => resources[Symbol.asyncDispose]())

async function start(settings: Record<string, string> = { WEBHOOK_REQUEST_ORIGIN: ORIGIN }) {
  service = resources.use(await startTestService('postgres', settings))
}
const allow = (origin: string, status = 200) => {
  answer = { status, headers: { 'WebHook-Allowed-Origin': origin, 'WebHook-Allowed-Rate': '*' } }
}
const create = (fields: object = {}) =>
  service.api.post('/v1/subscriptions', { endpointUrl: url, eventTypes: ['a'], validate: true, ...fields })
const count = async () => (await service.api.get('/v1/subscriptions')).body.items.length

describe('an endpoint', () => {
  it.each([
    [ORIGIN, 200],
    ['*', 200],
    ['Events.Example.com', 405],
  ])(
    'that allows %s with %i is subscribed, and gets the origin with each webhook',
    async (origin, status) => {
      await start()
      allow(origin, status)
      const { status: created, body } = await create({
        secretHeaders: { 'x-key': 'secret' },
        maxRequestsPerSecond: 2,
      })
      expect([created, body.validate]).toEqual([201, undefined])
      expect(asked).toMatchObject([{ method: 'OPTIONS', path: '/hook?a=1' }])
      const { headers = {} } = asked[0] ?? {}
      expect(headers).toMatchObject({ 'webhook-request-origin': ORIGIN, 'webhook-request-rate': '120' })
      expect(headers).not.toHaveProperty('x-key')
      allow('*', 200)
      await service.api.post('/v1/events', { type: 'a', data: {} })
      await expect.poll(() => asked.length, { timeout: 10_000 }).toBe(2)
      expect(asked[1]).toMatchObject({ method: 'POST', headers: { 'webhook-request-origin': ORIGIN } })
    },
  )

  it.each([[undefined], ['other.example.com'], [`${ORIGIN}, *`], ['']])(
    'that answers %j is refused, and nothing is stored',
    async (origin) => {
      await start()
      if (origin !== undefined) allow(origin)
      const { status, body } = await create()
      expect([status, body.errors]).toEqual([
        400,
        [{ path: 'endpointUrl', message: expect.stringContaining(`did not allow ${ORIGIN}`) }],
      ])
      expect(await count()).toBe(0)
    },
  )

  it('that redirects, or does not answer in time, is refused', async () => {
    await start({ WEBHOOK_REQUEST_ORIGIN: ORIGIN, DELIVERY_TIMEOUT_MS: '300' })
    answer = { status: 307, headers: { location: url } }
    expect((await create()).status).toBe(400)
    expect(asked).toHaveLength(1)
    answer = undefined
    const { status, body } = await create()
    expect([status, body.errors[0].message]).toEqual([400, expect.stringContaining('within 300 ms')])
  })

  it('is only called where webhooks may go', async () => {
    await start({ WEBHOOK_REQUEST_ORIGIN: ORIGIN, DELIVERY_ALLOWED_CIDRS: '127.0.0.2/32' })
    const named = url.replace('127.0.0.1', 'localhost')
    expect((await create({ endpointUrl: named })).status).toBe(400)
    expect(asked).toEqual([])
  })
})

describe('a change', () => {
  it('asks the endpoint as it will be, and only when it says so', async () => {
    await start()
    const { id } = (await create({ validate: false })).body
    expect(asked).toEqual([])
    const change = (changes: object) => service.api.patch(`/v1/subscriptions/${id}`, changes)
    expect((await change({ description: 'a', validate: true })).status).toBe(400)
    expect((await service.api.get(`/v1/subscriptions/${id}`)).body.description).toBeNull()
    allow('*')
    expect(
      (await change({ endpointUrl: `${url}&b=2`, maxRequestsPerSecond: 1, validate: true })).status,
    ).toBe(200)
    expect(asked.map(({ path }) => path)).toEqual(['/hook?a=1', '/hook?a=1&b=2'])
    expect(asked[1]?.headers['webhook-request-rate']).toBe('60')
    expect((await change({ description: 'b' })).status).toBe(200)
    expect(asked).toHaveLength(2)
  })

  it('asks over GraphQL, too', async () => {
    await start()
    const mutation = `mutation ($input: CreateSubscriptionInput!) {
      createSubscription(input: $input) { subscription { id } errors { code message } } }`
    const input = { endpointUrl: url, eventTypes: ['a'], validate: true }
    const { createSubscription } = await ask(service, mutation, { input })
    expect(createSubscription).toMatchObject({ subscription: null, errors: [{ code: 'BAD_USER_INPUT' }] })
    expect(asked).toMatchObject([{ method: 'OPTIONS' }])
  })
})

describe('a service without an origin', () => {
  it('says so, and sends none', async () => {
    await start({})
    const { status, body } = await create()
    expect([status, body.errors[0].message]).toEqual([400, expect.stringContaining('WEBHOOK_REQUEST_ORIGIN')])
    expect((await create({ validate: null })).status).toBe(201)
    await service.api.post('/v1/events', { type: 'a', data: {} })
    await expect.poll(() => asked.length, { timeout: 10_000 }).toBe(1)
    expect(asked[0]?.headers).not.toHaveProperty('webhook-request-origin')
  })
})
