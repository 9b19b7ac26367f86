/** Operational events: what the service reports of itself, once for each change. */
import { spawn } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { operationalData } from '../../src/http/openapi-operational-events.js'
import { type OperationalType, operationalTypes } from '../../src/model/operational-event.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { TEST_KEY } from '../support/client.js'
import { eventIn, publish, subscribe } from '../support/delivering.js'
import { ask } from '../support/graphql.js'
import { expectTold, ONE_ATTEMPT, PATIENCE, quickBreaker, toldTo } from '../support/operational-events.js'
import { type Receiver, startReceiver } from '../support/receiver.js'
import { layouts, startTestService, type TestService } from '../support/service.js'

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

const expectAll = (...types: OperationalType[]) => expectTold(service, operator, types)

describe.each(layouts)('queue on %s', (layout) => {
  it('tells of a delivery that is DEAD, as an event like any other', async () => {
    await start(layout, ONE_ATTEMPT)
    await subscribeTo(['service.delivery.dead'])
    const subscriptionId = await subscribe(service, endpoint.url)
    const eventId = await publish(service)
    const [event] = await expectAll('service.delivery.dead')
    const { deliveries } = await eventIn('DEAD', service, eventId)
    expect(event?.data).toEqual({
      ...{ deliveryId: deliveries[0].id, eventId, eventType: 'user.created', subscriptionId, tenant: null },
      ...{ attempts: 1, lastError: deliveries[0].lastError, lastStatusCode: 500 },
    })
    expect(Object.keys(event?.data)[0]).toBe('deliveryId')
    expect(new Date(event?.createdAt ?? 0).toISOString()).toBe(event?.createdAt)
    expect(operator.requests[0]?.headers['webhook-signature']).toMatch(/^v1,/)
    expect(await eventIn('DELIVERED', service, event?.id ?? '')).toMatchObject({
      ...{ type: 'service.delivery.dead', tenant: null, payload: { metadata: null } },
    })
  })

  it('tells of an endpoint that fails, and that it has recovered', { timeout: 60_000 }, async () => {
    await start(layout, { DELIVERY_BACKOFF_MAX_SECONDS: '0.1', DELIVERY_MAX_ATTEMPTS: '100' }, quickBreaker)
    await subscribeTo(['service.endpoint.*'])
    const subscriptionId = await subscribe(service, endpoint.url)
    const events = [await publish(service)]
    const [failing] = await expectAll('service.endpoint.failing')
    expect(failing?.data).toMatchObject({
      ...{ subscriptionId, tenant: null, lastStatusCode: 500, lastError: expect.any(String) },
      health: { state: 'PAUSED', consecutiveFailures: expect.any(Number), lastSuccessAt: null },
    })
    // Probes fail, and nothing more is told.
    const before = endpoint.requests.length
    await expect.poll(() => endpoint.requests.length, PATIENCE).toBeGreaterThan(before + 2)
    await expectAll('service.endpoint.failing')
    endpoint.answerWith(200)
    for (let count = 0; count < 4; count++) events.push(await publish(service))
    for (const eventId of events) await eventIn('DELIVERED', service, eventId)
    const [, recovered] = await expectAll('service.endpoint.failing', 'service.endpoint.recovered')
    expect(recovered?.data).toMatchObject({
      ...{ subscriptionId, tenant: null, failedSince: failing?.data.health.failingSince },
      health: { state: 'HEALTHY', consecutiveFailures: 0, failingSince: null },
    })
  })

  it('tells of a subscription that is disabled, by a user or by its endpoint', async () => {
    await start(layout)
    await subscribeTo(['service.subscription.disabled'])
    const id = await subscribe(service, endpoint.url)
    await patch(id, { isEnabled: false })
    const { disabledAt } = (await patch(id, { isEnabled: false })).body
    const [byUser] = await expectAll('service.subscription.disabled')
    expect(byUser?.data).toEqual({ subscriptionId: id, tenant: null, disabledReason: 'MANUAL', disabledAt })
    await patch(id, { isEnabled: true })
    endpoint.answerWith(410)
    await publish(service)
    const all = await expectAll('service.subscription.disabled', 'service.subscription.disabled')
    expect(all.at(-1)?.data).toMatchObject({ subscriptionId: id, disabledReason: 'GONE' })
  })

  it('tells of a replay that has come to its end', async () => {
    await start(layout)
    await subscribeTo(['service.replay.finished'])
    endpoint.answerWith(200)
    await subscribe(service, endpoint.url)
    await eventIn('DELIVERED', service, await publish(service))
    const { id, createdAt } = (await service.api.post('/v1/replays', { filter: {} })).body
    const [event] = await expectAll('service.replay.finished')
    const { finishedAt } = (await service.api.get(`/v1/replays/${id}`)).body
    expect(event?.data).toEqual({
      ...{ replayId: id, tenant: null, kind: 'REPLAY', missedBy: null },
      ...{ total: 1, done: 1, createdAt, finishedAt },
    })
  })
})

describe('a subscription', () => {
  it('whose endpoint has failed for DISABLE_AFTER_DAYS is told of, once', async () => {
    await start('postgres', { DISABLE_AFTER_DAYS: '0.00001' })
    await subscribeTo(['service.subscription.disabled'])
    const ids = [await subscribe(service, endpoint.url), await subscribe(service, `${endpoint.url}/second`)]
    for (let count = 0; count < 5; count++) await publish(service)
    const all = await expectAll('service.subscription.disabled', 'service.subscription.disabled')
    expect(all.map(({ data }) => data.subscriptionId).toSorted()).toEqual(ids.toSorted())
    for (const { data } of all) {
      const { disabledAt } = (await service.api.get(`/v1/subscriptions/${data.subscriptionId}`)).body
      expect(data).toMatchObject({ tenant: null, disabledReason: 'FAILING', disabledAt })
    }
  })
})

