/** The schema as a subgraph of Apollo Federation: composed with another one, and asked as a gateway asks. */
import { composeServices, compositionHasErrors } from '@theguild/federation-composition'
import { buildSchema, isInterfaceType, parse } from 'graphql'
import { uuidv7 } from 'uuidv7'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createResources } from '../../src/platform/resources.js'
import { createClient } from '../support/client.js'
import { problemsOf } from '../support/config.js'
import { ask, openSocket, post } from '../support/graphql.js'
import { startReceiver } from '../support/receiver.js'
import { startTestService, type TestService } from '../support/service.js'

const PUBLISH_KEY = 'key-that-may-publish'
const READ_KEY = 'key-that-may-read'
const resources = createResources()
let service: TestService
let eventId: string
let subscriptionId: string
let deliveryId: string

beforeAll(async () => {
  service = resources.use(
    await startTestService('postgres', {
      GRAPHQL_FEDERATION: 'true',
      GRAPHQL_INTROSPECTION: 'false',
      API_KEYS: `key-of-the-tests,p=publish=${PUBLISH_KEY},r=read=${READ_KEY}`,
    }),
  )
  const receiver = resources.use(await startReceiver(200))
  const subscribed = await service.api.post('/v1/subscriptions', {
    endpointUrl: receiver.url,
    eventTypes: ['a'],
  })
  subscriptionId = subscribed.body.id
  eventId = (await service.api.post('/v1/events', { type: 'a', data: { n: 1 } })).body.eventId
  const deliveries = '{ deliveries { edges { node { id status } } } }'
  await vi.waitFor(
    async () => {
      const [edge] = (await ask(service, deliveries)).deliveries.edges
      expect(edge?.node.status).toBe('SENT')
      deliveryId = edge.node.id
    },
    { timeout: 20_000, interval: 200 },
  )
})
afterAll(() => resources[Symbol.asyncDispose]())

const entities = `query ($representations: [_Any!]!) {
  _entities(representations: $representations) {
    __typename
    ... on Event { id type payload { data } deliveries(first: 1) { edges { node { status } } } }
    ... on Delivery { id status event { id } subscription { id } }
    ... on WebhookSubscription { id endpointUrl }
  }
}`

const find = (representations: unknown, key?: string) => post(service, entities, { representations }, key)

