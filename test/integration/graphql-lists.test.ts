/** Lists: what their filters let through, and how they page while rows arrive. */
import { randomUUID } from 'node:crypto'
import { uuidv7 } from 'uuidv7'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { InputError } from '../../src/errors.js'
import { createResources } from '../../src/platform/resources.js'
import { ask, post } from '../support/graphql.js'
import { startReceiver } from '../support/receiver.js'
import { startTestService, type TestService } from '../support/service.js'

const resources = createResources()
let service: TestService
let subscriptionIds: string[]
/** Ten of type a, which two subscriptions want, one of them in vain; then two of type b, which none wants. */
let eventIds: string[]

const publish = async (type: string, more: object = {}): Promise<string> =>
  (await service.api.post('/v1/events', { type, data: {}, ...more })).body.eventId

beforeAll(async () => {
  service = resources.use(await startTestService('postgres', { DELIVERY_BACKOFF_BASE_SECONDS: '3600' }))
  const good = resources.use(await startReceiver(200))
  const bad = resources.use(await startReceiver(500))
  subscriptionIds = []
  for (const { url } of [good, bad]) {
    const { body } = await service.api.post('/v1/subscriptions', { endpointUrl: url, eventTypes: ['a'] })
    subscriptionIds.push(body.id)
  }
  await service.api.post('/v1/subscriptions', { endpointUrl: good.url, eventTypes: ['c'], isEnabled: false })
  eventIds = []
  for (let count = 0; count < 10; count++) eventIds.push(await publish('a'))
  eventIds.push(
    await publish('b', { createdAt: '2020-01-01T00:00:00Z' }),
    await publish('b', { eventId: 'key' }),
  )
  const settled = `select from deliveries where status in ('SENT', 'FAILED')`
  await vi.waitFor(
    async () => {
      expect(await service.database.query(settled)).toHaveLength(20)
      expect(await ids('events', { status: ['UNMATCHED'] })).toHaveLength(2)
    },
    { timeout: 10_000 },
  )
})
afterAll(() => resources[Symbol.asyncDispose]())

interface Connection {
  edges: { cursor: string; node: { id: string } }[]
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string; endCursor: string }
}
const filterTypes: Record<string, string> = {
  events: 'EventFilter',
  deliveries: 'DeliveryFilter',
  subscriptions: 'SubscriptionFilter',
}
const pageInfo = 'pageInfo { hasNextPage hasPreviousPage startCursor endCursor }'

async function list(name: string, page: object, filter?: object): Promise<Connection> {
  const query = `query ($first: Int, $after: String, $last: Int, $before: String, $filter: ${filterTypes[name]}) {
    ${name}(first: $first, after: $after, last: $last, before: $before, filter: $filter) {
      edges { cursor node { id } } ${pageInfo}
    }
  }`
  return (await ask(service, query, { ...page, filter }))[name]
}
const idsOf = ({ edges }: Connection) => edges.map(({ node }) => node.id)
const ids = async (name: string, filter?: object) => idsOf(await list(name, { first: 100 }, filter))

