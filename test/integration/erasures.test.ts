/** Erasures of many: all events of a tenant, or all that went to a subscription, up to the request. */
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findEvents } from '../../src/erasures/page.js'
import { createErasureRunner } from '../../src/erasures/runner.js'
import { eraseEvents } from '../../src/erasures/steps.js'
import { MAX_OPEN_ERASURES } from '../../src/model/erasure.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { NIL_UUID } from '../../src/platform/uuid.js'
import { createServiceEvents } from '../../src/telemetry/service-events.js'
import { createClient, TEST_KEY } from '../support/client.js'
import { createTestDatabase, openDatabase, type TestDatabase } from '../support/database.js'
import { eventIn } from '../support/delivering.js'
import { fillPast } from '../support/finished-deliveries.js'
import { ask, untilLive, watchOverSse } from '../support/graphql.js'
import { type Answer, type Receiver, startReceiver } from '../support/receiver.js'
import { SECRET, tablesWithSecret } from '../support/secret-rows.js'
import {
  type Layout,
  layouts,
  type Settings,
  startTestService,
  type TestService,
} from '../support/service.js'

const PATIENCE = { timeout: 20_000, interval: 20 }
const UNKNOWN = '019c1554-7a68-7c3e-9d0a-5b7f2e1c4d6f'
const payload = { type: 'user.created', data: { name: SECRET }, metadata: { note: SECRET } }
const tellSecret =
  (status: number): Answer =>
  (response) =>
    response.writeHead(status, { 'x-about': SECRET }).end(SECRET)

let resources: Resources
let service: TestService
let receiver: Receiver
beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

/** With a key of the tenant acme, and an endpoint whose answer tells the secret. */
async function start(layout: Layout = 'postgres', settings: Settings = {}) {
  const API_KEYS = [TEST_KEY, 'acme=manage+read+publish@acme=acme-key'].join()
  service = resources.use(await startTestService(layout, { API_KEYS, ...settings }))
  receiver = resources.use(await startReceiver(tellSecret(200)))
}

const acme = () => createClient(service.url, 'acme-key')
const subscribe = async (more: object = {}): Promise<string> => {
  const subscription = { endpointUrl: `${receiver.url}/${randomUUID()}`, eventTypes: ['user.created'] }
  return (await service.api.post('/v1/subscriptions', { ...subscription, ...more })).body.id
}
const publish = async (more: object = {}): Promise<string> =>
  (await service.api.post('/v1/events', { ...payload, ...more })).body.eventId
const eventOf = async (id: string) => (await service.api.get(`/v1/events/${id}`)).body
const erasedAt = async (...ids: string[]) =>
  Promise.all(ids.map(async (id) => (await eventOf(id)).erasedAt !== null))
const erasureOf = async (id: string) => (await service.api.get(`/v1/erasures/${id}`)).body

async function create(input: object, api = service.api) {
  const { status, body, headers } = await api.post('/v1/erasures', input)
  expect([status, body.detail]).toEqual([202, undefined])
  expect(headers.get('location')).toBe(`/v1/erasures/${body.id}`)
  return body
}

async function untilFinished({ id }: { id: string }) {
  await expect.poll(async () => (await erasureOf(id)).state, PATIENCE).toBe('FINISHED')
  return erasureOf(id)
}

const listed = async () =>
  (
    await service.database.query<{ id: string }>('select "eventId" as id from "erasureEvents" order by 1')
  ).map(({ id }) => id)

