/**
 * API keys of a tenant: for them, what is of another tenant or of the operator is as if it were not there. Every field
 * of GraphQL and every route of REST is asked, so one that this file does not know fails it.
 */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createSubgraphSchema } from '../../src/graphql/federation.js'
import { schema as ownSchema } from '../../src/graphql/schema.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { type Client, createClient, TEST_KEY } from '../support/client.js'
import { openEventStream } from '../support/event-stream.js'
import { openSocket, post } from '../support/graphql.js'
import { startReceiver } from '../support/receiver.js'
import { startTestService, type TestService } from '../support/service.js'

interface Ids {
  event: string
  delivery: string
  subscription: string
  replay: string
  erasure: string
}

const KEYS = ['acme', 'zeta'].map((tenant) => `${tenant}=publish+read+consume+manage@${tenant}=${tenant}-key`)
const schema = createSubgraphSchema(ownSchema)
const yesterday = new Date(Date.now() - 86_400_000).toISOString()
const unknown: Ids = {
  event: '0192f0c1-2345-7abc-8def-0123456789a1',
  delivery: '0192f0c1-2345-7abc-8def-0123456789a2',
  subscription: '0192f0c1-2345-7abc-8def-0123456789a3',
  replay: '0192f0c1-2345-7abc-8def-0123456789a4',
  erasure: '0192f0c1-2345-7abc-8def-0123456789a5',
}

let resources: Resources
let service: TestService
let acme: Client
let zeta: Client
let own: Ids
/** What is not acme's: rows of another tenant, the operator's, and the operator's delivery of acme's event. */
let foreign: Record<'zeta' | 'operator' | 'shared', Ids>

beforeAll(async () => {
  resources = createResources()
  service = resources.use(
    await startTestService('postgres', {
      API_KEYS: [TEST_KEY, ...KEYS].join(),
      GRAPHQL_FEDERATION: 'true',
      DELIVERY_MAX_ATTEMPTS: '1',
    }),
  )
  const receiver = resources.use(await startReceiver(500))
  acme = createClient(service.url, 'acme-key')
  zeta = createClient(service.url, 'zeta-key')
  const subscribe = async (api: Client, name: string) =>
    (await api.post('/v1/subscriptions', { endpointUrl: `${receiver.url}/${name}`, eventTypes: ['*'] })).body
      .id
  const publish = async (api: Client, of: string) =>
    (await api.post('/v1/events', { type: `made.by.${of}`, data: { of } })).body.eventId as string
  const subscriptions = {
    acme: await subscribe(acme, 'acme'),
    zeta: await subscribe(zeta, 'zeta'),
    operator: await subscribe(service.api, 'operator'),
  }
  // Before there is anything to erase.
  const erase = async (api: Client, subscriptionId: string) => {
    const { id } = (await api.post('/v1/erasures', { subscriptionId })).body
    await vi.waitFor(async () => expect((await api.get(`/v1/erasures/${id}`)).body.state).toBe('FINISHED'), {
      timeout: 20_000,
    })
    return id as string
  }
  const erasures = {
    acme: await erase(acme, subscriptions.acme),
    zeta: await erase(zeta, subscriptions.zeta),
    operator: await erase(service.api, subscriptions.operator),
  }
  const events = {
    acme: await publish(acme, 'acme'),
    zeta: await publish(zeta, 'zeta'),
    operator: await publish(service.api, 'operator'),
  }
  await vi.waitFor(async () => expect((await service.api.get('/v1/stats')).body.deliveriesDead).toBe(5), {
    timeout: 30_000,
  })
  const { items } = (await service.api.get('/v1/deliveries')).body
  const replay = async (api: Client) => {
    const { id } = (await api.post('/v1/replays', { filter: { type: ['nothing'] }, ratePerSecond: 1 })).body
    await vi.waitFor(async () => expect((await api.get(`/v1/replays/${id}`)).body.state).toBe('FINISHED'), {
      timeout: 20_000,
    })
    return id as string
  }
  const replays = {
    acme: await replay(acme),
    zeta: await replay(zeta),
    operator: await replay(service.api),
  }
  const deliveryOf = (event: string, subscription: string): string =>
    items.find(
      (row: { eventId: string; subscriptionId: string }) =>
        row.eventId === event && row.subscriptionId === subscription,
    ).id
  const idsOf = (event: keyof typeof events, subscription: keyof typeof subscriptions): Ids => ({
    event: events[event],
    delivery: deliveryOf(events[event], subscriptions[subscription]),
    subscription: subscriptions[subscription],
    replay: replays[subscription],
    erasure: erasures[subscription],
  })
  own = idsOf('acme', 'acme')
  foreign = {
    zeta: idsOf('zeta', 'zeta'),
    operator: idsOf('operator', 'operator'),
    shared: { ...idsOf('acme', 'operator'), event: events.zeta },
  }
}, 60_000)
afterAll(() => resources[Symbol.asyncDispose]())

