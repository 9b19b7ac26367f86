/** Operations of the client against the service itself. */
import { describe, expect, it } from 'vitest'
import { ClientError, type DeliveryFieldsFragment, PublishEventDocument } from '../../src/client/index.js'
import { findFreePort } from '../../src/platform/free-port.js'
import { clientOf, event, setUpClients, type } from '../support/graphql-client.js'
import { startReceiver } from '../support/receiver.js'
import { startTestService } from '../support/service.js'

const { start, use } = setUpClients()

describe('operations', () => {
  it('subscribes, publishes, reads and retries, typed from end to end', async () => {
    const client = await start({ DELIVERY_MAX_ATTEMPTS: '1' })
    const receiver = use(await startReceiver(500, 200))
    const { subscription, secret } = await client.createSubscription({
      endpointUrl: receiver.url,
      eventTypes: [type],
    })
    expect([subscription.isEnabled, secret]).toEqual([true, expect.stringMatching(/^whsec_/)])

    const published = await client.publishEvent({ ...event, idempotencyKey: 'once' })
    const again = await client.publishEvent({ ...event, idempotencyKey: 'once' })
    expect([published.deduplicated, again.deduplicated]).toEqual([false, true])
    expect(again.event.id).toBe(published.event.id)

    const { id } = published.event
    await expect.poll(async () => (await client.event(id))?.status).toBe('DEAD')
    expect(await client.event(id)).toMatchObject({ type, payload: { data: event.data, metadata: null } })
    const { items } = await client.deliveries({ filter: { eventId: id, status: ['DEAD'] } })
    const [dead] = items as [DeliveryFieldsFragment]
    expect(dead).toMatchObject({ attempts: 1, lastStatusCode: 500, event: { type } })
    expect(await client.retryDelivery(dead.id)).toMatchObject({ id: dead.id, status: 'PENDING' })
    await expect.poll(async () => (await client.delivery(dead.id))?.logs.length).toBe(2)
    expect(await client.stats()).toMatchObject({ eventsTotal: 1, deliveriesSent: 1, deliveriesDead: 0 })
  })

  it('publishes many, each by itself', async () => {
    const client = await start()
    const [good, bad] = await client.publishEvents([event, { ...event, type: 'not a type' }])
    expect(good).toMatchObject({ event: { type }, errors: [] })
    expect(bad).toMatchObject({ event: null, errors: [{ code: 'BAD_USER_INPUT' }] })
  })

  it('changes and deletes a subscription', async () => {
    const client = await start()
    const { subscription } = await client.createSubscription({
      endpointUrl: 'https://example.com/hook',
      eventTypes: [type],
    })
    const { id } = subscription
    expect(await client.updateSubscription(id, { isEnabled: false })).toMatchObject({ id, isEnabled: false })
    expect(await client.rotateSecret(id, 0)).toMatchObject({
      subscription: { id },
      secret: expect.stringMatching(/^whsec_/),
    })
    // An endpoint that is refused is an answer.
    expect(await client.sendTestEvent(id, { type, data: { n: 1 } })).toMatchObject({
      ...{ attempt: 1, status: 'DEAD', request: { body: expect.stringContaining('"data":{"n":1}') } },
    })
    await client.deleteSubscription(id)
    expect(await client.subscription(id)).toBeNull()
    expect((await client.subscriptions()).items).toEqual([])
  })

  it('schedules an event, and cancels it', async () => {
    const client = await start()
    const deliverAt = new Date(Date.now() + 3_600_000).toISOString()
    const { event: scheduled } = await client.publishEvent({ ...event, deliverAt })
    expect(scheduled).toMatchObject({ status: 'SCHEDULED', deliverAt, expiresAt: null })
    expect(await client.cancelEvent(scheduled.id)).toMatchObject({ id: scheduled.id, status: 'CANCELLED' })
  })

  it('throws what the service refuses, with its code and with what there is to mend', async () => {
    const client = await start()
    await client.publishEvent({ ...event, idempotencyKey: 'once' })
    const otherContent = client.publishEvent({ type, data: {}, idempotencyKey: 'once' })
    await expect(otherContent).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' })
    await expect(client.retryEvent('nothing')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(client.cancelEvent('nothing')).rejects.toMatchObject({ code: 'NOT_FOUND' })
    const refused = await client.publishEvent({ type: '', data: {} }).catch((error) => error)
    expect(refused).toBeInstanceOf(ClientError)
    expect(refused).toMatchObject({ code: 'BAD_USER_INPUT', errors: [{ problems: [{ path: 'type' }] }] })
    await expect(client.request('{ nonsense }')).rejects.toMatchObject({ code: 'BAD_USER_INPUT' })
  })

  it('gives a payload as it is to who asks for it by document', async () => {
    const client = await start()
    const { publishEvent } = await client.request(PublishEventDocument, { input: { ...event, type: '' } })
    expect(publishEvent).toMatchObject({ event: null, errors: [{ code: 'BAD_USER_INPUT' }] })
  })

  it('tells a wrong key, an unknown host and another program apart', async () => {
    const service = use(await startTestService('postgres'))
    const stranger = clientOf(service, 'wrong')
    await expect(stranger.stats()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    await expect(collectFirst(stranger.watchDeliveries())).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
    const nowhere = clientOf({ url: `http://127.0.0.1:${await findFreePort()}` })
    await expect(nowhere.stats()).rejects.toMatchObject({ code: 'UNREACHABLE' })
    await expect(collectFirst(nowhere.watchDeliveries())).rejects.toMatchObject({ code: 'UNREACHABLE' })
    const other = use(await startReceiver())
    await expect(clientOf(other).stats()).rejects.toMatchObject({ code: 'BAD_RESPONSE' })
  })
})

async function collectFirst<Item>(items: AsyncIterable<Item>): Promise<Item | undefined> {
  for await (const item of items) return item
  return undefined
}
