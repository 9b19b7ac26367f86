/** Labels, and the search by them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { ask, post } from '../support/graphql.js'
import { startTestService, type TestService } from '../support/service.js'

let resources: Resources
let service: TestService
beforeAll(async () => {
  resources = createResources()
  service = resources.use(await startTestService('postgres'))
})
afterAll(() => resources[Symbol.asyncDispose]())

let made = 0
const create = (labels?: unknown) =>
  service.api.post('/v1/subscriptions', {
    ...{ endpointUrl: `http://127.0.0.1:9/${made++}`, eventTypes: ['a'], labels },
  })
const idOf = async (labels: object): Promise<string> => (await create(labels)).body.id

async function listed(query: string): Promise<string[]> {
  const { status, body } = await service.api.get(`/v1/subscriptions?${query}`)
  expect(status).toBe(200)
  return body.items.map(({ id }: { id: string }) => id)
}

async function listedByGraphQL(labels: object): Promise<string[]> {
  const { subscriptions } = await ask(
    service,
    `query ($filter: SubscriptionFilter) { subscriptions(filter: $filter) { edges { node { id } } } }`,
    { filter: { labels } },
  )
  return subscriptions.edges.map(({ node }: { node: { id: string } }) => node.id)
}

describe('labels', () => {
  it('are shown, changed and cleared', async () => {
    const labels = { tenant: 'acme', 'a.b-c_D': 'x:y, "z" {ü} \\', empty: '' }
    const { status, body } = await create(labels)
    expect([status, body.labels]).toEqual([201, labels])
    const path = `/v1/subscriptions/${body.id}`
    expect((await service.api.patch(path, { description: 'same' })).body.labels).toEqual(labels)
    expect((await service.api.patch(path, { labels: { one: '1' } })).body.labels).toEqual({ one: '1' })
    expect((await service.api.patch(path, { labels: null })).body.labels).toEqual({})
    const { updateSubscription } = await ask(
      service,
      `mutation ($id: ID!) {
         updateSubscription(id: $id, input: { labels: { two: "2" } }) { subscription { labels } }
       }`,
      { id: body.id },
    )
    expect(updateSubscription.subscription.labels).toEqual({ two: '2' })
  })

  it('find subscriptions over REST and GraphQL', async () => {
    const odd = 'a:b&c="d" \\ {e,f}'
    const [both, one, other] = [
      await idOf({ find: odd, stage: 'test' }),
      await idOf({ find: odd }),
      await idOf({ find: 'other' }),
    ]
    const label = (name: string, value: string) => `label=${encodeURIComponent(`${name}:${value}`)}`
    expect(await listed(label('find', odd))).toEqual([one, both])
    expect(await listed(`${label('find', odd)}&${label('stage', 'test')}`)).toEqual([both])
    expect(await listed(`${label('find', 'other')}&enabled=true`)).toEqual([other])
    expect(await listed(`${label('find', 'other')}&enabled=false`)).toEqual([])
    expect(await listed(label('find', 'a'))).toEqual([])
    expect(await listedByGraphQL({ find: odd })).toEqual([one, both])
    expect(await listedByGraphQL({ find: odd, stage: 'test' })).toEqual([both])
    expect(await listedByGraphQL({ find: 'OTHER' })).toEqual([])
  })

  it('page without skipping or repeating', async () => {
    const ids = []
    for (let count = 0; count < 5; count += 1) ids.unshift(await idOf({ paged: 'yes' }))
    const first = (await service.api.get('/v1/subscriptions?label=paged:yes&limit=3')).body
    const rest = await listed(`label=paged:yes&limit=3&cursor=${first.nextCursor}`)
    expect([...first.items.map(({ id }: { id: string }) => id), ...rest]).toEqual(ids)
  })

  it('are looked up in their index, however many subscriptions there are', async () => {
    await service.database.query(
      `insert into subscriptions (id, "endpointUrl", "eventTypes", secret, fingerprint, labels)
       select uuid_v7(), 'http://127.0.0.1:9/', '{a}', 'a secret', decode(md5(n::text), 'hex'), array['n:' || n, 'tenant:many']
       from generate_series(1, 20000) as n`,
    )
    await service.database.query('analyze subscriptions')
    const plan = await service.database.query(
      `explain select id from subscriptions where "deletedAt" is null and labels @> array['n:4711', 'tenant:many']
       order by id desc limit 51`,
    )
    expect(JSON.stringify(plan)).toContain('subscriptions_labels_idx')
    expect(await listed('label=n:4711&label=tenant:many')).toHaveLength(1)
  })

  it.each([
    [{ 'a b': '1' }, 'labels.a b', 'must have a name of 1 to 63 characters of A-Z a-z 0-9 _ . -'],
    [{ 'a:b': '1' }, 'labels.a:b', 'must have a name of 1 to 63 characters of A-Z a-z 0-9 _ . -'],
    [{ a: 1 }, 'labels.a', 'must be a string'],
    [{ a: '\0' }, 'labels.a', 'must have at most 256 characters, without control characters or broken ones'],
    [
      { a: 'b'.repeat(257) },
      'labels.a',
      'must have at most 256 characters, without control characters or broken ones',
    ],
    [
      Object.fromEntries(Array.from({ length: 21 }, (_, place) => [`n${place}`, ''])),
      'labels',
      'must have at most 20 labels',
    ],
  ])('that can not be are refused: %j', async (labels, path, message) => {
    const { status, body } = await create(labels)
    expect([status, body.errors]).toEqual([400, [{ path, message }]])
  })

  it.each(['label=a', 'label=:b', 'label=a%20b:c', 'label=a:%00', 'label[]=a:b'])(
    'are searched by name and value: %s is refused',
    async (query) => {
      expect((await service.api.get(`/v1/subscriptions?${query}`)).status).toBe(400)
    },
  )

  it('of a filter are checked as those of a subscription', async () => {
    const { body } = await post(
      service,
      '{ subscriptions(filter: { labels: { a: 1 } }) { edges { cursor } } }',
    )
    expect(body.errors?.map(({ extensions }) => extensions.code)).toEqual(['BAD_USER_INPUT'])
  })
})