const delivery =
  '{ id lastError event { id type } subscription { id endpointUrl } logs { request { body } } }'
const event = `{ id type tenant payload { json } deliveryCount deliveries { edges { node ${delivery} } } }`
const subscription = `{ id endpointUrl secretHeaders health { state } deliveries { edges { node ${delivery} } } }`
const node = `{ __typename id ... on Event ${event} ... on Delivery ${delivery} ... on WebhookSubscription ${subscription} }`
const errors = 'errors { __typename code message }'
const list = (selection: string) => `{ edges { node ${selection} } }`

/** Each field of a query or a mutation, asked with ids. Of a list, all of it and by each id. */
const operations: Record<string, (ids: Ids) => string> = {
  'Query.event': (ids) => `{ event(id: "${ids.event}") ${event} }`,
  'Query.events': (
    ids,
  ) => `{ all: events ${list(event)} some: events(filter: { subscriptionId: "${ids.subscription}" }) ${list(event)}
    others: events(filter: { tenant: "zeta" }) ${list(event)} }`,
  'Query.delivery': (ids) => `{ delivery(id: "${ids.delivery}") ${delivery} }`,
  'Query.deliveries': (ids) => `{ all: deliveries ${list(delivery)}
    some: deliveries(filter: { eventId: "${ids.event}" }) ${list(delivery)}
    more: deliveries(filter: { subscriptionId: "${ids.subscription}" }) ${list(delivery)}
    failed: deliveries(filter: { error: "500", tenant: "zeta" }) ${list(delivery)}
    others: deliveries(filter: { error: "500" }) ${list(delivery)} }`,
  'Query.subscription': (ids) => `{ subscription(id: "${ids.subscription}") ${subscription} }`,
  'Query.subscriptions': () => `{ all: subscriptions ${list(subscription)}
    others: subscriptions(filter: { tenant: "zeta" }) ${list(subscription)} }`,
  'Query.node': (
    ids,
  ) => `{ event: node(id: "${ids.event}") ${node} delivery: node(id: "${ids.delivery}") ${node}
    subscription: node(id: "${ids.subscription}") ${node} }`,
  'Query.nodes': (ids) =>
    `{ nodes(ids: ["${ids.event}", "${ids.delivery}", "${ids.subscription}"]) ${node} }`,
  'Query._entities': (ids) => `{ _entities(representations: [
    { __typename: "Event", id: "${ids.event}" }, { __typename: "Delivery", id: "${ids.delivery}" },
    { __typename: "WebhookSubscription", id: "${ids.subscription}" }
  ]) { ... on Event ${event} ... on Delivery ${delivery} ... on WebhookSubscription ${subscription} } }`,
  'Query._service': () => '{ _service { sdl } }',
  'Query.stats': () => '{ stats { eventsTotal deliveriesTotal deliveriesDead subscriptionsTotal } }',
  'Query.deliveryMetrics': (ids) => `{
    all: deliveryMetrics(from: "${new Date(Date.now() - 3_600_000).toISOString()}", groupBy: [SUBSCRIPTION, TYPE]) { subscriptionId type sent dead }
    some: deliveryMetrics(from: "${yesterday}", interval: DAY, subscriptionId: "${ids.subscription}") { sent dead } }`,
  'Query.previewFilter': (ids) =>
    `{ previewFilter(filter: "data.of == 'zeta'", eventId: "${ids.event}") { matches error unmet } }`,
  'Query.eventType': () =>
    `{ eventType(name: "shared") { name schema violations { count } versions { version } } }`,
  'Query.eventTypes': () => `{ eventTypes ${list('{ name violations { lastError } }')} }`,
  'Query.catalogue': () => '{ catalogue(format: OPENAPI) }',
  'Query.deadLetterGroups': (ids) => `{
    all: deadLetterGroups(by: [SUBSCRIPTION, ERROR]) { subscriptionId count lastDelivery ${delivery} }
    some: deadLetterGroups(subscriptionId: "${ids.subscription}") { count }
    others: deadLetterGroups(tenant: "zeta") { count } }`,
  'Query.replay': (ids) => `{ replay(id: "${ids.replay}") { id total filter } }`,
  'Query.replays': () => `{ replays ${list('{ tenant total }')} }`,
  'Query.erasure': (ids) => `{ erasure(id: "${ids.erasure}") { id subscriptionId } }`,
  'Query.erasures': () => `{ erasures ${list('{ tenant subscriptionId }')} }`,
  'Mutation.createErasure': (ids) => `mutation {
    theirs: createErasure(input: { subscriptionId: "${ids.subscription}" }) { erasure { id } ${errors} }
    others: createErasure(input: { tenant: "zeta" }) { erasure { id } ${errors} } }`,
  'Mutation.createReplay': (ids) => `mutation {
    all: createReplay(input: { filter: {}, dryRun: true }) { total ${errors} }
    some: createReplay(input: { filter: { subscriptionId: "${ids.subscription}" }, dryRun: true }) { total ${errors} }
    event: createReplay(input: { filter: { eventId: "${ids.event}" }, dryRun: true }) { total ${errors} }
    missed: createReplay(input: { missedBy: "${ids.subscription}" }) { total ${errors} } }`,
  'Mutation.retryDeliveries': (ids) => `mutation {
    all: retryDeliveries(filter: {}, dryRun: true) { total ${errors} }
    some: retryDeliveries(filter: { subscriptionId: "${ids.subscription}" }, dryRun: true) { total ${errors} } }`,
  'Mutation.discardDeliveries': (ids) => `mutation {
    all: discardDeliveries(filter: {}, dryRun: true) { total ${errors} }
    some: discardDeliveries(filter: { eventId: "${ids.event}" }, dryRun: true) { total ${errors} } }`,
  'Mutation.pauseReplay': (ids) =>
    `mutation { pauseReplay(id: "${ids.replay}") { replay { id } ${errors} } }`,
  'Mutation.resumeReplay': (ids) =>
    `mutation { resumeReplay(id: "${ids.replay}") { replay { id } ${errors} } }`,
  'Mutation.cancelReplay': (ids) =>
    `mutation { cancelReplay(id: "${ids.replay}") { replay { id } ${errors} } }`,
  'Mutation.registerEventType': () =>
    `mutation { registerEventType(input: { name: "shared", schema: {} }) { eventType { version } ${errors} } }`,
  'Mutation.removeEventType': () => `mutation { removeEventType(name: "shared") { name ${errors} } }`,
  'Mutation.importCatalogue': () =>
    `mutation { importCatalogue(document: { webhooks: { a: {} } }) { items { name } ${errors} } }`,
  'Mutation.publishEvent': () =>
    `mutation { publishEvent(input: { type: "a", data: {}, tenant: "zeta" }) { event { id } ${errors} } }`,
  'Mutation.publishEvents': () =>
    `mutation { publishEvents(inputs: [{ type: "a", data: {}, tenant: "zeta" }]) { event { id } ${errors} } }`,
  'Mutation.createSubscription': () => `mutation { createSubscription(input: {
    endpointUrl: "http://127.0.0.1:9/new", eventTypes: ["a"], tenant: "zeta" }) { subscription { id } ${errors} } }`,
  'Mutation.updateSubscription': (
    ids,
  ) => `mutation { updateSubscription(id: "${ids.subscription}", input: { description: "x" }) {
    subscription ${subscription} ${errors} } }`,
  'Mutation.rotateSecret': (ids) =>
    `mutation { rotateSecret(id: "${ids.subscription}") { secret subscription { id } ${errors} } }`,
  'Mutation.enableSubscription': (ids) =>
    `mutation { enableSubscription(id: "${ids.subscription}") { subscription { id } ${errors} } }`,
  'Mutation.disableSubscription': (ids) =>
    `mutation { disableSubscription(id: "${ids.subscription}") { subscription { id } ${errors} } }`,
  'Mutation.deleteSubscription': (ids) =>
    `mutation { deleteSubscription(id: "${ids.subscription}") { deletedId ${errors} } }`,
  'Mutation.retryDelivery': (ids) =>
    `mutation { retryDelivery(id: "${ids.delivery}") { delivery ${delivery} ${errors} } }`,
  'Mutation.retryEvent': (ids) =>
    `mutation { retryEvent(eventId: "${ids.event}") { retried deliveries { deliveryId } ${errors} } }`,
  'Mutation.cancelDelivery': (ids) =>
    `mutation { cancelDelivery(id: "${ids.delivery}") { delivery ${delivery} ${errors} } }`,
  'Mutation.acknowledgeDelivery': (ids) =>
    `mutation { acknowledgeDelivery(id: "${ids.delivery}", attempt: 1) { delivery ${delivery} ${errors} } }`,
  'Mutation.rejectDelivery': (ids) =>
    `mutation { rejectDelivery(id: "${ids.delivery}", attempt: 1) { delivery ${delivery} ${errors} } }`,
  'Mutation.extendDelivery': (ids) =>
    `mutation { extendDelivery(id: "${ids.delivery}", attempt: 1, seconds: 9) { leaseEndsAt ${errors} } }`,
  'Mutation.cancelEvent': (ids) =>
    `mutation { cancelEvent(id: "${ids.event}") { event ${event} ${errors} } }`,
  'Mutation.createTenantToken': () =>
    `mutation { createTenantToken(tenant: "zeta") { tenantToken { token } ${errors} } }`,
  'Mutation.eraseEvent': (ids) => `mutation { eraseEvent(id: "${ids.event}") { event ${event} ${errors} } }`,
  'Mutation.sendTestEvent': (
    ids,
  ) => `mutation { sendTestEvent(subscriptionId: "${ids.subscription}", type: "a", data: {}) {
    log { request { body } } event { id } delivery { id } ${errors} } }`,
}