describe('a subgraph', () => {
  it('composes with others that refer to its entities and have a Relay of their own', async () => {
    const { _service } = await ask(service, '{ _service { sdl } }')
    const invoices = `
      extend schema @link(url: "https://specs.apollo.dev/federation/v2.3", import: ["@key", "@shareable"])
      type Query { invoice(id: ID!): Invoice node(id: ID!): Node invoices: InvoiceConnection }
      interface Node { id: ID! }
      type Invoice implements Node @key(fields: "id") { id: ID! paid: Event sentBy: Delivery to: WebhookSubscription }
      type InvoiceConnection { pageInfo: PageInfo! }
      type PageInfo @shareable { hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String }
      type Event @key(fields: "id") { id: ID! invoice: Invoice }
      type Delivery @key(fields: "id", resolvable: false) { id: ID! }
      type WebhookSubscription @key(fields: "id", resolvable: false) { id: ID! }
    `
    const result = composeServices([
      { name: 'webhooks', typeDefs: parse(_service.sdl), url: service.url },
      { name: 'invoices', typeDefs: parse(invoices), url: 'http://invoices' },
    ])
    expect(compositionHasErrors(result) ? result.errors.map(({ message }) => message) : []).toEqual([])
    const composed = buildSchema(result.publicSdl as string)
    expect(Object.keys(composed.getQueryType()?.getFields() ?? {})).toEqual(
      expect.arrayContaining(['event', 'events', 'deliveries', 'stats', 'invoice', 'node']),
    )
    expect(isInterfaceType(composed.getType('Node'))).toBe(true)
    expect(Object.keys(composed.getSubscriptionType()?.getFields() ?? {})).toContain('deliveryUpdated')
  })

  it('finds entities in the order of their representations', async () => {
    const { body } = await find([
      { __typename: 'Delivery', id: deliveryId },
      { __typename: 'Event', id: eventId },
      { __typename: 'WebhookSubscription', id: subscriptionId },
      { __typename: 'Event', id: deliveryId },
      { __typename: 'Event', id: uuidv7() },
      { __typename: 'Event', id: 'malformed' },
      { __typename: 'Event', id: eventId.toUpperCase() },
    ])
    expect(body.errors).toBeUndefined()
    const event = {
      ...{ __typename: 'Event', id: eventId, type: 'a', payload: { data: { n: 1 } } },
      deliveries: { edges: [{ node: { status: 'SENT' } }] },
    }
    expect(body.data._entities).toEqual([
      {
        ...{ __typename: 'Delivery', id: deliveryId, status: 'SENT' },
        ...{ event: { id: eventId }, subscription: { id: subscriptionId } },
      },
      event,
      { __typename: 'WebhookSubscription', id: subscriptionId, endpointUrl: expect.any(String) },
      null,
      null,
      null,
      event,
    ])
  })

  it('finds nodes, and answers everything else, as without federation', async () => {
    const query = '{ node(id: $id) { __typename id } stats { eventsTotal } }'.replace('$id', `"${eventId}"`)
    expect(await ask(service, query)).toEqual({
      node: { __typename: 'Event', id: eventId },
      stats: { eventsTotal: 1 },
    })
  })

  it('asks for the same keys', async () => {
    const one = [{ __typename: 'Event', id: eventId }]
    expect((await find(one, READ_KEY)).body.data._entities[0].id).toBe(eventId)
    expect((await find(one, PUBLISH_KEY)).body.errors?.[0]?.extensions.code).toBe('FORBIDDEN')
    expect((await find(one, 'wrong')).status).toBe(401)
    const sdl = await createClient(service.url, PUBLISH_KEY).post('/graphql', {
      query: '{ _service { sdl } }',
    })
    expect(sdl.body.errors[0].extensions.code).toBe('FORBIDDEN')
    const socket = await openSocket(service, PUBLISH_KEY)
    socket.send({
      type: 'subscribe',
      id: '1',
      payload: { query: entities, variables: { representations: one } },
    })
    await expect.poll(() => JSON.stringify(socket.messages)).toContain('FORBIDDEN')
    socket.close()
  })

  it('holds a gateway to the same bounds', async () => {
    const many = (count: number) =>
      Array.from({ length: count }, () => ({ __typename: 'Event', id: eventId }))
    expect((await find(many(200))).body.data._entities).toHaveLength(200)
    expect((await find(many(201))).body.errors?.[0]?.message).toContain('at most 200')
    const costly = `query ($representations: [_Any!]!) { _entities(representations: $representations) {
      ... on Event { deliveries(first: 200) { edges { node { logs { error } } } } } } }`
    const { body } = await post(service, costly, { representations: many(200) })
    expect(body.errors?.[0]?.message).toMatch(/complexity of \d+; at most/)
  })

  it.each([
    [{}],
    [{ __typename: 'Stats', id: 'stats' }],
    [{ __typename: 'Event' }],
    ['Event'],
    [[]],
    [{ __typename: 'Event', id: 1 }],
  ])('refuses what is no representation: %j', async (representation) => {
    const { body } = await find([representation])
    expect(body.errors?.[0]).toMatchObject({
      message: expect.stringContaining('representations.0'),
      extensions: { code: 'BAD_USER_INPUT' },
    })
  })
})

it('without the setting there is nothing of it', async () => {
  const plain = resources.use(await startTestService('postgres'))
  const { body } = await post(plain, '{ _service { sdl } }')
  expect(body.errors?.[0]?.message).toContain('Cannot query field "_service"')
})

it('can not be used with trusted documents', () => {
  expect(
    problemsOf({ GRAPHQL_FEDERATION: 'true', GRAPHQL_TRUSTED_DOCUMENTS_FILE: 'package-lock.json' }),
  ).toEqual([expect.stringContaining('GRAPHQL_TRUSTED_DOCUMENTS_FILE')])
})
