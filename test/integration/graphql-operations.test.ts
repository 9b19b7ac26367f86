/** Every query and mutation of the schema, against the whole service. */
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createResources } from '../../src/platform/resources.js'
import { ask, post } from '../support/graphql.js'
import { type Receiver, startReceiver } from '../support/receiver.js'
import { startTestService, type TestService } from '../support/service.js'

const resources = createResources()
let service: TestService
let good: Receiver
let bad: Receiver

beforeAll(async () => {
  service = resources.use(await startTestService('postgres', { DELIVERY_BACKOFF_BASE_SECONDS: '3600' }))
  good = resources.use(await startReceiver(200))
  bad = resources.use(await startReceiver(500))
})
afterAll(() => resources[Symbol.asyncDispose]())

const unknownId = '01a20732-f2b4-788b-860a-f2d16f1150ba'
const errors = 'errors { __typename code message ... on InvalidInputError { problems { path message } } }'

async function mutate(
  field: string,
  argumentsAndTypes: Record<string, [string, unknown]>,
  selection: string,
) {
  const entries = Object.entries(argumentsAndTypes)
  const declared = entries.map(([name, [type]]) => `$${name}: ${type}`).join(', ')
  const passed = entries.map(([name]) => `${name}: $${name}`).join(', ')
  const variables = Object.fromEntries(entries.map(([name, [, value]]) => [name, value]))
  const query = `mutation (${declared}) { ${field}(${passed}) { ${selection} ${errors} } }`
  return (await ask(service, query, variables))[field]
}
const byId = (field: string, id: string, selection: string) => mutate(field, { id: ['ID!', id] }, selection)
const publish = (input: object) =>
  mutate(
    'publishEvent',
    { input: ['PublishEventInput!', { data: { a: 1 }, ...input }] },
    'deduplicated event { id type payload { data metadata } }',
  )
const subscribe = (input: object) =>
  mutate(
    'createSubscription',
    { input: ['CreateSubscriptionInput!', input] },
    'secret subscription { id endpointUrl eventTypes isEnabled description }',
  )

/** A type that nobody else in this file uses. */
const newType = () => `type.${randomUUID()}`
const inStatus = (eventId: string, status: string) =>
  expect
    .poll(
      async () =>
        (await ask(service, 'query ($id: ID!) { event(id: $id) { status } }', { id: eventId })).event.status,
    )
    .toBe(status)

/** A subscription whose endpoint refuses, and an event whose delivery to it waits for its second attempt. */
async function waiting() {
  const type = newType()
  const { subscription } = await subscribe({ endpointUrl: `${bad.url}/${type}`, eventTypes: [type] })
  const { event } = await publish({ type })
  const query = 'query ($id: ID!) { deliveries(filter: { eventId: $id }) { edges { node { id status } } } }'
  const deliveries = async () => (await ask(service, query, { id: event.id })).deliveries.edges
  await expect.poll(deliveries).toMatchObject([{ node: { status: 'FAILED' } }])
  const [{ node: delivery }] = await deliveries()
  return { type, subscriptionId: subscription.id, eventId: event.id, deliveryId: delivery.id }
}

describe('publishing', () => {
  it('commits an event, once for each key and content', async () => {
    const input = {
      type: newType(),
      data: { b: 1, a: [2, null] },
      metadata: { from: 'test' },
      idempotencyKey: 'key-1',
    }
    const first = await publish(input)
    expect(first).toMatchObject({
      deduplicated: false,
      errors: [],
      event: { payload: { data: input.data, metadata: input.metadata } },
    })
    expect(await publish(input)).toMatchObject({ deduplicated: true, event: { id: first.event.id } })
    expect(await publish({ ...input, data: {} })).toMatchObject({
      event: null,
      deduplicated: false,
      errors: [{ __typename: 'IdempotencyMismatchError', code: 'IDEMPOTENCY_MISMATCH' }],
    })
  })

  it('publishes many, each by itself, and no more than 100', async () => {
    const query = `mutation ($inputs: [PublishEventInput!]!) { publishEvents(inputs: $inputs) { event { type } ${errors} } }`
    const inputs = Array.from({ length: 100 }, (_, index) => ({
      type: index === 7 ? 'not one' : 'many',
      data: {},
    }))
    const { publishEvents } = await ask(service, query, { inputs })
    expect(publishEvents).toHaveLength(100)
    expect(publishEvents[0]).toEqual({ event: { type: 'many' }, errors: [] })
    expect(publishEvents[7]).toMatchObject({
      event: null,
      errors: [{ code: 'BAD_USER_INPUT', problems: [{ path: 'type' }] }],
    })
    const { body } = await post(service, query, { inputs: [...inputs, ...inputs] })
    expect(body.errors?.[0]).toMatchObject({
      message: expect.stringContaining('at most 100'),
      extensions: { code: 'BAD_USER_INPUT' },
    })
  })
})