describe('filters', () => {
  it('of events: status, type, key, subscription and time', async () => {
    const newestFirst = [...eventIds].reverse()
    const [keyed, old] = newestFirst as [string, string]
    expect(await ids('events')).toEqual(newestFirst)
    expect(await ids('events', { type: ['b'] })).toEqual([keyed, old])
    expect(await ids('events', { type: ['a', 'b'], status: ['UNMATCHED'] })).toEqual([keyed, old])
    expect(await ids('events', { status: ['PROCESSING'] })).toEqual(newestFirst.slice(2))
    expect(await ids('events', { idempotencyKey: 'key' })).toEqual([keyed])
    expect(await ids('events', { subscriptionId: subscriptionIds[0] })).toEqual(newestFirst.slice(2))
    expect(await ids('events', { subscriptionId: randomUUID() })).toEqual([])
    expect(await ids('events', { createdAt: { to: '2021-01-01T00:00:00Z' } })).toEqual([old])
    expect(await ids('events', { createdAt: { from: '2021-01-01T00:00:00Z' }, type: ['b'] })).toEqual([keyed])
    expect(await ids('events', { status: [] })).toEqual([])
    expect(await ids('events', { status: null, type: null, createdAt: {} })).toHaveLength(12)
  })

  it('of deliveries: status, event, subscription and times, in the list and below their parents', async () => {
    const [goodId, badId] = subscriptionIds as [string, string]
    const unknownId = randomUUID()
    expect(await ids('deliveries', { status: ['SENT'] })).toHaveLength(10)
    expect(await ids('deliveries', { status: ['FAILED'], subscriptionId: goodId })).toEqual([])
    expect(await ids('deliveries', { status: ['SENT', 'FAILED'], eventId: eventIds[0] })).toHaveLength(2)
    expect(await ids('deliveries', { eventId: eventIds[0]?.toUpperCase() })).toHaveLength(2)
    expect(await ids('deliveries', { eventId: unknownId })).toEqual([])
    for (const name of ['createdAt', 'updatedAt']) {
      expect(await ids('deliveries', { [name]: { from: '2021-01-01T00:00:00Z' } })).toHaveLength(20)
      expect(await ids('deliveries', { [name]: { to: '2021-01-01T00:00:00Z' } })).toEqual([])
    }
    const below = async (parent: string, id: string | undefined, filter: object) => {
      const query = `query ($id: ID!, $filter: DeliveryFilter) {
        ${parent}(id: $id) { deliveries(filter: $filter) { edges { node { id } } } }
      }`
      return idsOf((await ask(service, query, { id, filter }))[parent].deliveries)
    }
    for (const filter of [
      {},
      { status: ['FAILED'] },
      { status: [] },
      { eventId: eventIds[3] },
      { subscriptionId: goodId },
      { eventId: unknownId },
      { createdAt: { from: '2021-01-01T00:00:00Z' }, updatedAt: { to: '2100-01-01T00:00:00Z' } },
      { updatedAt: { to: '2021-01-01T00:00:00Z' } },
    ]) {
      const ofEvent =
        (filter.eventId ?? eventIds[3]) === eventIds[3] ? { ...filter, eventId: eventIds[3] } : filter
      expect(await below('event', eventIds[3], filter)).toEqual(await ids('deliveries', ofEvent))
      const ofBad =
        filter.subscriptionId === goodId
          ? { ...filter, eventId: unknownId }
          : { ...filter, subscriptionId: badId }
      expect(await below('subscription', badId, filter)).toEqual(await ids('deliveries', ofBad))
    }
  })

  it('of subscriptions: enabled or not, type, endpoint', async () => {
    expect(await ids('subscriptions')).toHaveLength(3)
    expect(await ids('subscriptions', { isEnabled: false, eventType: 'c' })).toHaveLength(1)
    expect(await ids('subscriptions', { eventType: 'a' })).toEqual([...subscriptionIds].reverse())
    expect(await ids('subscriptions', { endpointUrl: 'https://example.com' })).toEqual([])
  })

  it('and the counts of everything agree', async () => {
    const fields =
      'eventsTotal deliveriesTotal deliveriesPending deliveriesSent deliveriesFailed deliveriesDead subscriptionsTotal subscriptionsEnabled'
    const { stats } = await ask(service, `{ stats { id ${fields} } }`)
    // One object for the caches of clients, whatever an operation selects of it.
    expect(stats).toEqual({ id: 'stats', ...(await service.api.get('/v1/stats')).body })
    expect(stats).toMatchObject({ deliveriesSent: 10, deliveriesFailed: 10, subscriptionsEnabled: 2 })
  })
})