describe('an erasure of a tenant', () => {
  it.each(layouts)('takes all its payloads, and leaves the history, queue on %s', async (layout) => {
    await start(layout)
    await subscribe({ tenant: 'acme', format: 'CLOUDEVENTS_BINARY' })
    await subscribe()
    const ids = [await publish({ tenant: 'acme' }), await publish({ tenant: 'acme', eventId: 'a key' })]
    ids.push(await publish({ tenant: 'acme', type: 'nobody.wants' }))
    for (const [index, status] of ['DELIVERED', 'DELIVERED', 'UNMATCHED'].entries())
      await eventIn(status, service, ids[index] as string)
    expect((await tablesWithSecret(service)).toSorted()).toEqual(['"deliveryLogs"', 'events'])
    const before = await eventOf(ids[0] as string)

    const erasure = await create({ tenant: 'acme' })
    expect(erasure).toEqual({
      ...{ id: expect.any(String), tenant: 'acme', subscriptionId: null, state: 'RUNNING' },
      ...{ erased: 0, waiting: 0, finishedAt: null },
      ...{ createdAt: expect.any(String), updatedAt: expect.any(String) },
    })
    const finished = await untilFinished(erasure)
    expect(finished).toMatchObject({ erased: 3, waiting: 0, finishedAt: expect.any(String) })
    expect((await service.api.get('/v1/erasures')).body).toEqual({ items: [finished], nextCursor: null })
    expect(await tablesWithSecret(service)).toEqual([])
    const after = await eventOf(ids[0] as string)
    const erased = { payload: { data: {}, metadata: null }, erasedAt: expect.any(String) }
    expect(after).toEqual({ ...before, ...erased })
    const again = await service.api.post('/v1/events', { ...payload, tenant: 'acme', eventId: 'a key' })
    expect([again.status, again.body.eventId]).toEqual([200, ids[1]])
    const replay = await service.api.post('/v1/replays', { filter: {}, dryRun: true })
    expect(replay.body).toEqual({ total: 0 })
  })

  it('leaves events of others, and those that come later', async () => {
    await start()
    const others = [await publish(), await publish({ tenant: 'acme.two' })]
    const ids = [await publish({ tenant: 'acme' })]
    const erasure = await create({ tenant: 'acme' })
    const later = await publish({ tenant: 'acme' })
    expect((await untilFinished(erasure)).erased).toBe(1)
    expect(await erasedAt(...ids, ...others, later)).toEqual([true, false, false, false])
    expect((await untilFinished(await create({ tenant: 'acme' }))).erased).toBe(1)
    expect(await erasedAt(later, ...others)).toEqual([true, false, false])
  })

  it('waits for what has open deliveries or is scheduled, and takes nothing back', async () => {
    await start('postgres', { DELIVERY_BACKOFF_BASE_SECONDS: '60' })
    receiver.answerWith(500)
    await subscribe({ tenant: 'acme' })
    const open = await publish({ tenant: 'acme' })
    const deliverAt = new Date(Date.now() + 3_600_000).toISOString()
    const scheduled = await publish({ tenant: 'acme', deliverAt })
    const delivery = async () => (await eventOf(open)).deliveries[0]
    await expect.poll(async () => (await delivery())?.status, PATIENCE).toBe('FAILED')
    const { id } = await create({ tenant: 'acme' })
    await expect.poll(async () => (await erasureOf(id)).waiting, PATIENCE).toBe(2)
    expect(await erasureOf(id)).toMatchObject({ state: 'RUNNING', erased: 0, finishedAt: null })
    expect(await listed()).toEqual([open, scheduled].toSorted())
    expect(await eventOf(open)).toMatchObject({ erasedAt: null, payload: { data: payload.data } })

    receiver.answerWith(200)
    await service.api.post(`/v1/deliveries/${(await delivery()).id}/retry`)
    await expect.poll(() => receiver.requests.at(-1)?.body, PATIENCE).toContain(SECRET)
    await expect.poll(async () => (await erasureOf(id)).erased, PATIENCE).toBe(1)
    expect(await erasureOf(id)).toMatchObject({ state: 'RUNNING', waiting: 1 })
    expect(await erasedAt(open, scheduled)).toEqual([true, false])
    await service.api.post(`/v1/events/${scheduled}/cancel`)
    expect(await untilFinished({ id })).toMatchObject({ erased: 2, waiting: 0 })
    expect([await listed(), await tablesWithSecret(service)]).toEqual([[], []])
  })

  it('does not count what was erased or removed by others while it waited', async () => {
    await start()
    const deliverAt = new Date(Date.now() + 3_600_000).toISOString()
    const ids = [
      await publish({ tenant: 'acme', deliverAt }),
      await publish({ tenant: 'acme', deliverAt, eventId: 'gone' }),
    ]
    const { id } = await create({ tenant: 'acme' })
    await expect.poll(async () => (await erasureOf(id)).waiting, PATIENCE).toBe(2)
    await service.database.query(
      `with erased as (update events set status = 'CANCELLED', "erasedAt" = now() where id = $1)
       delete from events where id = $2`,
      ids,
    )
    expect(await untilFinished({ id })).toMatchObject({ erased: 0, waiting: 0 })
  })

  it('is told to live updates', async () => {
    await start()
    const query = 'subscription { eventUpdated { id erasedAt } }'
    const watcher = resources.use(watchOverSse(service, query))
    await untilLive([watcher], () => publish())
    const id = await publish({ tenant: 'acme' })
    await create({ tenant: 'acme' })
    const told = () => watcher.results.map(({ data }) => data?.eventUpdated).filter((one) => one?.id === id)
    await expect.poll(told, PATIENCE).toContainEqual({ id, erasedAt: expect.any(String) })
  })
})

