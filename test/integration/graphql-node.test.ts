/** Global object identification: whatever has an id is found again by it, with the checks of the root fields. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { schema } from '../../src/graphql/schema.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { TEST_KEY } from '../support/client.js'
import { ask, post } from '../support/graphql.js'
import { startReceiver } from '../support/receiver.js'
import { startTestService, type TestService } from '../support/service.js'

const PUBLISHER = 'key-that-may-publish-only'

let resources: Resources
let service: TestService
let ids: Record<'Event' | 'Delivery' | 'WebhookSubscription', string>

beforeAll(async () => {
  resources = createResources()
  const keys = `${TEST_KEY},publisher=publish=${PUBLISHER}`
  service = resources.use(await startTestService('postgres', { API_KEYS: keys }))
  const receiver = resources.use(await startReceiver())
  const { body: subscription } = await service.api.post('/v1/subscriptions', {
    ...{ endpointUrl: receiver.url, eventTypes: ['a'] },
  })
  const { body: event } = await service.api.post('/v1/events', { type: 'a', data: { a: 1 } })
  const sent = async () => (await service.api.get('/v1/deliveries?status=SENT')).body.items[0]
  const delivery = await vi.waitUntil(sent, { timeout: 20_000 })
  ids = { Event: event.eventId, Delivery: delivery.id, WebhookSubscription: subscription.id }
})
afterAll(() => resources[Symbol.asyncDispose]())

const node = 'query ($id: ID!) { node(id: $id) { __typename id } }'
const nodes = 'query ($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }'

it('every type with an id is a node and is found by it', async () => {
  const types = Object.values(schema.getTypeMap()).filter(
    (type) => 'getInterfaces' in type && type.getInterfaces().some(({ name }) => name === 'Node'),
  )
  expect(types.map(({ name }) => name).sort()).toEqual(Object.keys(ids).sort())
  for (const [name, id] of Object.entries(ids)) {
    for (const spelled of [id, id.toUpperCase()])
      expect(await ask(service, node, { id: spelled })).toEqual({ node: { __typename: name, id } })
  }
})

it('nodes come in the order of their ids, twice where asked for twice, null where there is none', async () => {
  const asked = [ids.Delivery, randomUUID(), ids.Event, 'nope', ids.Delivery, ids.WebhookSubscription]
  const names = (await ask(service, nodes, { ids: asked })).nodes.map(
    (found: { __typename: string } | null) => found?.__typename,
  )
  expect(names).toEqual(['Delivery', undefined, 'Event', undefined, 'Delivery', 'WebhookSubscription'])
  expect(await ask(service, nodes, { ids: [] })).toEqual({ nodes: [] })
  expect(await ask(service, node, { id: 'nope' })).toEqual({ node: null })
})

it('what hangs on a node is asked for by fragments, as a refetch of a page is', async () => {
  const query = `query ($id: ID!, $after: String) { node(id: $id) {
    ... on Event { type payload { data } ...Deliveries }
    ... on Delivery { status logs { statusCode } }
    ... on WebhookSubscription { eventTypes }
  } }
  fragment Deliveries on Event {
    deliveries(first: 1, after: $after) { edges { node { id status } cursor } pageInfo { endCursor } }
  }`
  const event = (await ask(service, query, { id: ids.Event })).node
  expect(event).toMatchObject({
    ...{ type: 'a', payload: { data: { a: 1 } } },
    deliveries: { edges: [{ node: { id: ids.Delivery, status: 'SENT' } }] },
  })
  const { endCursor } = event.deliveries.pageInfo
  const rest = (await ask(service, query, { id: ids.Event, after: endCursor })).node
  expect(rest.deliveries.edges).toEqual([])
  expect((await ask(service, query, { id: ids.Delivery })).node).toEqual({
    ...{ status: 'SENT', logs: [{ statusCode: 200 }] },
  })
  expect((await ask(service, query, { id: ids.WebhookSubscription })).node).toEqual({ eventTypes: ['a'] })
})

it('a node takes the scope of reading, and nodes the bounds of lists', async () => {
  const { body } = await post(service, node, { id: ids.Event }, PUBLISHER)
  expect(body.errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }])
  const many = Array.from({ length: 201 }, () => randomUUID())
  expect((await post(service, nodes, { ids: many })).body.errors).toMatchObject([
    { message: expect.stringContaining('at most 200') },
  ])
  const written = `{ nodes(ids: ${JSON.stringify(many)}) { id } }`
  expect((await post(service, written)).body.errors).toMatchObject([
    { message: expect.stringContaining('at most 200'), extensions: { code: 'BAD_USER_INPUT' } },
  ])
  const wide = `query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Event {
    deliveries(first: 200) { edges { node { logs { error } } } } } } }`
  expect((await post(service, wide, { ids: many.slice(1) })).body.errors).toMatchObject([
    { message: expect.stringMatching(/complexity of \d+/) },
  ])
})

it('a deleted subscription is no node, as it is none of the root field', async () => {
  const { body } = await service.api.post('/v1/subscriptions', {
    ...{ endpointUrl: 'http://127.0.0.1:9/', eventTypes: ['b'] },
  })
  await ask(service, 'mutation ($id: ID!) { deleteSubscription(id: $id) { deletedId } }', { id: body.id })
  expect(await ask(service, node, { id: body.id })).toEqual({ node: null })
})
