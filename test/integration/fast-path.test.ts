import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MAX_FAST_PATH_FAN_OUT } from '../../src/events/candidate-matches.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { startReceiver } from '../support/receiver.js'
import { queueModes, startTestService, type TestService } from '../support/service.js'

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

async function subscribe({ api }: TestService, endpointUrl: string, more: object = {}) {
  const { status, body } = await api.post('/v1/subscriptions', {
    endpointUrl,
    eventTypes: ['user.created'],
    ...more,
  })
  expect(status).toBe(201)
  return body as { id: string; secret: string }
}

async function publish({ api }: TestService): Promise<string> {
  const { status, body } = await api.post('/v1/events', { type: 'user.created', data: {} })
  expect(status).toBe(202)
  return body.eventId
}

/** Fails every dispatch: what arrives all the same was dispatched with its commit. */
async function breakTheOutbox({ database }: TestService): Promise<void> {
  await database.query('alter table outbox add constraint broken check (false) not valid')
}

describe.each(queueModes)('deliveries straight from the commit, queue on %s', (mode) => {
  it('need no outbox', async () => {
    const service = resources.use(await startTestService(mode))
    const receiver = resources.use(await startReceiver())
    await subscribe(service, receiver.url)
    await breakTheOutbox(service)
    await publish(service)
    await expect.poll(() => receiver.requests.length, { timeout: 10_000 }).toBe(1)
  })

  it('are for no more subscriptions than a producer can wait for: the others get theirs through the outbox', async () => {
    const service = resources.use(await startTestService(mode))
    const receiver = resources.use(await startReceiver())
    const endpoints = MAX_FAST_PATH_FAN_OUT + 1
    for (let n = 0; n < endpoints; n += 1) await subscribe(service, `${receiver.url}/${n}`)
    const eventId = await publish(service)
    const path = `/v1/events/${eventId}/summary`
    await expect
      .poll(async () => (await service.api.get(path)).body, { timeout: 10_000 })
      .toMatchObject({ status: 'DELIVERED', deliveries: { SENT: endpoints } })
    expect(receiver.requests).toHaveLength(endpoints)

    await breakTheOutbox(service)
    const { status } = await service.api.post('/v1/events', { type: 'user.created', data: {} })
    expect(status).toBe(500)
  })

  it('go where the subscription points at that moment, signed with its secret of that moment', async () => {
    const service = resources.use(await startTestService(mode))
    const [before, after] = [resources.use(await startReceiver()), resources.use(await startReceiver())]
    const { id } = await subscribe(service, before.url)
    await publish(service)
    await expect.poll(() => before.requests.length, { timeout: 10_000 }).toBe(1)

    const secret = 'whsec_c29tZSBvdGhlciBzZWNyZXQgb2YgdGhpcnR5IGJ5dGVz'
    const { status } = await service.api.patch(`/v1/subscriptions/${id}`, { endpointUrl: after.url, secret })
    expect(status).toBe(200)
    await publish(service)
    await expect.poll(() => after.requests.length, { timeout: 10_000 }).toBe(1)
    expect(before.requests).toHaveLength(1)
    const { body, headers } = after.requests[0] as (typeof after.requests)[number]
    expect(() => new Webhook(secret).verify(body, headers as Record<string, string>)).not.toThrow()
  })

  it('leave what is over the limit of a subscription to the scheduler', async () => {
    const service = resources.use(await startTestService(mode))
    const receiver = resources.use(await startReceiver())
    await subscribe(service, receiver.url, { maxRequestsPerSecond: 1 })
    await Promise.all([publish(service), publish(service)])
    const [first, second] = await service.database.query<{ queuedUntil: Date | null }>(
      'select "queuedUntil" from deliveries where status = \'PENDING\' order by id',
    )
    expect([first, second].some((row) => row?.queuedUntil === null)).toBe(true)
    await expect.poll(() => receiver.requests.length, { timeout: 10_000 }).toBe(2)
  })
})
