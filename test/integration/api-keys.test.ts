/** What each scope opens and what it doesn't: every REST route, every operation of GraphQL, every transport. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Scope, scopes } from '../../src/api-keys/api-key.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createClient } from '../support/client.js'
import { openSocket, post, type Result } from '../support/graphql.js'
import { expectProblem } from '../support/problem.js'
import { startTestService, type TestService } from '../support/service.js'

let resources: Resources
let service: TestService

beforeAll(async () => {
  resources = createResources()
  const API_KEYS = scopes.map((scope) => `${scope}-only=${scope}=${scope}-key`).join()
  service = resources.use(await startTestService('postgres', { API_KEYS }))
})
afterAll(() => resources[Symbol.asyncDispose]())

const id = '0192f0c1-2345-7abc-8def-0123456789ab'
const event = { type: 'user.created', data: {} }
const yesterday = new Date(Date.now() - 86_400_000).toISOString()

describe('REST', () => {
  const routes: [Scope, 'get' | 'post' | 'patch' | 'delete', path: string, body?: object][] = [
    ['read', 'get', '/v1/stats'],
    ['read', 'get', `/v1/delivery-metrics?from=${yesterday}`],
    ['publish', 'post', '/v1/events', event],
    ['publish', 'post', '/v1/events/batch', { events: [event] }],
    ['publish', 'post', '/v1/events/import', event],
    ['manage', 'post', '/v1/tenant-tokens', { tenant: 'acme', scopes: ['MANAGE'] }],
    ['read', 'get', `/v1/events/${id}`],
    ['read', 'get', `/v1/events/${id}/summary`],
    ['manage', 'post', `/v1/events/${id}/cancel`],
    ['manage', 'post', `/v1/events/${id}/erase`],
    ['read', 'get', '/v1/dead-letters'],
    ['manage', 'post', '/v1/deliveries/retry', { filter: {}, dryRun: true }],
    ['manage', 'post', '/v1/deliveries/discard', { filter: {}, dryRun: true }],
    ['manage', 'post', '/v1/replays', { filter: {}, dryRun: true }],
    ['read', 'get', '/v1/replays'],
    ['read', 'get', `/v1/replays/${id}`],
    ['manage', 'post', `/v1/replays/${id}/pause`],
    ['manage', 'post', `/v1/replays/${id}/resume`],
    ['manage', 'post', `/v1/replays/${id}/cancel`],
    ['manage', 'post', '/v1/erasures', { tenant: 'acme' }],
    ['read', 'get', '/v1/erasures'],
    ['read', 'get', `/v1/erasures/${id}`],
    ['read', 'get', '/v1/deliveries'],
    ['consume', 'get', `/v1/subscriptions/${id}/feed`],
    ['consume', 'post', `/v1/deliveries/${id}/acknowledge`, { attempt: 1 }],
    ['consume', 'post', `/v1/deliveries/${id}/reject`, { attempt: 1 }],
    ['consume', 'post', `/v1/deliveries/${id}/extend`, { attempt: 1, seconds: 9 }],
    ['manage', 'post', `/v1/deliveries/${id}/retry`],
    ['manage', 'post', `/v1/deliveries/events/${id}/retry`],
    ['manage', 'post', '/v1/subscriptions', { endpointUrl: 'https://example.com/', eventTypes: ['a'] }],
    ['read', 'get', '/v1/subscriptions'],
    ['read', 'get', `/v1/subscriptions/${id}`],
    ['manage', 'patch', `/v1/subscriptions/${id}`, { isEnabled: true }],
    ['manage', 'post', `/v1/subscriptions/${id}/rotate-secret`, {}],
    ['manage', 'post', `/v1/subscriptions/${id}/test-event`, event],
    ['read', 'get', `/v1/deliveries/${id}/logs/${id}`],
    ['manage', 'post', '/v1/event-types', { name: 'a', schema: {} }],
    ['read', 'get', '/v1/event-types'],
    ['read', 'get', `/v1/event-types/${id}`],
    ['read', 'get', `/v1/event-types/${id}/versions`],
    ['manage', 'delete', `/v1/event-types/${id}`],
    ['read', 'get', '/v1/catalogue'],
    ['manage', 'post', '/v1/catalogue', { document: { webhooks: {} } }],
    ['read', 'post', '/v1/filters/preview', { filter: 'true', event: { type: 'a', data: {} } }],
  ]

  it.each(routes)('takes `%s`: %s %s', async (needed, method, path, body) => {
    for (const scope of scopes) {
      const answer = await createClient(service.url, `${scope}-key`)[method](path, body as never)
      if (scope === needed) {
        expect([200, 201, 202, 204, 404, 415]).toContain(answer.status)
      } else {
        expectProblem(answer, 403)
        expect(answer.body).toMatchObject({
          type: 'urn:node-event-service:forbidden',
          detail: `This API key lacks the scope \`${needed}\`. Use one that has it.`,
        })
      }
    }
  })

  it.each(routes)('takes a key (%s): %s %s', async (_scope, method, path, body) => {
    const answer = await fetch(service.url + path, {
      method: method.toUpperCase(),
      ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    })
    expect([answer.status, (await answer.json()).type]).toEqual([
      401,
      'urn:node-event-service:unauthenticated',
    ])
  })

  it('are all the routes that there are', async () => {
    const { paths } = (await service.api.get('/openapi.json')).body
    const named = routes.map(
      ([scope, method, path]) => `${scope} ${method} ${path.replaceAll(id, '').replace(/\?.*/, '')}`,
    )
    for (const [path, operations] of Object.entries(paths)) {
      for (const [method, { 'x-required-scope': scope }] of Object.entries(
        operations as Record<string, { 'x-required-scope'?: string }>,
      )) {
        if (scope !== undefined)
          expect(named).toContain(`${scope} ${method} ${path.replaceAll(/\{\w+\}/g, '')}`)
      }
    }
  })
})

const forbidden = (scope: Scope): Result => ({
  errors: [
    {
      message: `This API key lacks the scope \`${scope}\`. Use one that has it.`,
      extensions: { code: 'FORBIDDEN' },
    },
  ],
})

