/** Deliveries are found by what went wrong last: by text, by the class of the answer, by time, page by page. */
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createResources } from '../../src/platform/resources.js'
import { publish, subscribe } from '../support/delivering.js'
import { ask } from '../support/graphql.js'
import { startReceiver } from '../support/receiver.js'
import { startTestService, type TestService } from '../support/service.js'

const resources = createResources()
let service: TestService
/** Names of endpoints by their subscription, and the subscription of each name. */
const names = new Map<string, string>()
const subscriptionOf = (wanted: string) => [...names].find(([, name]) => name === wanted)?.[0] ?? ''
let eventId: string

beforeAll(async () => {
  service = resources.use(
    await startTestService('postgres', { DELIVERY_MAX_ATTEMPTS: '2', DELIVERY_BACKOFF_BASE_SECONDS: '3600' }),
  )
  const gone = await startReceiver()
  const endpoints = {
    good: resources.use(await startReceiver(204)),
    moved: resources.use(await startReceiver(302)),
    refusing: resources.use(await startReceiver(404)),
    broken: resources.use(await startReceiver(503)),
    brokenToo: resources.use(await startReceiver(500)),
    away: gone,
  }
  for (const [name, { url }] of Object.entries(endpoints)) names.set(await subscribe(service, url), name)
  await gone[Symbol.asyncDispose]()
  for (let count = 0; count < 3; count++) eventId = await publish(service)
  const attempted = async () =>
    (await list('limit=200')).items.filter(({ attempts }) => attempts === 1).length
  await vi.waitUntil(async () => (await attempted()) === 18, { timeout: 30_000, interval: 100 })
  await service.api.post('/graphql', {
    query: `mutation ($id: ID!) { cancelDelivery(id: $id) { errors { code } } }`,
    variables: { id: (await list(`subscriptionId=${subscriptionOf('brokenToo')}`)).items[0]?.id },
  })
}, 60_000)
afterAll(() => resources[Symbol.asyncDispose]())

interface Found {
  items: { id: string; subscriptionId: string; attempts: number }[]
  nextCursor: string | null
}
const list = async (query: string): Promise<Found> => (await service.api.get(`/v1/deliveries?${query}`)).body
const found = (items: Found['items']) => items.map(({ subscriptionId }) => names.get(subscriptionId)).sort()
const three = (...of: string[]) => of.flatMap((name) => [name, name, name]).sort()

const past = '2026-01-01T00:00:00Z'
const future = '2999-01-01T00:00:00Z'
const cases: [string, string[]][] = [
  ['error=ANSWERED', ['brokenToo', 'brokenToo', ...three('moved', 'refusing', 'broken')].sort()],
  ['error=answered 503', three('broken')],
  ['error=cancelled', ['brokenToo']],
  ['error=%25', []],
  ['error=nothing', []],
  ['statusClass=HTTP_2XX', three('good')],
  ['statusClass=HTTP_3XX', three('moved')],
  ['statusClass=HTTP_4XX', three('refusing')],
  ['statusClass=HTTP_5XX', three('broken', 'brokenToo')],
  ['statusClass=NONE', three('away')],
  ['statusClass=HTTP_5XX&status=DEAD', ['brokenToo']],
  ['statusClass=HTTP_2XX&status=DEAD', []],
  ['statusClass=HTTP_5XX&error=answered', ['brokenToo', 'brokenToo', ...three('broken')].sort()],
  ['statusClass=HTTP_2XX&error=answered', []],
  [`statusClass=HTTP_5XX&createdFrom=${past}&updatedTo=${future}`, three('broken', 'brokenToo')],
  [`statusClass=HTTP_5XX&updatedFrom=${future}`, []],
  [`createdTo=${past}`, []],
]

describe('GET /v1/deliveries', () => {
  it.each(cases)('?%s', async (query, wanted) => {
    expect(found((await list(query)).items)).toEqual(wanted)
  })

  it('finds those of one event and of one subscription', async () => {
    expect(found((await list(`eventId=${eventId}&statusClass=HTTP_5XX`)).items)).toEqual([
      'broken',
      'brokenToo',
    ])
    expect(found((await list(`eventId=${eventId}&statusClass=HTTP_2XX`)).items)).toEqual(['good'])
    const ofBroken = `subscriptionId=${subscriptionOf('broken')}`
    expect(found((await list(`${ofBroken}&error=503`)).items)).toEqual(three('broken'))
    expect(found((await list(`${ofBroken}&error=500`)).items)).toEqual([])
  })

  it('has pages, newest first, in which nothing is missing or repeated', async () => {
    const ids: string[] = []
    let cursor = ''
    do {
      const page = await list(`statusClass=HTTP_5XX&limit=4${cursor}`)
      ids.push(...page.items.map(({ id }) => id))
      cursor = page.nextCursor === null ? '' : `&cursor=${page.nextCursor}`
    } while (cursor !== '')
    expect(ids).toEqual((await list('statusClass=HTTP_5XX')).items.map(({ id }) => id))
    expect(ids).toEqual([...ids].sort().reverse())
    expect(ids).toHaveLength(6)
  })

  it.each(['error=', 'statusClass=5xx', 'createdFrom=yesterday'])('refuses ?%s', async (query) => {
    expect((await service.api.get(`/v1/deliveries?${query}`)).status).toBe(400)
  })
})

describe('GraphQL', () => {
  const query = `query ($filter: DeliveryFilter, $last: Int) {
    deliveries(filter: $filter, last: $last) { edges { node { id subscriptionId } } }
    subscriptions { edges { node { deliveries(filter: $filter, first: 2) { edges { node { subscriptionId } } } } } }
  }`
  const nodes = ({ edges }: { edges: { node: Found['items'][number] }[] }) => edges.map(({ node }) => node)

  it('finds several classes, from both ends and below each subscription', async () => {
    const filter = { statusClass: ['HTTP_2XX', 'NONE'] }
    const { deliveries, subscriptions } = await ask(service, query, { filter })
    expect(found(nodes(deliveries))).toEqual(three('good', 'away'))
    const below = subscriptions.edges.flatMap(({ node }: { node: { deliveries: never } }) =>
      nodes(node.deliveries),
    )
    expect(found(below)).toEqual(['away', 'away', 'good', 'good'])
    const { deliveries: oldest } = await ask(service, query, { filter, last: 2 })
    expect(nodes(oldest).map(({ id }) => id)).toEqual(
      nodes(deliveries)
        .slice(-2)
        .map(({ id }) => id),
    )
  })

  it('finds text that the database can not store nowhere', async () => {
    const { deliveries } = await ask(service, query, { filter: { error: 'a\0b' } })
    expect(deliveries.edges).toEqual([])
  })
})