const fieldsOf = (type: 'Query' | 'Mutation' | 'Subscription') =>
  Object.keys(schema.getRootType(type.toLowerCase() as never)?.getFields() ?? {}).map(
    (name) => `${type}.${name}`,
  )

/** An answer without the ids that were given: what is left says what the service knows. */
const without = (ids: Ids, answer: unknown): string =>
  Object.entries(ids).reduce((text, [name, id]) => text.replaceAll(id, name), JSON.stringify(answer))

/** All that is not acme's, as it is stored. */
const stored = () =>
  service.database.query(
    `select (select json_agg(e order by id) from events e where tenant is distinct from 'acme') as events,
            (select json_agg(d order by id) from deliveries d where tenant is distinct from 'acme') as deliveries,
            (select json_agg(s order by id) from subscriptions s where tenant is distinct from 'acme') as subscriptions,
            (select json_agg(r order by id) from replays r where tenant is distinct from 'acme') as replays,
            (select json_agg(r order by id) from erasures r where tenant is distinct from 'acme') as erasures`,
  )

/** Asks with foreign ids: the answer is the one for ids that nothing has, and nothing has changed. */
async function expectNothing(ask: (ids: Ids) => Promise<{ status: number; body: unknown }>) {
  const before = await stored()
  const answers = async (ids: Ids) => {
    const { status, body } = await ask(ids)
    return `${status} ${without(ids, body)}`
  }
  const expected = await answers(unknown)
  for (const marker of ['made.by.zeta', 'made.by.operator', '/hook/zeta', '/hook/operator'])
    expect(expected).not.toContain(marker)
  for (const ids of Object.values(foreign)) expect(await answers(ids)).toBe(expected)
  expect(await stored()).toEqual(before)
}

