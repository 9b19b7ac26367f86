/** What each tenant may publish: events a second, and deliveries that wait. */
import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { type Client, createClient } from '../support/client.js'
import { post } from '../support/graphql.js'
import { expectProblem } from '../support/problem.js'
import { startReceiver } from '../support/receiver.js'
import { startOn, startTestService, type TestService } from '../support/service.js'

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

const start = async (settings: Record<string, string>): Promise<TestService> =>
  resources.use(await startTestService('postgres', settings))

const event = (tenant?: string, more: object = {}) => ({ type: 'item.sold', data: {}, tenant, ...more })
const publish = (api: Client, tenant?: string) => api.post('/v1/events', event(tenant))
const publishMany = (api: Client, tenants: (string | undefined)[]) =>
  api.post('/v1/events/batch', { events: tenants.map((tenant) => event(tenant)) })
const repeat = <Item>(count: number, item: Item): Item[] => Array(count).fill(item)

describe('TENANT_MAX_EVENTS_PER_SECOND', () => {
  const settings = { TENANT_MAX_EVENTS_PER_SECOND: '5' }

  it('takes as many of each tenant, and all without one', async () => {
    const { api } = await start(settings)
    const { body } = await publishMany(api, [
      ...repeat(7, 'acme'),
      ...repeat(3, 'zeta'),
      ...repeat(9, undefined),
    ])
    const statuses = body.items.map(({ status }: { status: number }) => status)
    expect(statuses).toEqual([...repeat(5, 202), ...repeat(2, 429), ...repeat(3, 202), ...repeat(9, 202)])
    expect(body.items[5].error).toMatchObject({
      type: 'urn:node-event-service:too-many-requests',
      detail: expect.stringMatching(/^The tenant acme publishes more than the 5 events a second/),
    })
  })

  it('answers 429 with the time to wait, and then takes events again', async () => {
    const service = await start({ TENANT_MAX_EVENTS_PER_SECOND: '2' })
    const { api } = service
    const answers = await Promise.all(repeat(30, api).map((one) => publish(one, 'acme')))
    const refused = answers.filter(({ status }) => status !== 202)
    expect(refused.length).toBeGreaterThan(0)
    for (const answer of refused) {
      expectProblem(answer, 429)
      expect(answer.headers.get('retry-after')).toBe('1')
    }
    await expect.poll(async () => (await publish(api, 'acme')).status, { timeout: 5000 }).toBe(202)
    expect((await publish(api)).status).toBe(202)
  })

  it('holds for GraphQL as well', async () => {
    const service = await start({ TENANT_MAX_EVENTS_PER_SECOND: '2' })
    const mutation =
      'mutation { publishEvent(input: { type: "item.sold", tenant: "acme", data: {} }) { event { id } } }'
    const answers = await Promise.all(repeat(30, mutation).map((operation) => post(service, operation)))
    const codes = new Set(answers.map(({ body }) => body.errors?.[0]?.extensions.code))
    expect(codes).toEqual(new Set([undefined, 'TOO_MANY_REQUESTS']))
  })

  it('holds over all processes', async () => {
    const first = await start(settings)
    const second = createClient(resources.use(await startOn(first.database, undefined, settings)).url)
    const startedAt = performance.now()
    const answers = await Promise.all(
      [first.api, second].flatMap((api) => repeat(30, api)).map((api) => publish(api, 'acme')),
    )
    const seconds = (performance.now() - startedAt) / 1000
    const taken = answers.filter(({ status }) => status === 202).length
    expect(taken).toBeGreaterThanOrEqual(5)
    expect(taken).toBeLessThanOrEqual(5 + Math.ceil(seconds * 5))
  })

  it('makes an import wait', async () => {
    const { api } = await start(settings)
    const startedAt = performance.now()
    const lines = Array.from({ length: 12 }, (_, index) =>
      JSON.stringify(event('acme', { eventId: `line-${index}` })),
    )
    const headers = { 'content-type': 'application/x-ndjson' }
    const { body } = await api.post('/v1/events/import', lines.join('\n'), headers)
    expect(body).toEqual({ accepted: 12, deduplicated: 0, rejected: 0, errors: [] })
    expect(performance.now() - startedAt).toBeGreaterThan(1300)
  })
})

describe('TENANT_MAX_WAITING_DELIVERIES', () => {
  it('refuses events while as many wait, and takes them again afterwards', async () => {
    const { api } = await start({ TENANT_MAX_WAITING_DELIVERIES: '3' })
    const open: ServerResponse[] = []
    const receiver = resources.use(await startReceiver((response) => void open.push(response)))
    for (const tenant of ['acme', 'zeta'])
      await api.post('/v1/subscriptions', { endpointUrl: receiver.url, eventTypes: ['*'], tenant })
    await publishMany(api, repeat(3, 'acme'))
    await expect.poll(async () => (await publish(api, 'acme')).status, { timeout: 5000 }).toBe(429)
    expect((await publish(api, 'acme')).body.detail).toMatch(/^3 deliveries of the tenant acme wait already/)
    expect((await publish(api, 'zeta')).status).toBe(202)
    expect((await publish(api)).status).toBe(202)
    receiver.answerWith(200)
    for (const response of open) response.writeHead(200).end()
    await expect.poll(async () => (await publish(api, 'acme')).status, { timeout: 10_000 }).toBe(202)
  })
})