it('is shown by the program of the docs', async () => {
  await start()
  await publish({ tenant: 'acme' })
  const run = (...args: string[]) =>
    new Promise<string>((resolve) =>
      execFile(
        process.execPath,
        ['docs/examples/erase-tenant.mjs', service.url, TEST_KEY, ...args],
        (_, stdout, stderr) => resolve(stdout + stderr),
      ),
    )
  expect(await run('acme')).toMatch(/1 erased, 0 wait\n$/)
  expect(await tablesWithSecret(service)).toEqual([])
  expect(await run('a b')).toContain('must be 1 to 128 characters')
})

describe('an erasure of a subscription', () => {
  it('takes the payloads that went to it, from others who got them, too', async () => {
    await start()
    const [one, other] = [
      await subscribe({ eventTypes: ['a', 'both'] }),
      await subscribe({ eventTypes: ['b', 'both'] }),
    ]
    const ids: string[] = []
    for (const type of ['a', 'both', 'b', 'nobody.wants']) ids.push(await publish({ type }))
    for (const id of ids.slice(0, 3)) await eventIn('DELIVERED', service, id)
    const erasure = await create({ subscriptionId: one.toUpperCase() })
    expect(erasure).toMatchObject({ subscriptionId: one, tenant: null })
    expect((await untilFinished(erasure)).erased).toBe(2)
    expect(await erasedAt(...ids)).toEqual([true, true, false, false])
    const both = (await service.api.get(`/v1/deliveries?subscriptionId=${other}&eventId=${ids[1]}`)).body
      .items[0]
    expect((await service.api.get(`/v1/deliveries/${both.id}/logs/1`)).body).toMatchObject({
      ...{ status: 'SENT', statusCode: 200, request: null, response: null },
    })
  })

  it('waits for another subscription that still waits for the event', async () => {
    await start('postgres', { DELIVERY_BACKOFF_BASE_SECONDS: '60' })
    const one = await subscribe()
    const failing = resources.use(await startReceiver(500))
    await subscribe({ endpointUrl: failing.url })
    const event = await publish()
    const statuses = async () =>
      (await eventOf(event)).deliveries.map(({ status }: { status: string }) => status).toSorted()
    await expect.poll(statuses, PATIENCE).toEqual(['FAILED', 'SENT'])
    const { id } = await create({ subscriptionId: one })
    await expect.poll(async () => (await erasureOf(id)).waiting, PATIENCE).toBe(1)
    failing.answerWith(200)
    await service.api.post(`/v1/deliveries/events/${event}/retry`)
    expect((await untilFinished({ id })).erased).toBe(1)
  })

  it('leaves what goes to it at a later time', async () => {
    await start()
    const id = await subscribe()
    await publish({ deliverAt: new Date(Date.now() + 3_600_000).toISOString() })
    expect(await untilFinished(await create({ subscriptionId: id }))).toMatchObject({ erased: 0, waiting: 0 })
  })
})