describe('GraphQL', () => {
  it.each([...fieldsOf('Query'), ...fieldsOf('Mutation')])('%s', async (field) => {
    const operation = operations[field]
    if (operation === undefined) throw new Error(`Say how ${field} is asked with ids of another tenant.`)
    await expectNothing((ids) => post(service, operation(ids), {}, 'acme-key'))
  })
})

const newEvent = { type: 'a', data: {} }
const newType = { name: 'shared', schema: {} }
const routes: Record<string, (ids: Ids) => [path: string, body?: unknown, contentType?: string]> = {
  'get /v1/stats': () => ['/v1/stats'],
  'get /v1/delivery-metrics': (ids) => [
    `/v1/delivery-metrics?from=${yesterday}&interval=DAY&groupBy=SUBSCRIPTION&subscriptionId=${ids.subscription}`,
  ],
  'post /v1/events': () => ['/v1/events', { ...newEvent, tenant: 'zeta' }],
  'post /v1/events/batch': () => ['/v1/events/batch', { events: [{ ...newEvent, tenant: 'zeta' }] }],
  'post /v1/events/import': () => [
    '/v1/events/import',
    JSON.stringify({ ...newEvent, tenant: 'zeta' }),
    'application/x-ndjson',
  ],
  'post /v1/tenant-tokens': () => ['/v1/tenant-tokens', { tenant: 'zeta' }],
  'get /v1/events/{id}': (ids) => [`/v1/events/${ids.event}`],
  'post /v1/events/{id}/cancel': (ids) => [`/v1/events/${ids.event}/cancel`],
  'post /v1/events/{id}/erase': (ids) => [`/v1/events/${ids.event}/erase`],
  'get /v1/events/{id}/summary': (ids) => [`/v1/events/${ids.event}/summary`],
  'get /v1/deliveries': (ids) => [`/v1/deliveries?subscriptionId=${ids.subscription}`],
  'post /v1/deliveries/{id}/retry': (ids) => [`/v1/deliveries/${ids.delivery}/retry`],
  'post /v1/deliveries/events/{eventId}/retry': (ids) => [`/v1/deliveries/events/${ids.event}/retry`],
  'get /v1/subscriptions/{id}/feed': (ids) => [`/v1/subscriptions/${ids.subscription}/feed`],
  'post /v1/deliveries/{id}/acknowledge': (ids) => [
    `/v1/deliveries/${ids.delivery}/acknowledge`,
    { attempt: 1 },
  ],
  'post /v1/deliveries/{id}/reject': (ids) => [`/v1/deliveries/${ids.delivery}/reject`, { attempt: 1 }],
  'post /v1/deliveries/{id}/extend': (ids) => [
    `/v1/deliveries/${ids.delivery}/extend`,
    { attempt: 1, seconds: 9 },
  ],
  'get /v1/deliveries/{id}/logs/{attempt}': (ids) => [`/v1/deliveries/${ids.delivery}/logs/1`],
  'get /v1/dead-letters': (ids) => [
    `/v1/dead-letters?by=SUBSCRIPTION&subscriptionId=${ids.subscription}&tenant=zeta`,
  ],
  'post /v1/deliveries/retry': () => ['/v1/deliveries/retry', { filter: { tenant: 'zeta' } }],
  'post /v1/deliveries/discard': () => ['/v1/deliveries/discard', { filter: { tenant: 'zeta' } }],
  'post /v1/replays': (ids) => ['/v1/replays', { missedBy: ids.subscription }],
  'get /v1/replays': () => ['/v1/replays'],
  'get /v1/replays/{id}': (ids) => [`/v1/replays/${ids.replay}`],
  'post /v1/replays/{id}/pause': (ids) => [`/v1/replays/${ids.replay}/pause`],
  'post /v1/replays/{id}/resume': (ids) => [`/v1/replays/${ids.replay}/resume`],
  'post /v1/replays/{id}/cancel': (ids) => [`/v1/replays/${ids.replay}/cancel`],
  'post /v1/erasures': (ids) => ['/v1/erasures', { subscriptionId: ids.subscription }],
  'get /v1/erasures': () => ['/v1/erasures'],
  'get /v1/erasures/{id}': (ids) => [`/v1/erasures/${ids.erasure}`],
  'post /v1/subscriptions': () => [
    '/v1/subscriptions',
    { endpointUrl: 'http://127.0.0.1:9/', eventTypes: ['a'], tenant: 'zeta' },
  ],
  'get /v1/subscriptions': () => ['/v1/subscriptions'],
  'get /v1/subscriptions/{id}': (ids) => [`/v1/subscriptions/${ids.subscription}`],
  'patch /v1/subscriptions/{id}': (ids) => [`/v1/subscriptions/${ids.subscription}`, { isEnabled: false }],
  'post /v1/subscriptions/{id}/rotate-secret': (ids) => [
    `/v1/subscriptions/${ids.subscription}/rotate-secret`,
    {},
  ],
  'post /v1/subscriptions/{id}/test-event': (ids) => [
    `/v1/subscriptions/${ids.subscription}/test-event`,
    newEvent,
  ],
  'post /v1/event-types': () => ['/v1/event-types', newType],
  'get /v1/event-types': () => ['/v1/event-types'],
  'get /v1/event-types/{name}': () => ['/v1/event-types/shared'],
  'delete /v1/event-types/{name}': () => ['/v1/event-types/shared'],
  'get /v1/event-types/{name}/versions': () => ['/v1/event-types/shared/versions'],
  'get /v1/catalogue': () => ['/v1/catalogue'],
  'post /v1/catalogue': () => ['/v1/catalogue', { document: { webhooks: {} } }],
  'post /v1/filters/preview': (ids) => ['/v1/filters/preview', { filter: 'true', eventId: ids.event }],
}