describe('paging', () => {
  it('goes forward and backward over every row once, while new ones arrive', async () => {
    const all = await ids('events')
    const forward: string[] = []
    let page: Connection | undefined
    do {
      page = await list('events', { first: 5, after: page?.pageInfo.endCursor })
      expect(page.pageInfo.startCursor).toBe(page.edges[0]?.cursor)
      forward.push(...idsOf(page))
      await publish('later')
    } while (page.pageInfo.hasNextPage)
    expect(forward).toEqual(all)

    const everything = await ids('events')
    const backward: string[] = []
    let before: Connection | undefined
    do {
      before = await list('events', { last: 4, before: before?.pageInfo.startCursor })
      backward.unshift(...idsOf(before))
    } while (before.pageInfo.hasPreviousPage)
    expect(backward).toEqual(everything)
  })

  it('pages below a parent in the same way', async () => {
    const query = `query ($first: Int, $after: String, $last: Int, $before: String) {
      subscriptions(filter: { eventType: "a" }) {
        edges { node { id deliveries(first: $first, after: $after, last: $last, before: $before) { edges { cursor node { id } } ${pageInfo} } } }
      }
    }`
    const pages = async (page: object): Promise<Connection[]> =>
      (await ask(service, query, page)).subscriptions.edges.map(
        ({ node }: { node: { deliveries: Connection } }) => node.deliveries,
      )
    const [badId, goodId] = [...subscriptionIds].reverse()
    const expected = [
      await ids('deliveries', { subscriptionId: badId }),
      await ids('deliveries', { subscriptionId: goodId }),
    ]
    const [first] = (await pages({ first: 4 })) as [Connection]
    expect((await pages({ first: 4 })).map(idsOf)).toEqual(expected.map((list) => list.slice(0, 4)))
    expect((await pages({ last: 3 })).map(idsOf)).toEqual(expected.map((list) => list.slice(-3)))
    const [second] = (await pages({ first: 6, after: first.pageInfo.endCursor })) as [Connection]
    expect([idsOf(second), second.pageInfo.hasNextPage]).toEqual([expected[0]?.slice(4), false])
    const [back] = (await pages({ last: 2, before: second.pageInfo.startCursor })) as [Connection]
    expect([idsOf(back), back.pageInfo.hasPreviousPage]).toEqual([expected[0]?.slice(2, 4), true])
  })

  it.each([
    [{ first: 500 }, ['first: must be from 0 to 200, the most rows of a page']],
    [{ last: 201 }, ['last: must be from 0 to 200, the most rows of a page']],
    [{ first: -1 }, ['first: must be from 0 to 200, the most rows of a page']],
    [{ first: 1, last: 1 }, ["last: can't be given together with `first`"]],
    [{ first: 1, before: 'a' }, ["before: can't be given together with `first`"]],
    [{ last: 1, after: 'a' }, ["after: can't be given together with `last`"]],
    [{ after: 'a', before: 'a' }, ["before: can't be given together with `after`"]],
  ])('refuses the whole operation for the page %j, on every level', async (page, problems) => {
    const declared = '($first: Int, $after: String, $last: Int, $before: String)'
    const given = '(first: $first, after: $after, last: $last, before: $before)'
    const lists = [
      `events${given} { edges { cursor } }`,
      `deliveries${given} { edges { cursor } }`,
      `subscriptions${given} { edges { cursor } }`,
      `events(first: 1) { edges { node { deliveries${given} { edges { cursor } } } } }`,
      `subscriptions(first: 1) { edges { node { deliveries${given} { edges { cursor } } } } }`,
    ]
    for (const list of lists) {
      const { status, body } = await post(service, `query ${declared} { ${list} }`, page)
      expect(status).toBe(400)
      expect(body.data).toBeUndefined()
      expect(body.errors).toHaveLength(1)
      const [{ extensions }] = body.errors as unknown as [
        { extensions: { code: string; errors: InputError[] } },
      ]
      expect(extensions.code).toBe('BAD_USER_INPUT')
      expect(extensions.errors.map(({ path, message }) => `${path}: ${message}`)).toEqual(problems)
    }
  })

  it('reads the default of a variable as the length too', async () => {
    const { body } = await post(
      service,
      'query ($first: Int = 201) { events(first: $first) { edges { cursor } } }',
    )
    expect(body.errors?.[0]?.message).toBe('`first`: must be from 0 to 200, the most rows of a page')
  })

  it('fills a page with 200 at most, and with 50 by default', async () => {
    await service.api.post('/graphql', {
      query:
        'mutation ($inputs: [PublishEventInput!]!) { a: publishEvents(inputs: $inputs) { deduplicated } b: publishEvents(inputs: $inputs) { deduplicated } }',
      variables: { inputs: Array.from({ length: 100 }, () => ({ type: 'many', data: {} })) },
    })
    expect(idsOf(await list('events', {}))).toHaveLength(50)
    expect(idsOf(await list('events', { first: 200 }))).toHaveLength(200)
    expect(idsOf(await list('events', { first: 0 }))).toEqual([])
  })
})

/** So many that they are not looked through to their end. */
describe('the events of a subscription that has had thousands', () => {
  const subscriptionId = uuidv7()
  const eventIds = Array.from({ length: 2500 }, () => uuidv7())
  const newestFirst = eventIds.toReversed()
  const rare = newestFirst.slice(-3)

  beforeAll(async () => {
    await service.database.query(
      `with event as (
         insert into events (id, type, data, "createdAt")
         select id, case when n > 3 then 'common' else 'rare' end, '{}', now()
         from unnest($1::uuid[]) with ordinality as e (id, n)
       )
       insert into deliveries (id, "eventId", "subscriptionId", status)
       select uuid_v7(), id, $2, 'SENT' from unnest($1::uuid[]) as e (id)`,
      [eventIds, subscriptionId],
    )
  })

  const listed = async (page: object, more: object = {}) =>
    (await list('events', page, { subscriptionId, ...more })).edges.map(({ node }) => node.id)

  it('come newest first, from either end', async () => {
    expect(await listed({ first: 3 })).toEqual(newestFirst.slice(0, 3))
    expect(await listed({ last: 3 })).toEqual(rare)
  })

  it('are found where they are rare and old', async () => {
    expect(await listed({ first: 10 }, { type: ['rare'] })).toEqual(rare)
    expect(await listed({ last: 2 }, { type: ['rare'] })).toEqual(rare.slice(1))
    expect(await listed({ first: 10 }, { type: ['rare'], status: ['DEAD'] })).toEqual([])
  })
})
