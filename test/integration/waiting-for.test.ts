/** Why a subscription is disabled, and what its open deliveries wait for, over REST and GraphQL. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { eventIn, publish, subscribe } from '../support/delivering.js'
import { ask } from '../support/graphql.js'
import { startReceiver } from '../support/receiver.js'
import { startTestService, type TestService } from '../support/service.js'

let resources: Resources
let service: TestService

beforeEach(async () => {
  resources = createResources()
  service = resources.use(await startTestService('postgres', { DELIVERY_BACKOFF_BASE_SECONDS: '3600' }))
})
afterEach(() => resources[Symbol.asyncDispose]())

const patch = (id: string, body: object) => service.api.patch(`/v1/subscriptions/${id}`, body)
const isoTime = expect.stringMatching(/^\d{4}-\d\d-\d\dT/)
const MANUAL = { isEnabled: false, disabledReason: 'MANUAL', disabledAt: isoTime }
const ENABLED = { isEnabled: true, disabledReason: null, disabledAt: null }

/** Of the deliveries of a subscription, the oldest first, by each way to ask. */
async function waitingFor(subscriptionId: string): Promise<(string | null)[]> {
  const { items } = (await service.api.get(`/v1/deliveries?subscriptionId=${subscriptionId}`)).body
  const query = `query ($id: ID!) { subscription(id: $id) {
    deliveries(first: 50) { edges { node { id waitingFor } } } } }`
  const { subscription } = await ask(service, query, { id: subscriptionId })
  const shown = ({ id, waitingFor }: { id: string; waitingFor: string | null }) => ({ id, waitingFor })
  expect(subscription.deliveries.edges.map(({ node }: { node: object }) => node)).toEqual(items.map(shown))
  return items.map((item: { waitingFor: string | null }) => item.waitingFor).toReversed()
}

describe('a disabled subscription', () => {
  it('says who disabled it, and since when, until it is enabled', async () => {
    const id = await subscribe(service, 'http://127.0.0.1:9/')
    expect((await service.api.get(`/v1/subscriptions/${id}`)).body).toMatchObject(ENABLED)
    const { body } = await patch(id, { isEnabled: false })
    expect(body).toMatchObject(MANUAL)
    expect((await patch(id, { isEnabled: false })).body.disabledAt).toBe(body.disabledAt)
    const query = `query ($id: ID!) { subscription(id: $id) { isEnabled disabledReason disabledAt } }`
    const { isEnabled, disabledReason, disabledAt } = body
    expect(await ask(service, query, { id })).toEqual({
      subscription: { isEnabled, disabledReason, disabledAt },
    })
    expect((await patch(id, { isEnabled: true })).body).toMatchObject(ENABLED)
    expect(await ask(service, query, { id })).toEqual({ subscription: ENABLED })
  })

  it('says MANUAL when it was created so, and when a version before disabled it', async () => {
    const input = { endpointUrl: 'http://127.0.0.1:9/', eventTypes: ['a'], isEnabled: false }
    const { id, ...created } = (await service.api.post('/v1/subscriptions', input)).body
    expect(created).toMatchObject(MANUAL)
    await service.database.query('update subscriptions set "disabledReason" = null, "disabledAt" = null')
    expect((await service.api.get(`/v1/subscriptions/${id}`)).body).toMatchObject({
      ...MANUAL,
      disabledAt: null,
    })
  })

  it('says GONE after a 410', async () => {
    const receiver = resources.use(await startReceiver(410))
    const id = await subscribe(service, receiver.url)
    await eventIn('DEAD', service, await publish(service))
    const gone = { ...MANUAL, disabledReason: 'GONE' }
    expect((await service.api.get(`/v1/subscriptions/${id}`)).body).toMatchObject(gone)
  })
})

describe('an open delivery', () => {
  it('waits for its SCHEDULE after a failure, and is DISABLED with its subscription', async () => {
    const receiver = resources.use(await startReceiver(500, 200))
    const id = await subscribe(service, receiver.url)
    const eventId = await publish(service)
    await expect.poll(() => waitingFor(id)).toEqual(['SCHEDULE'])
    await patch(id, { isEnabled: false })
    expect(await waitingFor(id)).toEqual(['DISABLED'])
    const event = (await service.api.get(`/v1/events/${eventId}`)).body
    expect(event.deliveries).toMatchObject([{ waitingFor: 'DISABLED' }])
    await patch(id, { isEnabled: true })
    expect(await waitingFor(id)).toEqual(['SCHEDULE'])
    await service.api.post(`/v1/deliveries/${event.deliveries[0].id}/retry`)
    await eventIn('DELIVERED', service, eventId)
    expect(await waitingFor(id)).toEqual([null])
  })

  it('waits for RATE_LIMIT while the requests in flight are as many as may be', async () => {
    const answers: (() => void)[] = []
    const receiver = resources.use(
      await startReceiver((response) => void answers.push(() => response.writeHead(204).end())),
    )
    const id = await subscribe(service, receiver.url)
    await patch(id, { maxInFlight: 1 })
    for (let count = 0; count < 2; count++) await publish(service)
    await expect.poll(() => answers.length).toBe(1)
    await expect.poll(async () => (await waitingFor(id)).toSorted()).toEqual(['RATE_LIMIT', null])
    answers.pop()?.()
    await expect.poll(() => answers.length, { timeout: 5000 }).toBe(1)
    expect(await waitingFor(id)).toEqual([null, null])
    answers.pop()?.()
  })

  it('waits for RATE_LIMIT while the requests of this second are spent', async () => {
    const receiver = resources.use(await startReceiver())
    const id = await subscribe(service, receiver.url)
    await patch(id, { maxRequestsPerSecond: 1 })
    for (let count = 0; count < 4; count++) await publish(service)
    await expect.poll(() => receiver.requests.length, { timeout: 5000 }).toBeGreaterThan(0)
    expect(await waitingFor(id)).toContain('RATE_LIMIT')
  })
})
