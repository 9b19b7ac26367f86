/** Live operations of the client against the service itself. */
import { describe, expect, it } from 'vitest'
import { DeliveryUpdatedDocument } from '../../src/client/index.js'
import { findFreePort } from '../../src/platform/free-port.js'
import { createTestDatabase } from '../support/database.js'
import { clientOf, event, setUpClients, told, type } from '../support/graphql-client.js'
import { startReceiver } from '../support/receiver.js'
import { startOn } from '../support/service.js'

const { start, watch, use } = setUpClients()

describe('live', () => {
  it('brings every change of a delivery, in order', async () => {
    const client = await start()
    const receiver = use(await startReceiver(500, 500, 200))
    await client.createSubscription({ endpointUrl: receiver.url, eventTypes: [type] })
    const { deliveries } = await watch(client)
    await client.publishEvent(event)
    await expect.poll(() => told(deliveries)).toEqual(['PENDING 0', 'FAILED 1', 'FAILED 2', 'SENT 3'])
    expect(deliveries.at(-1)).toMatchObject({ event: { type }, subscription: { endpointUrl: receiver.url } })
  })

  it('brings what a filter lets through, by subscription, event and status', async () => {
    const client = await start()
    const receiver = use(await startReceiver())
    const hooks = [`${receiver.url}/one`, `${receiver.url}/other`] as const
    const one = await client.createSubscription({ endpointUrl: hooks[0], eventTypes: [type] })
    await client.createSubscription({ endpointUrl: hooks[1], eventTypes: [type] })
    const { deliveries } = await watch(client, { subscriptionId: one.subscription.id, status: ['SENT'] })
    const first = await client.publishEvent(event)
    await expect.poll(() => deliveries.length).toBe(1)
    const second = await client.publishEvent(event)
    await expect.poll(() => deliveries.length).toBe(2)
    expect(told(deliveries)).toEqual(['SENT 1', 'SENT 1'])
    expect(deliveries.map(({ eventId }) => eventId)).toEqual([first.event.id, second.event.id])
    expect(new Set(deliveries.map(({ subscription }) => subscription.endpointUrl))).toEqual(
      new Set([hooks[0]]),
    )
  })

  it('begins with what has changed since a time, over pages, each delivery once', async () => {
    const client = await start()
    const receiver = use(await startReceiver())
    await client.createSubscription({ endpointUrl: receiver.url, eventTypes: [type] })
    const since = new Date(Date.now() - 60_000)
    for (const _ of [1, 2, 3]) await client.publishEvents(Array.from({ length: 100 }, () => event))
    await expect.poll(async () => (await client.stats()).deliveriesSent, { timeout: 20_000 }).toBe(300)
    const { deliveries } = await watch(client, { since })
    await expect.poll(() => deliveries.length).toBe(300)
    await client.publishEvent(event)
    await expect.poll(() => deliveries.length).toBe(302)
    expect(new Set(deliveries.map(({ id }) => id)).size).toBe(301)
  })

  it('follows any live operation, and ends quietly when it is told to', async () => {
    const client = await start()
    const receiver = use(await startReceiver())
    await client.createSubscription({ endpointUrl: receiver.url, eventTypes: [type] })
    const stop = new AbortController()
    const statuses: string[] = []
    const options = { signal: stop.signal, onConnect: () => void client.publishEvent(event) }
    const live = client.subscribe(DeliveryUpdatedDocument, { status: ['SENT'] }, options)
    for await (const { deliveryUpdated } of live) {
      statuses.push(deliveryUpdated.status)
      stop.abort()
    }
    expect(statuses).toEqual(['SENT'])
  })

  it('goes on after a restart of the service, with what has changed meanwhile', async () => {
    const database = use(await createTestDatabase())
    const settings = { PORT: String(await findFreePort()) }
    const before = await startOn(database, undefined, settings)
    const client = clientOf(before)
    const receiver = use(await startReceiver())
    await client.createSubscription({ endpointUrl: receiver.url, eventTypes: [type] })
    const { deliveries, log } = await watch(client)
    await client.publishEvent(event)
    await expect.poll(() => told(deliveries)).toEqual(['PENDING 0', 'SENT 1'])
    await before[Symbol.asyncDispose]()
    await expect.poll(() => log).toContain('UNREACHABLE')

    // Another process delivers while nobody can be asked on the port that the client knows.
    const elsewhere = await startOn(database, undefined)
    const missed = await clientOf(elsewhere).publishEvent(event)
    await expect
      .poll(async () => (await clientOf(elsewhere).event(missed.event.id))?.status)
      .toBe('DELIVERED')
    await elsewhere[Symbol.asyncDispose]()
    expect(deliveries).toHaveLength(2)

    use(await startOn(database, undefined, settings))
    await expect.poll(() => deliveries.length, { timeout: 10_000 }).toBe(3)
    expect(deliveries[2]).toMatchObject({ eventId: missed.event.id, status: 'SENT' })
    await client.publishEvent(event)
    await expect.poll(() => told(deliveries).slice(3)).toEqual(['PENDING 0', 'SENT 1'])
    expect(log.filter((entry) => entry === 'reconnected')).toHaveLength(1)
  })
})
