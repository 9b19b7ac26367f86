/** `deliveryFeed`: a consumer watches a feed, and has never more deliveries than it may have unanswered. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { TEST_KEY } from '../support/client.js'
import { openEventStream } from '../support/event-stream.js'
import { ask, post, type Watcher, watches, watchOverSse } from '../support/graphql.js'
import { PATIENCE, publishNumber } from '../support/ordering.js'
import { expectSigned, type Pulled, subscribeToPull } from '../support/pull.js'
import { layouts, startTestService, type TestService } from '../support/service.js'

const FEED = `subscription ($subscriptionId: ID!, $maxInFlight: Int) {
  deliveryFeed(subscriptionId: $subscriptionId, maxInFlight: $maxInFlight) {
    deliveryId eventId attempt leaseEndsAt webhook { headers body }
  } }`

let resources: Resources
let service: TestService
beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

const taken = ({ results }: Watcher): Pulled[] => results.map(({ data }) => data.deliveryFeed)
const count = (watcher: Watcher) => expect.poll(() => taken(watcher).length, PATIENCE)
const last = (watcher: Watcher) => taken(watcher).at(-1) as Pulled

async function answer(mutation: string, { deliveryId, attempt }: Pulled) {
  const query = `mutation ($id: ID!, $attempt: Int!) {
    ${mutation}(id: $id, attempt: $attempt) { delivery { status } errors { code } } }`
  const { [mutation]: payload } = await ask(service, query, { id: deliveryId, attempt })
  expect(payload.errors).toEqual([])
  return payload.delivery.status
}

describe.each(layouts)('queue on %s', (layout) => {
  it.each(watches)('gives one delivery after the other, %s', async (_, watch) => {
    service = resources.use(await startTestService(layout, { DELIVERY_BACKOFF_BASE_SECONDS: '0.05' }))
    const subscriptionId = await subscribeToPull(service.api)
    const watcher = resources.use(watch(service, FEED, { subscriptionId }))
    for (const n of [1, 2, 3]) await publishNumber(service, undefined, n)
    await count(watcher).toBe(1)
    expectSigned(last(watcher))
    expect(await answer('rejectDelivery', last(watcher))).toBe('FAILED')
    for (const number of [2, 3, 4]) {
      await count(watcher).toBe(number)
      expect(await answer('acknowledgeDelivery', last(watcher))).toBe('SENT')
    }
    const numbers = taken(watcher).map(({ attempt, eventId }) => `${eventId} ${attempt}`)
    expect(new Set(numbers).size).toBe(4)
    expect((await service.api.get('/v1/stats')).body.deliveriesSent).toBe(3)
  })
})

it('has at most `maxInFlight` at a time, each watcher others', async () => {
  service = resources.use(await startTestService('postgres'))
  const subscriptionId = await subscribeToPull(service.api)
  for (let n = 0; n < 7; n++) await publishNumber(service, undefined, n)
  const variables = { subscriptionId, maxInFlight: 3 }
  const [first, second] = [0, 1].map(() => resources.use(watchOverSse(service, FEED, variables)))
  if (first === undefined || second === undefined) throw new Error('no watchers')
  await count(first).toBe(3)
  await count(second).toBe(3)
  const ids = [...taken(first), ...taken(second)].map(({ deliveryId }) => deliveryId)
  expect(new Set(ids).size).toBe(6)
  await answer('acknowledgeDelivery', taken(second)[1] as Pulled)
  await count(second).toBe(4)
  expect(taken(first)).toHaveLength(3)
})

it('has room again when a lease has ended', async () => {
  service = resources.use(await startTestService('postgres', { DELIVERY_BACKOFF_BASE_SECONDS: '0.05' }))
  const subscriptionId = await subscribeToPull(service.api, { timeoutMs: 300 })
  await publishNumber(service, undefined, 1)
  const watcher = resources.use(watchOverSse(service, FEED, { subscriptionId }))
  await count(watcher).toBeGreaterThan(1)
  expect(taken(watcher).map(({ attempt }) => attempt)).toEqual(taken(watcher).map((_, at) => at + 1))
})

it('takes nothing more for a watcher that has left', async () => {
  service = resources.use(await startTestService('postgres'))
  const subscriptionId = await subscribeToPull(service.api)
  await publishNumber(service, undefined, 1)
  const watcher = watchOverSse(service, FEED, { subscriptionId, maxInFlight: 100 })
  await count(watcher).toBe(1)
  await watcher[Symbol.asyncDispose]()
  await publishNumber(service, undefined, 2)
  const { body } = await service.api.get(`/v1/subscriptions/${subscriptionId}/feed?wait=20`)
  expect(body.items).toHaveLength(1)
})

it('needs the scope `consume`, a bound, and a subscription of kind PULL', async () => {
  const API_KEYS = [TEST_KEY, 'reader=read+manage=read-key', 'zeta=read+consume@zeta=zeta-key'].join()
  service = resources.use(await startTestService('postgres', { API_KEYS }))
  const subscriptionId = await subscribeToPull(service.api)
  const ends = async (variables: object, key?: string) => {
    const { body } = await post(service, FEED, variables, key)
    return body.errors?.[0]?.extensions?.code
  }
  expect(await ends({ subscriptionId }, 'read-key')).toBe('FORBIDDEN')
  // As if it were not there.
  const foreign = resources.use(
    await openEventStream(service, { query: FEED, variables: { subscriptionId } }, undefined, 'zeta-key'),
  )
  await expect.poll(() => JSON.stringify(foreign.results), PATIENCE).toContain('NOT_FOUND')
  const webhook = { endpointUrl: 'http://127.0.0.1:9/', eventTypes: ['a'] }
  const other = (await service.api.post('/v1/subscriptions', webhook)).body.id
  for (const [code, variables] of [
    ['BAD_USER_INPUT', { subscriptionId, maxInFlight: 0 }],
    ['BAD_USER_INPUT', { subscriptionId, maxInFlight: 101 }],
    ['NOT_FOUND', { subscriptionId: '0192f0c1-2345-7abc-8def-0123456789ab' }],
    ['CONFLICT', { subscriptionId: other }],
  ] as const) {
    const watcher = resources.use(watchOverSse(service, FEED, variables))
    await expect.poll(() => watcher.results[0]?.errors?.[0]?.extensions?.code, PATIENCE).toBe(code)
  }
})
