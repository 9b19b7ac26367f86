/** Tenants: who gets whose events, on each way from an event to its deliveries, and what the lists show. */
import { execFile } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { TEST_KEY } from '../support/client.js'
import { ask } from '../support/graphql.js'
import { startReceiver } from '../support/receiver.js'
import { layouts, startTestService, type TestService } from '../support/service.js'

let resources: Resources
let service: TestService
let url: string
let received: () => string[]

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

async function start(layout: (typeof layouts)[number] = 'postgres') {
  service = resources.use(await startTestService(layout))
  const receiver = resources.use(await startReceiver())
  url = receiver.url
  received = () =>
    receiver.requests.map(({ path, body }) => `${path} ${JSON.parse(body).payload.data.of}`).toSorted()
}

const subscribe = async (path: string, fields: object = {}) =>
  service.api.post('/v1/subscriptions', { endpointUrl: `${url}/${path}`, eventTypes: ['order.*'], ...fields })

const publish = (of: string, more: object = {}) =>
  service.api.post('/v1/events', { type: 'order.created', data: { of }, ...more })

/** What each kind of subscription gets of the events of `acme`, of `zeta` and of nobody. */
const expected = [
  ...['/hook/acme acme', '/hook/acme-filtered acme'],
  ...['/hook/all acme', '/hook/all none', '/hook/all zeta'],
  ...['/hook/filtered acme', '/hook/zeta zeta'],
]

async function subscribeAll() {
  await subscribe('all')
  await subscribe('acme', { tenant: 'acme' })
  await subscribe('zeta', { tenant: 'zeta', eventTypes: ['*'] })
}
const subscribeByFilter = async () => {
  await subscribe('acme-filtered', { tenant: 'acme', filter: 'tenant == "acme"' })
  await subscribe('filtered', { filter: 'tenant == "acme"' })
}

describe.each(layouts)('%s', (layout) => {
  it('brings each subscription the events of its tenant, and one without a tenant all', async () => {
    await start(layout)
    await subscribeAll()
    await publish('none')
    await publish('acme', { tenant: 'acme' })
    await publish('zeta', { tenant: 'zeta' })
    const plain = expected.filter((line) => !line.includes('filtered'))
    await expect.poll(received, { timeout: 10_000 }).toEqual(plain)
    await subscribeByFilter()
    await publish('acme', { tenant: 'acme' })
    await publish('none')
    const more = ['/hook/acme acme', '/hook/acme-filtered acme', '/hook/all acme', '/hook/all none']
    const all = [...plain, ...more, '/hook/filtered acme'].toSorted()
    await expect.poll(received, { timeout: 10_000 }).toEqual(all)
  })

  it('does so through the outbox, too', async () => {
    await start(layout)
    await subscribeAll()
    await subscribeByFilter()
    const events = ['none', 'acme', 'zeta'].map((of) => ({
      ...{ type: 'order.created', data: { of } },
      ...(of !== 'none' && { tenant: of }),
    }))
    const { body } = await service.api.post('/v1/events/batch', { events })
    expect(body.items.map(({ status }: { status: number }) => status)).toEqual([202, 202, 202])
    await expect.poll(received, { timeout: 10_000 }).toEqual(expected)
  })

  it('does so at the time that an event has of its own', async () => {
    await start(layout)
    await subscribeAll()
    await subscribeByFilter()
    const deliverAt = new Date(Date.now() + 1000)
    for (const of of ['none', 'acme', 'zeta']) {
      const { body } = await publish(of, { deliverAt, ...(of !== 'none' && { tenant: of }) })
      expect(body.status).toBe('SCHEDULED')
    }
    await expect.poll(received, { timeout: 10_000 }).toEqual(expected)
  })
})

describe('a subscription of a tenant', () => {
  beforeEach(() => start())

  it('shows its tenant and its own filter, and keeps both through a change', async () => {
    const { body, status } = await subscribe('a', { tenant: 'acme', filter: 'data.a > 1' })
    expect([status, body.tenant, body.filter]).toEqual([201, 'acme', 'data.a > 1'])
    const path = `/v1/subscriptions/${body.id}`
    expect((await service.api.patch(path, { description: 'x' })).body.filter).toBe('data.a > 1')
    expect((await service.api.patch(path, { filter: 'data.b' })).body.filter).toBe('data.b')
    expect((await service.api.patch(path, { filter: null })).body).toMatchObject({
      filter: null,
      tenant: 'acme',
    })
    const query = `{ subscription(id: "${body.id}") { tenant filter } }`
    expect(await ask(service, query)).toEqual({ subscription: { tenant: 'acme', filter: null } })
  })

  it("can't change its tenant", async () => {
    const { body } = await subscribe('a', { tenant: 'acme' })
    const answer = await service.api.patch(`/v1/subscriptions/${body.id}`, { tenant: 'zeta' })
    expect([answer.status, answer.body.errors[0].path]).toEqual([400, 'tenant'])
  })

  it('is equal to one of the same tenant only', async () => {
    const statuses = []
    for (const tenant of [undefined, 'acme', 'zeta', 'acme'])
      statuses.push((await subscribe('a', { tenant })).status)
    expect(statuses).toEqual([201, 201, 201, 409])
  })

  it('takes nothing from a process of the version before, which filters with null as the tenant', async () => {
    const { body } = await subscribe('a', { tenant: 'acme', filter: 'data.a > 1' })
    const stored = async () =>
      (
        await service.database.query<{ filter: string }>(
          `select filter from subscriptions where id = '${body.id}'`,
        )
      )[0]?.filter
    expect(await stored()).toBe('tenant == "acme" && (\ndata.a > 1\n)')
    // By a process that knows of no tenant.
    await service.database.query(`update subscriptions set filter = null where id = '${body.id}'`)
    expect(await stored()).toBe('tenant == "acme"')
    expect((await service.api.get(`/v1/subscriptions/${body.id}`)).body.filter).toBeNull()
  })

  it('gives its test events its tenant', async () => {
    const { body } = await subscribe('a', { tenant: 'acme' })
    const sent = await service.api.post(`/v1/subscriptions/${body.id}/test-event`, { type: 'a', data: {} })
    expect((await service.api.get(`/v1/events/${sent.body.eventId}`)).body.tenant).toBe('acme')
    const { items } = (await service.api.get('/v1/deliveries?tenant=acme')).body
    expect(items.map(({ id }: { id: string }) => id)).toEqual([sent.body.deliveryId])
  })
})

