/** Dead letters as a place: in groups, to be retried or discarded in bulk. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createClient, TEST_KEY } from '../support/client.js'
import { subscribe } from '../support/delivering.js'
import { fillPast } from '../support/finished-deliveries.js'
import { ask } from '../support/graphql.js'
import { type Receiver, startReceiver } from '../support/receiver.js'
import { startTestService, type TestService } from '../support/service.js'

const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000)

let resources: Resources
let service: TestService
let receiver: Receiver

beforeEach(async () => {
  resources = createResources()
  receiver = resources.use(await startReceiver(200))
  const settings = { API_KEYS: [TEST_KEY, 'acme=manage+read+publish@acme=acme-key'].join() }
  service = resources.use(await startTestService('postgres', settings))
})
afterEach(() => resources[Symbol.asyncDispose]())

const groups = async (query = '', api = service.api) => (await api.get(`/v1/dead-letters${query}`)).body.items

describe('groups', () => {
  /** Two subscriptions: one of the operator's with two errors, and one of a tenant's. */
  async function fill() {
    const a = await subscribe(service, receiver.url, ['a'])
    const { body } = await service.api.post('/v1/subscriptions', {
      ...{ endpointUrl: receiver.url, eventTypes: ['b'], tenant: 'acme' },
    })
    const b = body.id as string
    const { database } = service
    const at = [ago(50), ago(40), ago(30), ago(20)] as const
    await fillPast(database, { subscriptionId: a, count: 2, at: at[1] })
    await fillPast(database, { subscriptionId: a, count: 3, at: at[0] })
    const [refused] = await fillPast(database, {
      ...{ subscriptionId: a, error: 'refused', code: null, at: at[2] },
    })
    const [last] = await fillPast(database, { subscriptionId: b, at: at[3] })
    await fillPast(database, { subscriptionId: b, status: 'SENT', count: 3 })
    await fillPast(database, { subscriptionId: b, status: 'FAILED', count: 3 })
    return { a, b, at: at.map((time) => time.toISOString()), refused, last }
  }

  it('are by subscription and error, by one of them, or all together', async () => {
    expect(await groups('?by=ERROR')).toEqual([])
    const { a, b, at, refused, last } = await fill()
    const exact = { isCountExact: true }
    const ofA = { subscriptionId: a, lastError: 'answered 500', count: 5, firstAt: at[0], lastAt: at[1] }
    const [firstOfA] = await groups('?by=SUBSCRIPTION,ERROR')
    expect(firstOfA).toEqual({ ...exact, ...ofA, lastDeliveryId: expect.any(String) })
    const { body } = await service.api.get(`/v1/deliveries?subscriptionId=${a}&status=DEAD&error=500`)
    const newest = body.items.filter(({ updatedAt }: { updatedAt: string }) => updatedAt === at[1])
    expect(newest.map(({ id }: { id: string }) => id)).toContain(firstOfA.lastDeliveryId)
    expect(await groups('?by=SUBSCRIPTION&by=ERROR')).toEqual([
      firstOfA,
      {
        ...{ ...exact, subscriptionId: b, lastError: 'answered 500', count: 1 },
        ...{ firstAt: at[3], lastAt: at[3], lastDeliveryId: last },
      },
      {
        ...{ ...exact, subscriptionId: a, lastError: 'refused', count: 1 },
        ...{ firstAt: at[2], lastAt: at[2], lastDeliveryId: refused },
      },
    ])
    expect(await groups('?by=ERROR')).toMatchObject([
      {
        ...{ ...exact, subscriptionId: null, lastError: 'answered 500', count: 6 },
        ...{ firstAt: at[0], lastAt: at[3], lastDeliveryId: last },
      },
      { subscriptionId: null, lastError: 'refused', count: 1 },
    ])
    expect(await groups('?by=SUBSCRIPTION')).toMatchObject([
      { subscriptionId: a, lastError: null, count: 6, lastAt: at[2], lastDeliveryId: refused },
      { subscriptionId: b, lastError: null, count: 1 },
    ])
    expect(await groups()).toMatchObject([
      { subscriptionId: null, lastError: null, count: 7, firstAt: at[0] },
    ])
    expect(await groups(`?by=ERROR&subscriptionId=${a}`)).toMatchObject([{ count: 5 }, { count: 1 }])
    expect(await groups('?tenant=acme')).toMatchObject([{ count: 1 }])
    expect(await groups(`?tenant=acme&subscriptionId=${a}`)).toEqual([])
  })

  it('are the same over GraphQL, with the subscription and the last delivery', async () => {
    const { a, refused, at } = await fill()
    const query = `{
      all: deadLetterGroups { subscription { id } lastDelivery { id } count }
      some: deadLetterGroups(by: [SUBSCRIPTION, ERROR], subscriptionId: "${a}") {
        subscriptionId lastError count isCountExact firstAt lastAt lastDeliveryId
        subscription { id endpointUrl } lastDelivery { id lastStatusCode }
      }
      none: deadLetterGroups(tenant: "\\u0000") { count }
    }`
    const { all, some, none } = await ask(service, query)
    expect([all, none]).toEqual([[{ subscription: null, lastDelivery: expect.anything(), count: 7 }], []])
    expect(some).toHaveLength(2)
    expect(some[1]).toEqual({
      ...{ subscriptionId: a, lastError: 'refused', count: 1, isCountExact: true },
      ...{ firstAt: at[2], lastAt: at[2], lastDeliveryId: refused },
      ...{
        subscription: { id: a, endpointUrl: receiver.url },
        lastDelivery: { id: refused, lastStatusCode: null },
      },
    })
  })

  it('of a key of a tenant are its own', async () => {
    const { a, b } = await fill()
    const acme = createClient(service.url, 'acme-key')
    expect(await groups('?by=SUBSCRIPTION', acme)).toMatchObject([{ subscriptionId: b, count: 1 }])
    expect(await groups(`?subscriptionId=${a}`, acme)).toEqual([])
    expect(await groups('?tenant=zeta', acme)).toEqual([])
  })

  it('are the 200 largest, and a count that has no end here says so', async () => {
    const subscriptionId = await subscribe(service, receiver.url)
    const errors = `select 'error ' || n from generate_series(1, 2001) as n`
    const [id] = await fillPast(service.database, { subscriptionId })
    await service.database.query(
      `insert into deliveries (id, "eventId", "subscriptionId", status, "lastError")
       select gen_random_uuid(), gen_random_uuid(), "subscriptionId", status, error
       from deliveries cross join (${errors}) as e (error) where id = $1`,
      [id],
    )
    const many = await groups('?by=ERROR')
    expect(many).toHaveLength(200)
    expect(new Set(many.map(({ isCountExact }: { isCountExact: boolean }) => isCountExact))).toEqual(
      new Set([false]),
    )
    expect(await groups()).toMatchObject([{ count: 2000, isCountExact: false }])
    await service.database.query(`delete from deliveries where "lastError" in ('error 1', 'error 2')`)
    expect(await groups()).toMatchObject([{ count: 2000, isCountExact: true }])
    await service.database.query(
      `insert into deliveries (id, "eventId", "subscriptionId", status, "lastError")
       select gen_random_uuid(), gen_random_uuid(), "subscriptionId", status, "lastError"
       from deliveries cross join generate_series(1, 300) where id = $1`,
      [id],
    )
    expect((await groups('?by=ERROR'))[0]).toMatchObject({ count: 250, isCountExact: false })
  })

  it('are asked for by what there is', async () => {
    for (const [query, path] of [
      ['?by=TYPE', 'by.0'],
      ['?by=ERROR,ERROR,ERROR', 'by'],
      ['?subscriptionId=x', 'subscriptionId'],
      ['?status=DEAD', 'status'],
    ]) {
      const { status, body } = await service.api.get(`/v1/dead-letters${query}`)
      expect([query, status, body.errors?.[0].path]).toEqual([query, 400, path])
    }
  })
})
