/** Who gets operational events, and what makes none: they never report what they bring about themselves. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isOperational } from '../../src/model/event-type.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { eventIn, publish, subscribe } from '../support/delivering.js'
import {
  expectTold,
  ONE_ATTEMPT,
  PATIENCE,
  quickBreaker,
  storedIn,
  toldTo,
} from '../support/operational-events.js'
import { type Receiver, startReceiver } from '../support/receiver.js'
import { startTestService, type TestService } from '../support/service.js'

let resources: Resources
let service: TestService
/** Gets the operational events of a test. */
let operator: Receiver
let endpoint: Receiver

beforeEach(async () => {
  resources = createResources()
  operator = resources.use(await startReceiver(200))
  endpoint = resources.use(await startReceiver(500))
})
afterEach(() => resources[Symbol.asyncDispose]())

const start = async (...of: Parameters<typeof startTestService>) => {
  service = resources.use(await startTestService(...of))
}

const subscribeTo = (types: string[], more: object = {}, to: Receiver = operator) =>
  service.api.post('/v1/subscriptions', { endpointUrl: to.url, eventTypes: types, ...more })

const patch = (id: string, changes: object) => service.api.patch(`/v1/subscriptions/${id}`, changes)

const told = (to = operator) => toldTo(to)
const stored = () => storedIn(service)
const expectDead = () => expectTold(service, operator, ['service.delivery.dead'])

describe('an operational event', () => {
  it('is made only where a subscription asks for it by name or pattern: not by "*"', async () => {
    await start('postgres', ONE_ATTEMPT)
    const id = await subscribe(service, endpoint.url)
    const wanting = (await subscribeTo(['*', 'service.replay.*', 'service.delivery'])).body.id
    await eventIn('PARTIALLY_DELIVERED', service, await publish(service))
    expect(await stored()).toEqual([])
    // Right after the subscription was changed.
    await patch(wanting, { eventTypes: ['*', 'service.*'] })
    await publish(service)
    await expect.poll(() => told().filter(({ type }) => isOperational(type)).length, PATIENCE).toBe(1)
    expect(told().map(({ type }) => type)).toEqual(['user.created', 'user.created', 'service.delivery.dead'])
    await patch(wanting, { isEnabled: false })
    await eventIn('DEAD', service, await publish(service))
    await patch(id, { isEnabled: false })
    expect(await stored()).toHaveLength(1)
  })

  it('is no match of "*" in a replay of what was missed', async () => {
    await start('postgres', ONE_ATTEMPT)
    await subscribeTo(['service.*'])
    await subscribe(service, endpoint.url)
    await publish(service)
    await expectDead()
    const late = resources.use(await startReceiver(200))
    const missedBy = (await subscribeTo(['*'], {}, late)).body.id
    const { total } = (await service.api.post('/v1/replays', { missedBy, dryRun: true })).body
    expect(total).toBe(1)
  })

  it('passes a filter over its data', async () => {
    await start('postgres', ONE_ATTEMPT)
    await subscribeTo(['service.*'], { filter: 'data.lastStatusCode == 500 && data.eventType == "b"' })
    await subscribe(service, endpoint.url, ['a', 'b'])
    const ids = []
    for (const type of ['a', 'b'])
      ids.push((await service.api.post('/v1/events', { type, data: {} })).body.eventId)
    await expect.poll(() => told().map(({ data }) => data.eventId), PATIENCE).toEqual([ids[1]])
    await expect
      .poll(async () => (await stored()).map(({ status }) => status).toSorted(), PATIENCE)
      .toEqual(['DELIVERED', 'UNMATCHED'])
  })

  it('has the tenant of its subscription: goes to that tenant and to the operator', async () => {
    await start('postgres', ONE_ATTEMPT)
    const of: Record<string, Receiver> = { none: operator }
    await subscribeTo(['service.*'])
    for (const tenant of ['acme', 'zeta']) {
      of[tenant] = resources.use(await startReceiver(200))
      await subscribeTo(['service.delivery.dead'], { tenant }, of[tenant])
    }
    await subscribeTo(['order'], { tenant: 'acme' }, endpoint)
    await subscribeTo(['order'], { tenant: 'nobody' }, endpoint)
    await service.api.post('/v1/events', { type: 'order', data: {}, tenant: 'acme' })
    await expect.poll(() => [told().length, told(of.acme).length], PATIENCE).toEqual([1, 1])
    expect(told(of.acme)[0]?.data.tenant).toBe('acme')
    expect(await stored()).toMatchObject([{ tenant: 'acme' }])
    await service.api.post('/v1/events', { type: 'order', data: {}, tenant: 'nobody' })
    await expect.poll(() => told().length, PATIENCE).toBe(2)
    expect([told(of.acme).length, told(of.zeta).length]).toEqual([1, 0])
  })

  it('is not stored for a tenant where only another one asks', async () => {
    await start('postgres', ONE_ATTEMPT)
    await subscribeTo(['service.*'], { tenant: 'zeta' })
    await subscribeTo(['order'], { tenant: 'acme' }, endpoint)
    await subscribeTo(['order'], {}, endpoint)
    const { eventId } = (await service.api.post('/v1/events', { type: 'order', data: {}, tenant: 'acme' }))
      .body
    await eventIn('DEAD', service, eventId)
    expect(await stored()).toEqual([])
  })

  it('is counted among the events', async () => {
    await start('postgres', ONE_ATTEMPT)
    await subscribeTo(['service.*'])
    await subscribe(service, endpoint.url)
    await publish(service)
    await expectDead()
    const eventsTotal = async () => (await service.api.get('/v1/stats')).body.eventsTotal
    await expect.poll(eventsTotal, PATIENCE).toBe(2)
  })
})