describe('REST', () => {
  it('answers on every route as if the rows of others were not there', async () => {
    const { paths } = (await service.api.get('/openapi.json')).body
    for (const [path, methods] of Object.entries(paths as Record<string, Record<string, object>>)) {
      for (const [method, operation] of Object.entries(methods)) {
        if (!('x-required-scope' in operation)) continue
        const route = routes[`${method} ${path}`]
        if (route === undefined)
          throw new Error(`Say how ${method} ${path} is asked with ids of another tenant.`)
        await expectNothing((ids) => {
          const [url, body, contentType] = route(ids)
          return acme[method as 'post'](url, body, contentType ? { 'content-type': contentType } : {})
        })
      }
    }
  })
})

describe('the catalogue', () => {
  it('is read by all, changed by keys without a tenant, and tells a tenant nothing of the events of others', async () => {
    await service.api.post('/v1/event-types', { ...newType, mode: 'WARN', schema: { required: ['a'] } })
    await zeta.post('/v1/events', { type: 'shared', data: {} })
    const read = async (api: Client) => (await api.get('/v1/event-types/shared')).body
    await expect.poll(async () => (await read(service.api)).violations?.count, { timeout: 10_000 }).toBe(1)
    expect(await read(acme)).toEqual({ ...(await read(service.api)), violations: null })
    const { body } = await post(
      service,
      '{ eventType(name: "shared") { name violations { count } } }',
      {},
      'acme-key',
    )
    expect(body.data.eventType).toEqual({ name: 'shared', violations: null })
    expect((await acme.post('/v1/event-types', newType)).status).toBe(403)
    expect((await acme.delete('/v1/event-types/shared')).status).toBe(403)
    expect((await acme.post('/v1/catalogue', { document: { webhooks: {} } })).status).toBe(403)
  })
})