describe('a request', () => {
  it('says exactly one of both, of what is there and its own', async () => {
    await start()
    const [theirs, own] = [await subscribe({ tenant: 'zeta' }), await subscribe({ tenant: 'acme' })]
    const answers = async (input: object, api = service.api) => {
      const { status, body } = await api.post('/v1/erasures', input)
      return [status, body.errors?.[0]?.path]
    }
    expect(await answers({})).toEqual([400, 'tenant'])
    expect(await answers({ tenant: 'acme', subscriptionId: own })).toEqual([400, 'tenant'])
    expect(await answers({ tenant: 'a b' })).toEqual([400, 'tenant'])
    expect(await answers({ subscriptionId: 'x' })).toEqual([400, 'subscriptionId'])
    expect(await answers({ subscriptionId: UNKNOWN })).toEqual([404, undefined])
    expect(await answers({ subscriptionId: theirs }, acme())).toEqual([404, undefined])
    expect(await answers({ tenant: 'zeta' }, acme())).toEqual([403, undefined])
    expect(await answers({ tenant: null, subscriptionId: own }, acme())).toEqual([202, undefined])
    await service.api.post('/graphql', {
      query: `mutation { deleteSubscription(id: "${own}") { deletedId } }`,
    })
    expect(await answers({ subscriptionId: own })).toEqual([404, undefined])
    expect(await service.database.query('select tenant from erasures')).toEqual([{ tenant: 'acme' }])
  })

  it('of GraphQL does and shows the same', async () => {
    await start()
    const id = await publish({ tenant: 'acme' })
    const fields = 'id tenant subscriptionId state erased waiting createdAt updatedAt finishedAt'
    const make = (input: string) =>
      ask(service, `mutation { createErasure(input: ${input}) { erasure { ${fields} } errors { code } } }`)
    const { createErasure } = await make('{ tenant: "acme" }')
    expect(createErasure).toMatchObject({ erasure: { tenant: 'acme' }, errors: [] })
    const finished = await untilFinished(createErasure.erasure)
    const page = `erasures { edges { node { ${fields} } } }`
    expect(await ask(service, `{ erasure(id: "${finished.id}") { ${fields} } ${page} }`)).toEqual({
      erasure: finished,
      erasures: { edges: [{ node: finished }] },
    })
    expect(await erasedAt(id)).toEqual([true])
    expect(await ask(service, `{ erasure(id: "no-id") { id } }`)).toEqual({ erasure: null })
    const refused = async (input: string) => (await make(input)).createErasure.errors
    expect(await refused('{}')).toEqual([{ code: 'BAD_USER_INPUT' }])
    expect(await refused(`{ subscriptionId: "${UNKNOWN}" }`)).toEqual([{ code: 'NOT_FOUND' }])
  })

  it('is seen by its tenant, whoever made it', async () => {
    await start()
    const { id } = await create({ tenant: 'acme' })
    const foreign = await create({ tenant: 'zeta' })
    expect((await acme().get(`/v1/erasures/${id}`)).body.tenant).toBe('acme')
    expect((await acme().get(`/v1/erasures/${foreign.id}`)).status).toBe(404)
    expect((await acme().get('/v1/erasures')).body.items).toHaveLength(1)
    expect((await service.api.get(`/v1/erasures/no-id`)).status).toBe(404)
  })

  it(`is refused while ${MAX_OPEN_ERASURES} of the tenant are not finished`, async () => {
    await start()
    await publish({ tenant: 'acme', deliverAt: new Date(Date.now() + 3_600_000).toISOString() })
    for (let count = 0; count < MAX_OPEN_ERASURES; count++) await create({ tenant: 'acme' })
    const { status, body } = await service.api.post('/v1/erasures', { tenant: 'acme' })
    expect([status, body.detail]).toEqual([409, expect.stringContaining('Wait until one is FINISHED')])
    await create({ tenant: 'zeta' })
  })
})