describe('what an operational event brings about is told by none', () => {
  it('its delivery that is DEAD, and its endpoint that fails', async () => {
    await start('postgres', { ...ONE_ATTEMPT, OUTBOX_DISPATCH_INTERVAL_MS: '100' }, quickBreaker)
    operator.answerWith(500)
    const witness = resources.use(await startReceiver(200))
    await subscribeTo(['service.*'])
    await subscribeTo(['service.endpoint.*'], {}, witness)
    const self = await subscribe(service, endpoint.url, ['user.created', 'service.*'])
    const dead = []
    for (let count = 0; count < 3; count++) dead.push(await publish(service))
    for (const eventId of dead) await eventIn('DEAD', service, eventId)
    const open = async () =>
      (await service.database.query(`select from deliveries where status in ('PENDING', 'FAILED')`)).length +
      (await service.database.query('select from outbox')).length
    await expect.poll(open, PATIENCE).toBe(0)
    const types = (await stored()).map(({ type }) => type)
    // Each of the three that died, and that the endpoint of `self` fails, by its own events.
    expect(types.toSorted()).toEqual([...Array(3).fill('service.delivery.dead'), 'service.endpoint.failing'])
    expect(told(witness).map(({ data }) => data.subscriptionId)).toEqual([self])
    const paused = await service.database.query(
      'select "subscriptionId", "reportedFailingSince" is not null as reported from "endpointHealth" where "probeAt" is not null',
    )
    // The operator's endpoint is paused as well, and no event tells of it.
    expect(paused).toHaveLength(2)
    expect(paused).toContainEqual({ subscriptionId: self, reported: true })
    expect(paused).toContainEqual({ subscriptionId: expect.any(String), reported: false })
  })

  it('a subscription is not told that it is disabled itself', async () => {
    await start('postgres')
    const { id } = (await subscribeTo(['service.*'])).body
    await patch(id, { isEnabled: false })
    expect(await stored()).toEqual([])
    const other = (await subscribeTo(['service.subscription.disabled'], {}, endpoint)).body.id
    await patch(id, { isEnabled: true })
    await patch(id, { isEnabled: false })
    expect(await stored()).toHaveLength(1)
    await patch(other, { isEnabled: false })
    expect(await stored()).toHaveLength(1)
  })
})

describe('nobody but the service', () => {
  const type = 'service.delivery.dead'
  const refused = { path: expect.stringMatching(/type|name/), message: expect.stringContaining('"service."') }
  const json = { 'content-type': 'application/json' }

  it('publishes, tries or describes events of these types', async () => {
    await start('postgres')
    const { api } = service
    const { id } = (await subscribeTo(['service.*', '*'])).body
    const cloudEvent = { specversion: '1.0', id: '1', source: '/a', type, data: {} }
    const structured = { 'content-type': 'application/cloudevents+json' }
    const answers = {
      event: await api.post('/v1/events', { type, data: {} }),
      structured: await api.post('/v1/events', cloudEvent, structured),
      binary: await api.post(
        '/v1/events',
        {},
        { ...json, 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/a', 'ce-type': type },
      ),
      testEvent: await api.post(`/v1/subscriptions/${id}/test-event`, { type, data: {} }),
      eventType: await api.post('/v1/event-types', { name: type, schema: {} }),
    }
    for (const [name, { status, body }] of Object.entries(answers))
      expect([name, status, body.errors]).toEqual([name, 400, [refused]])
    const batch = await api.post('/v1/events/batch', { events: [{ type, data: {} }, cloudEvent] })
    expect(batch.body.items.map(({ status }: { status: number }) => status)).toEqual([400, 400])
    const lines = await api.post('/v1/events/import', `{"type": "${type}", "data": {}}\n`, {
      'content-type': 'application/x-ndjson',
    })
    expect(lines.body).toMatchObject({ accepted: 0, rejected: 1 })
    const mutations = `mutation {
      publishEvent(input: { type: "${type}", data: {} }) { errors { message } }
      publishEvents(inputs: [{ type: "${type}", data: {} }]) { errors { message } }
      sendTestEvent(subscriptionId: "${id}", type: "${type}", data: {}) { errors { message } }
      registerEventType(input: { name: "${type}", schema: {} }) { errors { message } }
    }`
    const { data } = (await api.post('/graphql', { query: mutations })).body
    expect(JSON.stringify(data).match(/must not begin with \\"service\.\\"/g)).toHaveLength(4)
    expect(await stored()).toEqual([])
    expect(operator.requests).toEqual([])
    expect((await api.post('/v1/events', { type: 'services.up', data: {} })).status).toBe(202)
    expect((await api.post('/v1/events', { type: 'service', data: {} })).status).toBe(202)
  })

  it('but filters for them can be tried', async () => {
    await start('postgres')
    const event = { type, data: { attempts: 3 } }
    const { body } = await service.api.post('/v1/filters/preview', { filter: 'data.attempts > 2', event })
    expect(body).toMatchObject({ matches: true, error: null })
  })
})