describe('live', () => {
  it('are all the fields that there are', () => {
    expect(fieldsOf('Subscription').toSorted()).toEqual(
      // Of a feed: `pull-feed.test.ts`.
      ['deliveryFeed', 'deliveryUpdated', 'eventUpdated', 'replayUpdated', 'statsUpdated'].map(
        (name) => `Subscription.${name}`,
      ),
    )
  })

  const live = [
    ['deliveryUpdated', `subscription { deliveryUpdated { event { type } subscription { endpointUrl } } }`],
    [
      'eventUpdated',
      `subscription { eventUpdated { type deliveries { edges { node { subscription { endpointUrl } } } } } }`,
    ],
  ] as const

  it.each(live)('%s shows changes of its own tenant, and none of others', async (_name, query) => {
    const socket = await openSocket(service, 'acme-key')
    socket.send({ type: 'subscribe', id: '1', payload: { query } })
    socket.send({ type: 'subscribe', id: '2', payload: { query: '{ stats { eventsTotal } }' } })
    await expect.poll(() => socket.messages).toContainEqual({ type: 'complete', id: '2' })
    const all = await openSocket(service, TEST_KEY)
    all.send({ type: 'subscribe', id: '1', payload: { query } })
    all.send({ type: 'subscribe', id: '2', payload: { query: '{ stats { eventsTotal } }' } })
    await expect.poll(() => all.messages).toContainEqual({ type: 'complete', id: '2' })
    const text = ({ messages }: typeof socket) => JSON.stringify(messages)
    for (const [api, of] of [
      [zeta, 'zeta'],
      [service.api, 'operator'],
      [acme, 'acme'],
    ] as const)
      await api.post('/v1/events', { type: `live.by.${of}`, data: {} })
    await expect.poll(() => text(all), { timeout: 10_000 }).toMatch(/live.by.operator/)
    await expect.poll(() => text(all), { timeout: 10_000 }).toMatch(/live.by.acme/)
    await expect.poll(() => text(socket), { timeout: 10_000 }).toContain('live.by.acme')
    expect(text(socket)).not.toMatch(/live.by.zeta|live.by.operator|hook.zeta|hook.operator/)
    for (const each of [socket, all]) each.close()
  })

  it('replayUpdated shows replays of its own tenant, and none of others', async () => {
    const query = 'subscription { replayUpdated { tenant state } }'
    const of = async (key: string) => resources.use(await openEventStream(service, { query }, undefined, key))
    const [mine, all] = [await of('acme-key'), await of(TEST_KEY)]
    for (const api of [zeta, service.api, acme])
      await api.post('/v1/replays', { filter: { type: ['nothing'] } })
    const text = ({ results }: typeof mine) => JSON.stringify(results)
    for (const tenant of ['"zeta"', 'null', '"acme"'])
      await expect
        .poll(() => text(all), { timeout: 10_000 })
        .toContain(`"tenant":${tenant},"state":"FINISHED"`)
    await expect.poll(() => text(mine), { timeout: 10_000 }).toContain('FINISHED')
    expect(text(mine)).not.toMatch(/zeta|null/)
  })

  it('resumes with its own changes only', async () => {
    const query = 'subscription { deliveryUpdated { subscription { endpointUrl } } }'
    const from = new Date(Date.now() - 60_000).toISOString()
    const stream = resources.use(await openEventStream(service, { query }, from, 'acme-key'))
    const text = () => JSON.stringify(stream.results)
    await expect.poll(text, { timeout: 10_000 }).toContain('/hook/acme')
    expect(text()).not.toMatch(/hook.zeta|hook.operator/)
  })
})