describe('a subscription', () => {
  it('is created with a secret that is shown once, and not twice over', async () => {
    const input = { endpointUrl: `${good.url}/once`, eventTypes: ['once', 'twice'], description: 'a test' }
    const { secret, subscription } = await subscribe(input)
    expect([secret, subscription]).toEqual([
      expect.stringMatching(/^whsec_/),
      { ...input, id: subscription.id, isEnabled: true },
    ])
    expect(await subscribe(input)).toMatchObject({
      subscription: null,
      secret: null,
      errors: [{ __typename: 'ConflictError', code: 'CONFLICT' }],
    })
    expect(await subscribe({ endpointUrl: 'ftp://x', eventTypes: [] })).toMatchObject({
      subscription: null,
      errors: [
        { __typename: 'InvalidInputError', problems: [{ path: 'endpointUrl' }, { path: 'eventTypes' }] },
      ],
    })
  })

  it('is changed, disabled and enabled; what is absent stays', async () => {
    const { subscription } = await subscribe({ endpointUrl: `${good.url}/change`, eventTypes: ['change'] })
    const selection = 'subscription { isEnabled eventTypes description }'
    const update = (input: object) =>
      mutate(
        'updateSubscription',
        { id: ['ID!', subscription.id], input: ['UpdateSubscriptionInput!', input] },
        selection,
      )
    expect((await update({ description: 'now' })).subscription).toEqual({
      isEnabled: true,
      eventTypes: ['change'],
      description: 'now',
    })
    expect((await update({ description: null, eventTypes: ['*'] })).subscription).toMatchObject({
      eventTypes: ['*'],
      description: null,
    })
    expect((await update({ endpointUrl: 'nonsense' })).errors).toMatchObject([{ code: 'BAD_USER_INPUT' }])
    expect((await byId('disableSubscription', subscription.id, selection)).subscription.isEnabled).toBe(false)
    expect((await byId('enableSubscription', subscription.id, selection)).subscription.isEnabled).toBe(true)
    await byId('deleteSubscription', subscription.id, 'deletedId')
  })

  it('that is deleted is out of sight; what waited is DEAD with a reason; its history stays; an equal one may come', async () => {
    const { subscriptionId, eventId, deliveryId, type } = await waiting()
    expect(await byId('deleteSubscription', subscriptionId, 'deletedId')).toEqual({
      deletedId: subscriptionId,
      errors: [],
    })
    expect(
      await ask(service, 'query ($id: ID!) { subscription(id: $id) { id } }', { id: subscriptionId }),
    ).toEqual({ subscription: null })
    await inStatus(eventId, 'DEAD')
    const { delivery } = await ask(
      service,
      'query ($id: ID!) { delivery(id: $id) { status lastError subscription { id deletedAt } logs { attempt } } }',
      { id: deliveryId },
    )
    expect(delivery).toEqual({
      status: 'DEAD',
      lastError: expect.stringMatching(/deleted/),
      subscription: { id: subscriptionId, deletedAt: expect.any(String) },
      logs: [{ attempt: 1 }],
    })
    const again = await subscribe({ endpointUrl: `${bad.url}/${type}`, eventTypes: [type] })
    expect([again.errors, again.subscription.id === subscriptionId]).toEqual([[], false])
  })

  it('that nobody knows is a NotFoundError to every mutation', async () => {
    const notFound = [{ __typename: 'NotFoundError', code: 'NOT_FOUND', message: expect.any(String) }]
    for (const id of [unknownId, 'nonsense']) {
      for (const field of ['enableSubscription', 'disableSubscription']) {
        expect(await byId(field, id, 'subscription { id }')).toEqual({ subscription: null, errors: notFound })
      }
      expect(await byId('deleteSubscription', id, 'deletedId')).toEqual({ deletedId: null, errors: notFound })
      for (const field of ['retryDelivery', 'cancelDelivery']) {
        expect(await byId(field, id, 'delivery { id }')).toEqual({ delivery: null, errors: notFound })
      }
      expect(await mutate('retryEvent', { eventId: ['ID!', id] }, 'retried')).toEqual({
        retried: 0,
        errors: notFound,
      })
    }
  })
})

describe('a delivery', () => {
  it('that waits can be cancelled, and then retried; one that is SENT can be neither', async () => {
    const { eventId, deliveryId } = await waiting()
    const selection = 'delivery { status lastError nextRunAt }'
    expect(await byId('cancelDelivery', deliveryId, selection)).toMatchObject({
      delivery: { status: 'DEAD', lastError: 'cancelled by hand', nextRunAt: null },
      errors: [],
    })
    await inStatus(eventId, 'DEAD')
    const conflict = [{ __typename: 'ConflictError', code: 'CONFLICT' }]
    expect(await byId('cancelDelivery', deliveryId, selection)).toMatchObject({
      delivery: null,
      errors: conflict,
    })

    bad.answerWith(200)
    expect((await byId('retryDelivery', deliveryId, selection)).errors).toEqual([])
    await inStatus(eventId, 'DELIVERED')
    for (const field of ['cancelDelivery', 'retryDelivery']) {
      expect(await byId(field, deliveryId, selection)).toMatchObject({ delivery: null, errors: conflict })
    }
    bad.answerWith(500)
  })

  it('is retried with all others of its event', async () => {
    const { eventId } = await waiting()
    bad.answerWith(200)
    expect(await mutate('retryEvent', { eventId: ['ID!', eventId] }, 'retried')).toEqual({
      retried: 1,
      errors: [],
    })
    await inStatus(eventId, 'DELIVERED')
    expect(await mutate('retryEvent', { eventId: ['ID!', eventId] }, 'retried')).toEqual({
      retried: 0,
      errors: [],
    })
    bad.answerWith(500)
  })
})
