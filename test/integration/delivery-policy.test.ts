/** What the owner of an endpoint decides about its deliveries: retries, deadline, requests at a time. */
import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { eventIn, publish } from '../support/delivering.js'
import { ask } from '../support/graphql.js'
import { type Receiver, startReceiver } from '../support/receiver.js'
import { layouts, type Settings, startOn, startTestService, type TestService } from '../support/service.js'

let resources: Resources
let receiver: Receiver
let service: TestService

beforeEach(async () => {
  resources = createResources()
  receiver = resources.use(await startReceiver())
})
afterEach(() => resources[Symbol.asyncDispose]())

const endpoint = () => ({ endpointUrl: receiver.url, eventTypes: ['user.created'] })

/** @returns the id of a subscription with these fields */
async function start(
  fields: object,
  layout: Parameters<typeof startTestService>[0] = 'postgres',
  settings?: Settings,
) {
  service = resources.use(await startTestService(layout, settings))
  const { status, body } = await service.api.post('/v1/subscriptions', { ...endpoint(), ...fields })
  expect([status, body]).toMatchObject([201, fields])
  return body.id as string
}

const answerLater = (ms: number) => (response: ServerResponse) =>
  void setTimeout(() => response.writeHead(200).end(), ms)

const deliveryOf = async (status: string, eventId: string) =>
  (await eventIn(status, service, eventId)).deliveries[0]

describe('a retryPolicy', () => {
  it.each(layouts)('with a schedule has these waits and no others, queue on %s', async (layout) => {
    await start({ retryPolicy: { scheduleSeconds: [0.2, 0.4] } }, layout)
    receiver.answerWith(500)
    const eventId = await publish(service)
    const { attempts, logs } = await deliveryOf('DEAD', eventId)
    expect([attempts, receiver.requests.length]).toEqual([3, 3])
    const [first, second, third] = logs.map((log: { createdAt: string }) => Date.parse(log.createdAt))
    expect(second - first).toBeGreaterThanOrEqual(200)
    expect(third - second).toBeGreaterThanOrEqual(400)

    // A manual retry has the whole schedule again.
    await service.api.post(`/v1/deliveries/events/${eventId}/retry`)
    await expect.poll(() => receiver.requests.length, { timeout: 10_000 }).toBe(6)
    expect((await deliveryOf('DEAD', eventId)).attempts).toBe(6)
  })

  it('without waits makes one attempt', async () => {
    await start({ retryPolicy: { scheduleSeconds: [] } })
    receiver.answerWith(500)
    expect(await deliveryOf('DEAD', await publish(service))).toMatchObject({ attempts: 1, nextRunAt: null })
  })

  it('of some fields leaves the others to the settings', async () => {
    await start({ retryPolicy: { maxAttempts: 2 } })
    receiver.answerWith(500)
    expect((await deliveryOf('DEAD', await publish(service))).attempts).toBe(2)
  })

  it.each(layouts)('applies from the next attempt after a change, queue on %s', async (layout) => {
    const id = await start({ retryPolicy: { scheduleSeconds: [0.5, 1000] } }, layout)
    receiver.answerWith(500)
    const eventId = await publish(service)
    await deliveryOf('PROCESSING', eventId)
    await expect.poll(() => receiver.requests.length, { timeout: 10_000 }).toBe(1)
    await service.api.patch(`/v1/subscriptions/${id}`, { retryPolicy: { scheduleSeconds: [0.5, 0.1] } })
    expect((await deliveryOf('DEAD', eventId)).attempts).toBe(3)
  })

  it('is cleared by null, and stays where a change leaves it out', async () => {
    const policy = { maxAttempts: 1, backoffBaseSeconds: 0.5, backoffMaxSeconds: 7 }
    const id = await start({ retryPolicy: policy, timeoutMs: 900, maxInFlight: 3 })
    const change = async (changes: object) =>
      (await service.api.patch(`/v1/subscriptions/${id}`, changes)).body
    expect(await change({ description: 'other' })).toMatchObject({ retryPolicy: policy, timeoutMs: 900 })
    const cleared = { retryPolicy: null, timeoutMs: null, maxInFlight: null }
    expect(await change(cleared)).toMatchObject(cleared)
    receiver.answerWith(500, 200)
    expect((await deliveryOf('DELIVERED', await publish(service))).attempts).toBe(2)
  })
})