describe('its own rows', () => {
  it('are all there, and counted', async () => {
    const { body } = await post(service, operations['Query.node']?.(own) as string, {}, 'acme-key')
    expect(body.data).toMatchObject({
      event: { type: 'made.by.acme', tenant: 'acme', deliveryCount: 1 },
      delivery: { event: { id: own.event }, subscription: { id: own.subscription } },
      subscription: { id: own.subscription },
    })
    expect((await acme.get('/v1/subscriptions')).body.items).toHaveLength(1)
    expect((await acme.get(`/v1/events/${own.event}/summary`)).body.deliveries.DEAD).toBe(1)
    expect((await acme.get('/v1/stats')).body).toMatchObject({
      subscriptionsTotal: 1,
      subscriptionsEnabled: 1,
    })
    const { logs } = (await acme.get(`/v1/events/${own.event}`)).body.deliveries[0]
    expect(logs).toEqual([expect.objectContaining({ worker: null, statusCode: 500 })])
  })

  it('are measured alone', async () => {
    const attempts = async (api: Client) => {
      const { items } = (await api.get(`/v1/delivery-metrics?from=${yesterday}&interval=DAY`)).body
      return items.reduce((sum: number, row: { attempts: number }) => sum + row.attempts, 0)
    }
    const logs = async (condition: string) =>
      (
        await service.database.query(
          `select from "deliveryLogs" l join deliveries d on d.id = l."deliveryId" ${condition}`,
        )
      ).length
    await expect.poll(() => attempts(service.api), { timeout: 20_000 }).toBe(await logs(''))
    expect(await attempts(acme)).toBe(await logs(`where d.tenant = 'acme'`))
  })

  it('may be changed, retried and made, with the tenant of the key', async () => {
    expect((await acme.post(`/v1/deliveries/${own.delivery}/retry`)).status).toBe(202)
    expect((await acme.post('/v1/events', newEvent)).status).toBe(202)
    const { status, body } = await acme.patch(`/v1/subscriptions/${own.subscription}`, {
      description: 'mine',
    })
    expect([status, body.description, body.tenant]).toEqual([200, 'mine', 'acme'])
    const forbidden = await acme.post('/v1/events', { ...newEvent, tenant: 'zeta' })
    expect([forbidden.status, forbidden.body.detail]).toEqual([
      403,
      expect.stringContaining('bound to the tenant acme'),
    ])
    expect((await acme.post('/v1/events', { ...newEvent, tenant: 'acme' })).status).toBe(202)
  })
})