describe('the steps', () => {
  let database: TestDatabase
  const SUBSCRIPTION = '019c1554-7a68-7c3e-9d0a-5b7f2e1c4d6a'

  beforeEach(async () => {
    database = resources.use(await createTestDatabase())
    await database.query(
      `insert into subscriptions (id, tenant, "endpointUrl", "eventTypes", secret, fingerprint)
       values ($1, 'acme', 'https://example.com', '{a}', 'a secret', '')`,
      [SUBSCRIPTION],
    )
  })

  const fill = (past: object = {}) => fillPast(database, { subscriptionId: SUBSCRIPTION, ...past })
  const store = async (subscriptionId: string | null = null) => {
    const [row] = await database.query<{ id: string; until: string }>(
      `insert into erasures (id, tenant, "subscriptionId", until)
       select uuid_v7(), 'acme', $1, uuid_v7() returning id, until`,
      [subscriptionId],
    )
    return row as { id: string; until: string }
  }
  const read = async () =>
    (await database.query('select state, erased, waiting, "isListed" from erasures'))[0]
  const erased = async () =>
    (
      await database.query<{ count: number }>(
        'select count(*)::int as count from events where "erasedAt" is not null',
      )
    )[0]?.count

  /** A runner on a database that nobody dispatches on. */
  function run() {
    const options = { database: resources.use(openDatabase(database)), serviceEvents: createServiceEvents() }
    const runner = resources.use(
      createErasureRunner({
        ...options,
        onError(error) {
          throw error
        },
      }),
    )
    runner.start()
  }

  it.each([null, SUBSCRIPTION])('go through many pages, of whatever status, subscription %s', async (id) => {
    await fill({ count: 900, status: 'DEAD' })
    await fill({ count: 700, status: 'FAILED' })
    await fill({ count: 800, status: 'SENT' })
    await fill({ count: 5, at: new Date(Date.now() + 60_000) })
    await store(id)
    run()
    await expect
      .poll(read, PATIENCE)
      .toEqual({ state: 'RUNNING', erased: 1700, waiting: 700, isListed: true })
    expect(await erased()).toBe(1700)
    await database.query(`update deliveries set status = 'DEAD', "nextRunAt" = null where status = 'FAILED'`)
    await database.query(`update events set status = 'DEAD', "deadCount" = 1 where status = 'PROCESSING'`)
    await expect.poll(read, PATIENCE).toEqual({ state: 'FINISHED', erased: 2400, waiting: 0, isListed: true })
    expect(await erased()).toBe(2400)
  })

  it('look at fewer events where these have many deliveries', async () => {
    await fill({ count: 3, status: 'DEAD' })
    await database.query('update events set "deliveryCount" = 1000')
    const erasure = { ...(await store()), tenant: 'acme', subscriptionId: null, createdAt: new Date() }
    const access = resources.use(openDatabase(database))
    const first = await findEvents(access, { ...erasure, cursor: NIL_UUID, isListed: false })
    expect([first.ids.length, first.last]).toEqual([2, first.ids[1]])
    const last = await findEvents(access, { ...erasure, cursor: first.ids[1] as string, isListed: false })
    expect([last.ids.length, last.last]).toEqual([1, undefined])
  })

  it('of a subscription leave what went to it at a later time', async () => {
    await fill({ status: 'DEAD' })
    await database.query(`update events set "deliverAt" = now() + interval '1 hour'`)
    await store(SUBSCRIPTION)
    run()
    await expect.poll(read, PATIENCE).toMatchObject({ state: 'FINISHED', erased: 0 })
  })

  it('of a subscription wait until all is dispatched', async () => {
    await fill()
    await store(SUBSCRIPTION)
    await database.query('insert into outbox ("eventId") select id from events')
    run()
    const rested = `select from erasures where "updatedAt" > "createdAt" and cursor = $1`
    await expect.poll(() => database.query(rested, [NIL_UUID]), PATIENCE).toHaveLength(1)
    expect(await read()).toEqual({ state: 'RUNNING', erased: 0, waiting: 0, isListed: false })
    await database.query('delete from outbox')
    await expect.poll(read, PATIENCE).toMatchObject({ state: 'FINISHED', erased: 1 })
  })

  it('count once, though each is made twice', async () => {
    await fill({ count: 2, status: 'DEAD' })
    await fill({ status: 'FAILED' })
    const { id } = await store()
    const events = await database.query<{ id: string }>('select id from events')
    const ids = events.map((row) => row.id)
    const step = resources.use(openDatabase(database))
    const values = [id, NIL_UUID, false, ids[1], ids, false]
    const made = [await step.query(eraseEvents, values), await step.query(eraseEvents, values)]
    expect(made.map((rows) => rows.length)).toEqual([2, 0])
    expect(await read()).toEqual({ state: 'RUNNING', erased: 2, waiting: 1, isListed: false })
    await step.query(eraseEvents, [id, ids[1], false, ids[2], [], false])
    await step.query(eraseEvents, values)
    expect(await database.query('select cursor from erasures')).toEqual([{ cursor: ids[2] }])
    await database.query(`update erasures set state = 'FINISHED', cursor = $1`, [NIL_UUID])
    await database.query('update events set "erasedAt" = null')
    expect(await step.query(eraseEvents, values)).toEqual([])
  })

  it('leave an event of which the status says more than its deliveries, and what is in the outbox', async () => {
    await fill({ status: 'FAILED' })
    await database.query(`update events set status = 'DEAD'`)
    await fill({ status: 'DEAD' })
    await database.query(
      `insert into outbox ("eventId") select "eventId" from deliveries where status = 'DEAD'`,
    )
    await store()
    run()
    await expect.poll(read, PATIENCE).toEqual({ state: 'RUNNING', erased: 0, waiting: 2, isListed: true })
  })
})