describe('a timeoutMs', () => {
  it.each(layouts)('ends an exchange before the setting would, queue on %s', async (layout) => {
    await start({ timeoutMs: 150, retryPolicy: { maxAttempts: 1 } }, layout)
    receiver.answerWith(() => {})
    const { lastError } = await deliveryOf('DEAD', await publish(service))
    expect(lastError).toBe('no whole answer within 150 ms')
  })

  it.each(layouts)('gives an exchange longer than the setting, queue on %s', async (layout) => {
    await start({ timeoutMs: 20_000 }, layout, { DELIVERY_TIMEOUT_MS: '200' })
    receiver.answerWith(answerLater(700))
    expect((await deliveryOf('DELIVERED', await publish(service))).attempts).toBe(1)
  })

  it('longer than a lease keeps the delivery with its worker', { timeout: 60_000 }, async () => {
    await start({ timeoutMs: 60_000 }, 'redis')
    resources.use(await startOn(service.database, service.redis, { ROLE: 'worker' }))
    receiver.answerWith(answerLater(25_000))
    const eventId = await publish(service)
    await expect.poll(() => receiver.requests.length).toBe(1)
    await expect
      .poll(async () => (await service.api.get(`/v1/events/${eventId}`)).body.status, { timeout: 40_000 })
      .toBe('DELIVERED')
    expect(receiver.requests).toHaveLength(1)
  })
})

describe('a maxInFlight', () => {
  /** Answers after a while, and keeps the most requests that were there at a time. */
  function countInFlight(ms: number) {
    const counted = { now: 0, most: 0 }
    receiver.answerWith((response) => {
      counted.now += 1
      counted.most = Math.max(counted.most, counted.now)
      response.on('close', () => (counted.now -= 1))
      answerLater(ms)(response)
    })
    return counted
  }

  it.each([...layouts, 'several workers' as const])(
    'bounds the requests at a time, queue on %s',
    { timeout: 60_000 },
    async (way) => {
      const layout = way === 'several workers' ? 'redis' : way
      await start({ maxInFlight: 2 }, layout, { OUTBOX_DISPATCH_INTERVAL_MS: '2000' })
      if (way === 'several workers')
        for (let more = 0; more < 2; more += 1)
          resources.use(await startOn(service.database, service.redis, { ROLE: 'worker' }))
      const counted = countInFlight(50)
      await Promise.all(Array.from({ length: 60 }, () => publish(service)))
      await expect.poll(() => receiver.requests.length, { timeout: 40_000 }).toBe(60)
      expect(counted.most).toBe(2)
      const [first, last] = [receiver.requests[0], receiver.requests.at(-1)]
      // Without a wake-up each pair would wait for the interval: 60 s.
      expect((last?.receivedAt ?? 0) - (first?.receivedAt ?? 0)).toBeLessThan(20_000)
    },
  )

  it('together with a rate limit holds both', { timeout: 30_000 }, async () => {
    await start({ maxInFlight: 1, maxRequestsPerSecond: 20 })
    const counted = countInFlight(10)
    await Promise.all(Array.from({ length: 30 }, () => publish(service)))
    await expect.poll(() => receiver.requests.length, { timeout: 20_000 }).toBe(30)
    expect(counted.most).toBe(1)
  })

  it('is over once it is cleared', { timeout: 30_000 }, async () => {
    const id = await start({ maxInFlight: 1 })
    const held: ServerResponse[] = []
    receiver.answerWith((response) => void held.push(response))
    await Promise.all(Array.from({ length: 4 }, () => publish(service)))
    await expect.poll(() => held.length, { timeout: 10_000 }).toBe(1)
    await service.api.patch(`/v1/subscriptions/${id}`, { maxInFlight: null })
    await expect.poll(() => held.length, { timeout: 10_000 }).toBe(4)
    for (const response of held) response.writeHead(200).end()
  })
})

