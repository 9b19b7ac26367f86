/** A retry says which deliveries of an event are retried, which are not, and why. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { eventIn, publish, subscribe } from '../support/delivering.js'
import { ask } from '../support/graphql.js'
import { startReceiver } from '../support/receiver.js'
import { layouts, startTestService, type TestService } from '../support/service.js'

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

const deleteSubscription = (service: TestService, id: string) =>
  ask(service, 'mutation ($id: ID!) { deleteSubscription(id: $id) { errors { code } } }', { id })

const retryByRest = async ({ api }: TestService, eventId: string) => {
  const { status, body } = await api.post(`/v1/deliveries/events/${eventId}/retry`)
  expect(status).toBe(202)
  return body
}

const retryByGraphQL = async (service: TestService, eventId: string) => {
  const fields =
    'retried deliveries { deliveryId subscriptionId isRetried reason } isTruncated errors { code }'
  const mutation = `mutation ($id: ID!) { retryEvent(eventId: $id) { ${fields} } }`
  const { retryEvent } = await ask(service, mutation, { id: eventId })
  const { errors, ...result } = retryEvent
  expect(errors).toEqual([])
  return result
}

it.each(layouts)(
  'REST and GraphQL say what is retried, and why other deliveries are not, queue on %s',
  async (layout) => {
    const service = resources.use(
      await startTestService(layout, { DELIVERY_MAX_ATTEMPTS: '1', OUTBOX_DISPATCH_INTERVAL_MS: '200' }),
    )
    const endpoints = {
      sent: resources.use(await startReceiver(200)),
      retried: resources.use(await startReceiver(500)),
      disabled: resources.use(await startReceiver(500)),
      deleted: resources.use(await startReceiver(500)),
    }
    const ids: Record<string, string> = {}
    for (const [name, { url }] of Object.entries(endpoints)) ids[name] = await subscribe(service, url)
    const eventId = await publish(service)
    const { deliveries } = await eventIn('PARTIALLY_DELIVERED', service, eventId)
    const deliveryOf = (name: string) =>
      deliveries.find(({ subscriptionId }: { subscriptionId: string }) => subscriptionId === ids[name]).id
    const result = (name: string, isRetried: boolean, reason: string | null) => ({
      ...{ deliveryId: deliveryOf(name), subscriptionId: ids[name], isRetried, reason },
    })
    await service.api.patch(`/v1/subscriptions/${ids.disabled}`, { isEnabled: false })
    await deleteSubscription(service, ids.deleted as string)

    expect(await retryByRest(service, eventId)).toEqual({
      retried: 2,
      deliveries: [
        result('deleted', false, 'SUBSCRIPTION_DELETED'),
        result('disabled', true, 'SUBSCRIPTION_DISABLED'),
        result('retried', true, null),
        result('sent', false, 'ALREADY_SENT'),
      ],
      isTruncated: false,
    })
    await expect.poll(() => endpoints.retried.requests.length, { timeout: 10_000 }).toBe(2)
    const statusOf = async (name: string) => {
      const { body } = await service.api.get(`/v1/deliveries?eventId=${eventId}&subscriptionId=${ids[name]}`)
      return body.items[0].status
    }
    await expect.poll(() => statusOf('retried'), { timeout: 10_000 }).toBe('DEAD')

    expect(await retryByGraphQL(service, eventId)).toEqual({
      retried: 1,
      deliveries: [
        result('deleted', false, 'SUBSCRIPTION_DELETED'),
        result('retried', true, null),
        result('disabled', false, 'ALREADY_PENDING'),
        result('sent', false, 'ALREADY_SENT'),
      ],
      isTruncated: false,
    })

    await service.api.patch(`/v1/subscriptions/${ids.disabled}`, { isEnabled: true })
    await expect.poll(() => endpoints.disabled.requests.length, { timeout: 10_000 }).toBe(2)
    expect(endpoints.deleted.requests).toHaveLength(1)
    expect(endpoints.sent.requests).toHaveLength(1)
  },
)

it('a single delivery of a deleted subscription is refused with the reason', async () => {
  const service = resources.use(await startTestService('postgres', { DELIVERY_MAX_ATTEMPTS: '1' }))
  const receiver = resources.use(await startReceiver(500))
  const id = await subscribe(service, receiver.url)
  const { deliveries } = await eventIn('DEAD', service, await publish(service))
  await deleteSubscription(service, id)
  const { status, body } = await service.api.post(`/v1/deliveries/${deliveries[0].id}/retry`)
  expect([status, body.detail]).toEqual([
    409,
    'The subscription of the delivery is deleted, so it can not be sent again.',
  ])
})

it('the list is short however many deliveries there are, and begins with those to look at', async () => {
  const service = resources.use(await startTestService('postgres', { DELIVERY_MAX_ATTEMPTS: '1' }))
  const receiver = resources.use(await startReceiver(500))
  const id = await subscribe(service, receiver.url)
  const eventId = await publish(service)
  await eventIn('DEAD', service, eventId)
  const others = 300
  await service.database.query(
    `with made as (
       insert into subscriptions (id, "endpointUrl", "eventTypes", secret, fingerprint)
       select gen_random_uuid(), $1, '{other}', 'a secret', decode(lpad(to_hex(n), 4, '0'), 'hex')
       from generate_series(1, $2::int) as n returning id
     )
     insert into deliveries (id, "eventId", "subscriptionId", status) select uuid_v7(), $3, id, 'SENT' from made`,
    [receiver.url, others, eventId],
  )
  await service.database.query(
    'update events set "deliveryCount" = "deliveryCount" + $1, "sentCount" = $1 where id = $2',
    [others, eventId],
  )
  await deleteSubscription(service, id)
  const { retried, deliveries, isTruncated } = await retryByRest(service, eventId)
  expect([retried, deliveries.length, isTruncated]).toEqual([0, 200, true])
  expect(deliveries[0]).toMatchObject({ subscriptionId: id, reason: 'SUBSCRIPTION_DELETED' })
  expect(deliveries[1]).toMatchObject({ reason: 'ALREADY_SENT' })
})

it('an event without deliveries is retried with nothing, and an unknown one is not found', async () => {
  const service = resources.use(await startTestService('postgres'))
  const eventId = await publish(service)
  await eventIn('UNMATCHED', service, eventId)
  expect(await retryByRest(service, eventId)).toEqual({ retried: 0, deliveries: [], isTruncated: false })
  for (const id of ['019c1554-7a68-7c3e-9d0a-5b7f2e1c4d6f', 'nonsense'])
    expect((await service.api.post(`/v1/deliveries/events/${id}/retry`)).status).toBe(404)
})