describe('an event of a tenant', () => {
  beforeEach(() => start())

  it('has idempotency keys of its own', async () => {
    const keyed = async (tenant: string | undefined, of = 'same') => publish(of, { tenant, eventId: 'key' })
    const [none, acme, zeta] = [await keyed(undefined), await keyed('acme'), await keyed('zeta', 'other')]
    expect([none.status, acme.status, zeta.status]).toEqual([202, 202, 202])
    expect((await keyed('acme')).body).toMatchObject({ eventId: acme.body.eventId, deduplicated: true })
    expect((await keyed('acme', 'other')).status).toBe(422)
    expect((await service.api.get(`/v1/events/${acme.body.eventId}`)).body.idempotencyKey).toBe('key')
    const find = async (filter: string) => {
      const result = await ask(
        service,
        `{ events(filter: {${filter}}) { edges { node { tenant idempotencyKey } } } }`,
      )
      return result.events.edges.map(({ node }: { node: object }) => node)
    }
    expect(await find('idempotencyKey: "key"')).toEqual([{ tenant: null, idempotencyKey: 'key' }])
    expect(await find('idempotencyKey: "key", tenant: "zeta"')).toEqual([
      { tenant: 'zeta', idempotencyKey: 'key' },
    ])
  })

  it('is found by its tenant, and so are its deliveries and subscriptions', async () => {
    await subscribeAll()
    for (const tenant of ['acme', 'zeta', undefined]) await publish('x', { tenant })
    const query = `{
      events(filter: { tenant: "acme" }) { edges { node { tenant } } }
      some: events(filter: { tenant: "acme", type: ["order.created", "b"], status: [PROCESSING, DELIVERED] }) {
        edges { node { tenant } } }
      subscriptions(filter: { tenant: "zeta" }) { edges { node { tenant } } }
      deliveries(filter: { tenant: "zeta" }) { edges { node { subscription { tenant } event { tenant } } } }
      none: deliveries(filter: { tenant: "a\\u0000" }) { edges { node { id } } }
    }`
    const edges = (...nodes: object[]) => ({ edges: nodes.map((node) => ({ node })) })
    await expect
      .poll(async () => ask(service, query), { timeout: 10_000 })
      .toEqual({
        events: edges({ tenant: 'acme' }),
        some: edges({ tenant: 'acme' }),
        subscriptions: edges({ tenant: 'zeta' }),
        deliveries: edges({ subscription: { tenant: 'zeta' }, event: { tenant: 'zeta' } }),
        none: edges(),
      })
    const { items } = (await service.api.get('/v1/subscriptions?tenant=acme')).body
    expect(items.map(({ tenant }: { tenant: string }) => tenant)).toEqual(['acme'])
    expect((await service.api.get('/v1/deliveries?tenant=a%20b')).status).toBe(400)
  })

  it('may come as a CloudEvent, with the tenant as an extension', async () => {
    const headers = { 'content-type': 'application/cloudevents+json' }
    const event = {
      specversion: '1.0',
      id: '1',
      source: '/a',
      type: 'order.created',
      tenant: 'acme',
      data: {},
    }
    const { body } = await service.api.post('/v1/events', JSON.stringify(event), headers)
    expect((await service.api.get(`/v1/events/${body.eventId}`)).body.tenant).toBe('acme')
    const wrong = await service.api.post('/v1/events', JSON.stringify({ ...event, tenant: 'a b' }), headers)
    expect([wrong.status, wrong.body.errors[0].path]).toEqual([400, 'tenant'])
  })

  it.each(['', 'a b', 'ä', 'a/b', 'x'.repeat(129)])('has no tenant %j', async (tenant) => {
    expect((await publish('x', { tenant })).status).toBe(400)
  })
})

it('are shown by the program of the docs, with an API key of a tenant beside one without', async () => {
  const keys = `${TEST_KEY},acme=publish+read+manage@acme=acme-key`
  service = resources.use(await startTestService('postgres', { API_KEYS: keys }))
  const said = await new Promise<string>((resolve) =>
    execFile(
      process.execPath,
      ['docs/examples/tenants.mjs', service.url, TEST_KEY, 'acme-key'],
      (error, stdout, stderr) => resolve(`${error?.code ?? 0}\n${stdout}${stderr}`),
    ),
  )
  expect(said.split('\n').slice(0, 4)).toEqual([
    ...['0', 'without a tenant: acme, none, zeta', 'of acme: acme', 'with a token of zeta: zeta'],
  ])
  expect(said).toContain('for zeta: This API key is bound to the tenant acme')
})