describe('over GraphQL', () => {
  const policy =
    'timeoutMs maxInFlight retryPolicy { maxAttempts backoffBaseSeconds backoffMaxSeconds scheduleSeconds }'

  it('is set, changed, cleared and shown', async () => {
    service = resources.use(await startTestService('postgres'))
    const { createSubscription } = await ask(
      service,
      `mutation ($input: CreateSubscriptionInput!) {
         createSubscription(input: $input) { subscription { id ${policy} } errors { message } }
       }`,
      { input: { ...endpoint(), timeoutMs: 5000, retryPolicy: { maxAttempts: 3, scheduleSeconds: null } } },
    )
    const { id, ...shown } = createSubscription.subscription
    const backoff = { backoffBaseSeconds: null, backoffMaxSeconds: null, scheduleSeconds: null }
    expect(shown).toEqual({ timeoutMs: 5000, maxInFlight: null, retryPolicy: { maxAttempts: 3, ...backoff } })
    const update = async (input: object) =>
      (
        await ask(
          service,
          `mutation ($id: ID!, $input: UpdateSubscriptionInput!) {
             updateSubscription(id: $id, input: $input) {
               subscription { ${policy} } errors { ... on InvalidInputError { problems { path message } } }
             }
           }`,
          { id, input },
        )
      ).updateSubscription
    expect(
      await update({ timeoutMs: null, maxInFlight: 4, retryPolicy: { scheduleSeconds: [1, 2.5] } }),
    ).toEqual({
      subscription: {
        ...{ timeoutMs: null, maxInFlight: 4 },
        retryPolicy: { maxAttempts: null, ...backoff, scheduleSeconds: [1, 2.5] },
      },
      errors: [],
    })
    expect((await update({ retryPolicy: { maxAttempts: 0 } })).errors).toEqual([
      { problems: [{ path: 'retryPolicy.maxAttempts', message: 'must be at least 1' }] },
    ])
    expect((await update({ retryPolicy: null })).subscription.retryPolicy).toBeNull()
  })
})

const refused: [fields: object, path: string, message: string][] = [
  [{ timeoutMs: 0 }, 'timeoutMs', 'must be at least 1'],
  [{ timeoutMs: 120_001 }, 'timeoutMs', 'must be at most 120000'],
  [{ timeoutMs: 1.5 }, 'timeoutMs', 'must be an int'],
  [{ maxInFlight: 0 }, 'maxInFlight', 'must be at least 1'],
  [{ maxInFlight: 501 }, 'maxInFlight', 'must be at most 500'],
  [{ retryPolicy: {} }, 'retryPolicy', 'must name at least one field; null stands for the settings'],
  [
    { retryPolicy: { maxAttempts: 2, scheduleSeconds: [1] } },
    'retryPolicy',
    'must be a backoff or scheduleSeconds, not both: the waits are the schedule',
  ],
  [{ retryPolicy: { maxAttempts: 101 } }, 'retryPolicy.maxAttempts', 'must be at most 100'],
  [{ retryPolicy: { backoffBaseSeconds: -1 } }, 'retryPolicy.backoffBaseSeconds', 'must be at least 0'],
  [
    { retryPolicy: { scheduleSeconds: [604_801] } },
    'retryPolicy.scheduleSeconds.0',
    'must be at most 604800, seven days',
  ],
  [
    { retryPolicy: { scheduleSeconds: Array.from({ length: 100 }, () => 1) } },
    'retryPolicy.scheduleSeconds',
    'must have at most 99 waits',
  ],
  [{ retryPolicy: { other: 1, maxAttempts: 1 } }, 'retryPolicy.other', 'is not a known field'],
]

it('is refused out of bounds', async () => {
  service = resources.use(await startTestService('postgres'))
  for (const [fields, path, message] of refused) {
    const { status, body } = await service.api.post('/v1/subscriptions', { ...endpoint(), ...fields })
    expect([status, body.errors]).toEqual([400, [{ path, message }]])
  }
})
