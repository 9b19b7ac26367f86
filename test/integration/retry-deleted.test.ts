/** A retry promises nothing for deliveries whose subscription is deleted. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { eventIn, publish, subscribe } from '../support/delivering.js'
import { ask } from '../support/graphql.js'
import { startReceiver } from '../support/receiver.js'
import { layouts, startTestService } from '../support/service.js'

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

it.each(layouts)('a retry leaves out what belongs to a deleted subscription, queue on %s', async (layout) => {
  const service = resources.use(await startTestService(layout, { DELIVERY_MAX_ATTEMPTS: '1' }))
  const kept = resources.use(await startReceiver(500, 200))
  const deleted = resources.use(await startReceiver(500))
  await subscribe(service, kept.url)
  const id = await subscribe(service, deleted.url)
  const eventId = await publish(service)
  const { deliveries } = await eventIn('DEAD', service, eventId)
  const mutation = 'mutation ($id: ID!) { deleteSubscription(id: $id) { errors { code } } }'
  await ask(service, mutation, { id })
  const ofDeleted = deliveries.find((delivery: { subscriptionId: string }) => delivery.subscriptionId === id)

  const one = await service.api.post(`/v1/deliveries/${ofDeleted.id}/retry`)
  expect(one.status).toBe(409)
  expect(JSON.stringify(one.body)).toContain('The subscription of the delivery is deleted')
  const all = await service.api.post(`/v1/deliveries/events/${eventId}/retry`)
  expect([all.status, all.body]).toEqual([202, { retried: 1 }])
  await eventIn('PARTIALLY_DELIVERED', service, eventId)
  expect(deleted.requests).toHaveLength(1)
})