describe('GraphQL', () => {
  const publishing = '{ type: "user.created", data: {} }'
  const operations: [Scope, string][] = [
    ['read', '{ stats { eventsTotal } }'],
    ['read', `query { delivery(id: "${id}") { id } }`],
    ['read', '{ ... on Query { ... { all: events { edges { node { id } } } } } }'],
    ['read', '{ ...Some } fragment Some on Query { subscriptions { edges { node { id } } } }'],
    ['publish', `mutation { publishEvent(input: ${publishing}) { event { id status } errors { message } } }`],
    ['publish', `mutation { publishEvents(inputs: [${publishing}]) { event { id } } }`],
    [
      'consume',
      `mutation { acknowledgeDelivery(id: "${id}", attempt: 1) { delivery { id } errors { code } } }`,
    ],
    ['consume', `mutation { rejectDelivery(id: "${id}", attempt: 1) { errors { code } } }`],
    ['consume', `mutation { extendDelivery(id: "${id}", attempt: 1, seconds: 9) { leaseEndsAt } }`],
    ['manage', `mutation { retryDelivery(id: "${id}") { delivery { id } } }`],
    [
      'manage',
      `mutation { retryEvent(eventId: "${id}") { errors { ... on InvalidInputError { problems { path } } } } }`,
    ],
    ['manage', `mutation { cancelEvent(id: "${id}") { event { id } } }`],
    ['manage', `mutation { eraseEvent(id: "${id}") { event { id } } }`],
    ['manage', 'mutation { createErasure(input: { tenant: "acme" }) { erasure { id } } }'],
    ['manage', `mutation { cancelDelivery(id: "${id}") { delivery { id } } }`],
    ['manage', `mutation { deleteSubscription(id: "${id}") { deletedId } }`],
    ['manage', `mutation { disableSubscription(id: "${id}") { subscription { id } } }`],
    [
      'manage',
      `mutation { sendTestEvent(subscriptionId: "${id}", type: "a", data: {}) {
        event { id } log { timings { totalMs } request { headers } ...L } errors { code } } }
      fragment L on DeliveryLog { response { body } }`,
    ],
    [
      'manage',
      `mutation { ...M } fragment M on Mutation { enableSubscription(id: "${id}") { subscription { id } } }`,
    ],
  ]

  it.each(operations)('takes `%s`: %s', async (needed, query) => {
    for (const scope of scopes) {
      const { status, body } = await post(service, query, {}, `${scope}-key`)
      if (scope === needed) expect([status, body.errors]).toEqual([200, undefined])
      else expect([status, body]).toEqual([403, forbidden(needed)])
    }
  })

  it('takes `read` beside `publish` for what hangs on the event that was published', async () => {
    const query = `mutation { publishEvent(input: ${publishing}) {
      ... on PublishEventPayload { event { ...Deliveries } }
    } } fragment Deliveries on Event { deliveries { edges { node { id } } } }`
    expect((await post(service, query, {}, 'publish-key')).body).toEqual(forbidden('read'))
  })

  it('takes `read` beside `manage` for what a test event leads to, but not for its attempt', async () => {
    const query = `mutation { sendTestEvent(subscriptionId: "${id}", type: "a", data: {}) {
      delivery { subscription { endpointUrl } } } }`
    expect((await post(service, query, {}, 'manage-key')).body).toEqual(forbidden('read'))
  })

  it('asks for each scope of a mutation, and does nothing without one of them', async () => {
    const countEvents = async () => (await service.database.query('select from events')).length
    const before = await countEvents()
    const query = `mutation { publishEvent(input: ${publishing}) { event { id } } retryDelivery(id: "${id}") { delivery { id } } }`
    expect((await post(service, query, {}, 'publish-key')).body).toEqual(forbidden('manage'))
    expect(await countEvents()).toBe(before)
  })

  it('takes any key for introspection', async () => {
    const { body } = await post(service, '{ __typename __schema { queryType { name } } }', {}, 'publish-key')
    expect(body).toEqual({ data: { __typename: 'Query', __schema: { queryType: { name: 'Query' } } } })
  })

  it('takes `read` for what is live, over SSE and over WebSocket', async () => {
    const query = 'subscription { deliveryUpdated { id } }'
    const response = await fetch(`${service.url}/graphql`, {
      method: 'POST',
      headers: { accept: 'text/event-stream', 'content-type': 'application/json', 'x-api-key': 'manage-key' },
      body: JSON.stringify({ query }),
    })
    expect(await response.text()).toContain('"code":"FORBIDDEN"')

    const refused = await openSocket(service, 'publish-key')
    refused.send({ type: 'subscribe', id: '1', payload: { query } })
    await expect.poll(() => refused.messages.at(-2)?.payload).toMatchObject(forbidden('read'))
    refused.close()

    const socket = await openSocket(service, 'read-key')
    socket.send({ type: 'subscribe', id: '1', payload: { query } })
    socket.send({ type: 'subscribe', id: '2', payload: { query: '{ stats { eventsTotal } }' } })
    await expect.poll(() => socket.messages).toContainEqual({ type: 'complete', id: '2' })
    expect(socket.messages.filter(({ id: of }) => of === '1')).toEqual([])
    socket.close()
  })
})