describe('a retry or a discard of many', () => {
  const run = async (what: 'retry' | 'discard') => {
    const { body } = await service.api.post(`/v1/deliveries/${what}`, { filter: { type: ['user.created'] } })
    const state = async () => (await service.api.get(`/v1/replays/${body.id}`)).body.state
    await expect.poll(state, PATIENCE).toBe('FINISHED')
  }
  const finished = () => toldTo(operator).filter(({ type }) => type === 'service.replay.finished')
  const kinds = () => finished().map(({ data: { kind, total, done } }) => [kind, total, done])

  it('is told of at its end, with its kind; a dead letter that is discarded is not told of again', async () => {
    await start('postgres', ONE_ATTEMPT)
    await subscribeTo(['service.*'])
    await subscribe(service, endpoint.url)
    const events = [await publish(service), await publish(service)]
    for (const id of events) await eventIn('DEAD', service, id)
    await expectAll('service.delivery.dead', 'service.delivery.dead')
    await run('discard')
    const both: OperationalType[] = ['service.delivery.dead', 'service.delivery.dead']
    await expectAll(...both, 'service.replay.finished')
    // Nothing fits any more: it comes to its end as well.
    await run('discard')
    await expectAll(...both, 'service.replay.finished', 'service.replay.finished')
    expect(kinds()).toEqual([
      ['DISCARD', 2, 2],
      ['DISCARD', 0, 0],
    ])
  })

  it('brings a delivery about that dies anew, which is told of once more', async () => {
    await start('postgres', ONE_ATTEMPT)
    await subscribeTo(['service.*'])
    await subscribe(service, endpoint.url)
    await eventIn('DEAD', service, await publish(service))
    await expectAll('service.delivery.dead')
    await run('retry')
    const all = await expectAll('service.delivery.dead', 'service.replay.finished', 'service.delivery.dead')
    const deaths = all.filter(({ type }) => type === 'service.delivery.dead').map(({ data }) => data)
    expect(deaths.map(({ attempts }) => attempts).toSorted()).toEqual([1, 2])
    expect(new Set(deaths.map(({ deliveryId }) => deliveryId)).size).toBe(1)
    expect(kinds()).toEqual([['RETRY', 1, 1]])
  })
})

describe('a delivery', () => {
  it('that expires or is cancelled is told of; one of a deleted subscription is not', async () => {
    await start('postgres', { DELIVERY_BACKOFF_BASE_SECONDS: '60', OUTBOX_DISPATCH_INTERVAL_MS: '100' })
    await subscribeTo(['service.delivery.dead'])
    const id = await subscribe(service, endpoint.url)
    const expiresAt = new Date(Date.now() + 1000).toISOString()
    const { eventId } = (
      await service.api.post('/v1/events', { type: 'user.created', data: { secret: 'x' }, expiresAt })
    ).body
    const [expired] = await expectAll('service.delivery.dead')
    expect(expired?.data).toMatchObject({ eventId, lastError: 'expired', attempts: 1 })
    const cancelled = await publish(service)
    const [{ id: deliveryId }] = (await service.api.get(`/v1/deliveries?eventId=${cancelled}`)).body.items
    const cancel = `mutation { cancelDelivery(id: "${deliveryId}") { errors { code } } }`
    await expect.poll(async () => (await ask(service, cancel)).cancelDelivery.errors, PATIENCE).toEqual([])
    const [, second] = await expectAll('service.delivery.dead', 'service.delivery.dead')
    expect(second?.data).toMatchObject({ deliveryId, lastError: 'cancelled by hand' })
    const left = await publish(service)
    const statusOf = async () =>
      (await service.api.get(`/v1/deliveries?eventId=${left}`)).body.items[0].status
    await expect.poll(statusOf, PATIENCE).toBe('FAILED')
    await ask(service, `mutation { deleteSubscription(id: "${id}") { errors { code } } }`)
    await eventIn('DEAD', service, left)
    await expectAll('service.delivery.dead', 'service.delivery.dead')
    expect(JSON.stringify(toldTo(operator))).not.toContain('secret')
  })
})

it('is shown by the program of the docs', async () => {
  await start('postgres', ONE_ATTEMPT)
  const program = spawn(process.execPath, ['docs/examples/watch-operations.mjs', service.url, TEST_KEY])
  let printed = ''
  for (const stream of [program.stdout, program.stderr])
    stream.on('data', (chunk) => {
      printed += chunk
    })
  try {
    await expect.poll(() => printed, PATIENCE).toBe('watching\n')
    const id = await subscribe(service, endpoint.url)
    await publish(service)
    await expect.poll(() => printed, PATIENCE).toMatch(/delivery [0-9a-f-]+ is dead: .*500/)
    await patch(id, { isEnabled: false })
    await expect.poll(() => printed, PATIENCE).toContain(`${id} is disabled: MANUAL\n`)
    const { body } = await service.api.post('/v1/deliveries/discard', { filter: { subscriptionId: id } })
    await expect
      .poll(() => printed, PATIENCE)
      .toContain(`DISCARD ${body.id} is finished: 1 of 1 deliveries\n`)
  } finally {
    program.kill()
  }
})

it('has a shape for each type', () => {
  expect(Object.keys(operationalData).toSorted()).toEqual([...operationalTypes])
  for (const shape of Object.values(operationalData)) expect(shape).toBeInstanceOf(z.ZodObject)
})
