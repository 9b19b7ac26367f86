/** Replays: which deliveries they make once more, how often, how fast, and who may stop them. */
import { execFile } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MAX_OPEN_REPLAYS } from '../../src/model/replay.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createClient, TEST_KEY } from '../support/client.js'
import { eventIn, publish, subscribe } from '../support/delivering.js'
import { openEventStream } from '../support/event-stream.js'
import { fillPast } from '../support/finished-deliveries.js'
import { ask } from '../support/graphql.js'
import { type Receiver, startReceiver } from '../support/receiver.js'
import { layouts, startTestService, type TestService } from '../support/service.js'

const PATIENCE = { timeout: 20_000, interval: 20 }
const HOUR_MS = 3_600_000
const ago = (hours: number) => new Date(Date.now() - hours * HOUR_MS)

let resources: Resources
let service: TestService
let receiver: Receiver

beforeEach(async () => {
  resources = createResources()
  receiver = resources.use(await startReceiver(200))
})
afterEach(() => resources[Symbol.asyncDispose]())

const start = async (...of: Parameters<typeof startTestService>) => {
  service = resources.use(await startTestService(...of))
}

const replayOf = async (id: string) => (await service.api.get(`/v1/replays/${id}`)).body

async function run(input: object) {
  const { status, body, headers } = await service.api.post('/v1/replays', input)
  expect([status, body.detail]).toEqual([201, undefined])
  expect(headers.get('location')).toBe(`/v1/replays/${body.id}`)
  return body
}

async function runToEnd(input: object) {
  const { id } = await run(input)
  await expect.poll(async () => (await replayOf(id)).state, PATIENCE).toBe('FINISHED')
  return replayOf(id)
}

/** By delivery id, how often it was sent since the table was filled. */
async function sentOnce(ids: string[]) {
  const attempts = async () =>
    (
      await service.database.query<{ attempts: number }>(
        `select attempts from deliveries where id = any($1::uuid[]) and status = 'SENT' order by attempts desc`,
        [ids],
      )
    ).map((row) => row.attempts)
  await expect.poll(attempts, PATIENCE).toEqual(ids.map(() => 2))
}

/** The counts that the tallies and the events keep are those of the rows. */
async function expectCounted() {
  const sql = `
    select (select coalesce(sum(sent), 0)::int from tallies) - (select count(*)::int from deliveries where status = 'SENT') as sent,
           (select coalesce(sum(pending + failed + dead), 0)::int from tallies) -
             (select count(*)::int from deliveries where status <> 'SENT') as others,
           (select count(*)::int from events e where ("sentCount", "deadCount", "deliveryCount") <> (
             select count(*) filter (where status = 'SENT'), count(*) filter (where status = 'DEAD'), count(*)
             from deliveries d where d."eventId" = e.id)) as events`
  expect(await service.database.query(sql)).toEqual([{ sent: 0, others: 0, events: 0 }])
}

describe('a filter', () => {
  it.each(layouts)('makes each delivery that it means once more, queue on %s', async (layout) => {
    await start(layout)
    const id = await subscribe(service, receiver.url)
    const first = [await publish(service), await publish(service)]
    for (const eventId of first) await eventIn('DELIVERED', service, eventId)
    const dead = await fillPast(service.database, { subscriptionId: id, count: 3 })
    const failed = await fillPast(service.database, { subscriptionId: id, count: 2, status: 'FAILED' })
    const replay = await runToEnd({ filter: {} })
    expect(replay).toMatchObject({ total: 7, done: 7, missedBy: null, filter: {}, ratePerSecond: null })
    expect(replay.finishedAt).not.toBeNull()
    await sentOnce([...dead, ...failed])
    await expect.poll(() => receiver.requests.length, PATIENCE).toBe(9)
    for (const eventId of first) {
      const { deliveries } = await eventIn('DELIVERED', service, eventId)
      expect(deliveries[0].logs.map(({ attempt }: { attempt: number }) => attempt)).toEqual([1, 2])
      const times = receiver.requests.filter(({ headers }) => headers['webhook-id'] === eventId)
      expect(times).toHaveLength(2)
    }
    await expectCounted()
  })

  it('means what its conditions say, and a dry run counts what runs', async () => {
    await start('postgres')
    const { api, database } = service
    const a = await subscribe(service, receiver.url, ['a'])
    const b = (
      await api.post('/v1/subscriptions', { endpointUrl: receiver.url, eventTypes: ['b'], tenant: 'acme' })
    ).body.id
    const dead = await fillPast(database, { subscriptionId: a, count: 3 })
    const sent = await fillPast(database, { subscriptionId: a, count: 2, type: 'order', status: 'SENT' })
    const failed = await fillPast(database, {
      ...{ subscriptionId: b, count: 4, status: 'FAILED', error: 'Timed out', code: null },
    })
    const old = await fillPast(database, { subscriptionId: b, count: 5, at: ago(48), code: 404 })
    await fillPast(database, { subscriptionId: a, count: 7, isTest: true })
    await fillPast(database, { subscriptionId: a, count: 7, expiresAt: ago(1) })
    const [{ eventId } = { eventId: '' }] = await database.query<{ eventId: string }>(
      'select "eventId" from deliveries where id = $1',
      [dead[0]],
    )
    const all = [...dead, ...sent, ...failed, ...old]
    const cases: [object, string[]][] = [
      [{}, all],
      [{ status: ['DEAD'] }, [...dead, ...old]],
      [{ status: ['SENT', 'FAILED'] }, [...sent, ...failed]],
      [{ type: ['order', 'other'] }, sent],
      [{ eventId }, dead.slice(0, 1)],
      [{ subscriptionId: a }, [...dead, ...sent]],
      [{ subscriptionId: b, status: ['DEAD'] }, old],
      [{ subscriptionId: a, tenant: 'acme' }, []],
      [{ tenant: 'acme' }, [...failed, ...old]],
      [{ error: 'TIMED' }, failed],
      [{ error: 'nothing\u0000' }, []],
      [{ statusClass: ['NONE', 'HTTP_4XX'] }, [...failed, ...old]],
      [{ createdAt: { from: ago(49), to: ago(47) } }, old],
      [{ updatedAt: { from: ago(1) } }, [...dead, ...sent, ...failed]],
      [{ updatedAt: { to: ago(1) }, status: ['SENT'] }, []],
    ]
    for (const [filter, ids] of cases) {
      const { status, body } = await api.post('/v1/replays', { filter, dryRun: true })
      expect([filter, status, body]).toEqual([filter, 200, { total: ids.length }])
    }
    expect((await api.get('/v1/replays')).body.items).toEqual([])
    for (const [filter, ids] of [cases[3], cases[9], cases[12], cases[5]] as typeof cases) {
      const { body } = await api.post('/v1/replays', { filter, dryRun: true })
      const { total, done } = await runToEnd({ filter })
      expect([total, done]).toEqual([body.total, body.total])
      await sentOnce(ids.filter((id) => !sent.includes(id)))
    }
    expect((await api.get('/v1/replays')).body.items).toHaveLength(4)
  })

  it('leaves out what a subscription that is deleted would get', async () => {
    await start('postgres')
    const id = await subscribe(service, receiver.url)
    await fillPast(service.database, { subscriptionId: id })
    await ask(service, 'mutation ($id: ID!) { deleteSubscription(id: $id) { errors { code } } }', { id })
    expect(await runToEnd({ filter: {} })).toMatchObject({ total: 0, done: 0 })
  })

  it('leaves out an event that is erased, also after it was counted', async () => {
    await start('postgres')
    const { api } = service
    const subscriptionId = await subscribe(service, receiver.url)
    const events = [await publish(service), await publish(service), await publish(service)]
    for (const eventId of events) await eventIn('DELIVERED', service, eventId)
    expect((await api.post(`/v1/events/${events[0]}/erase`)).status).toBe(200)
    const { id, total } = await run({ filter: { subscriptionId }, ratePerSecond: 1 })
    expect(total).toBe(2)
    await api.post(`/v1/replays/${id}/pause`)
    const waiting = (await api.get(`/v1/deliveries?subscriptionId=${subscriptionId}&status=SENT`)).body.items
    for (const { eventId } of waiting) await api.post(`/v1/events/${eventId}/erase`)
    const { done } = (await api.post(`/v1/replays/${id}/resume`)).body
    await expect.poll(async () => (await replayOf(id)).state, PATIENCE).toBe('FINISHED')
    expect((await replayOf(id)).done).toBe(done)
    const late = (
      await api.post('/v1/subscriptions', { endpointUrl: `${receiver.url}/late`, eventTypes: ['*'] })
    ).body
    expect(await runToEnd({ missedBy: late.id })).toMatchObject({ total: done })
    await expectCounted()
  })

  it('makes what a disabled subscription gets once that is enabled', async () => {
    await start('postgres')
    const id = await subscribe(service, receiver.url)
    const dead = await fillPast(service.database, { subscriptionId: id, count: 2 })
    await service.api.patch(`/v1/subscriptions/${id}`, { isEnabled: false })
    expect(await runToEnd({ filter: { subscriptionId: id } })).toMatchObject({ done: 2 })
    const { body } = await service.api.get(`/v1/deliveries?subscriptionId=${id}`)
    expect(body.items.map((row: object) => row)).toEqual(
      dead.map(() => expect.objectContaining({ status: 'PENDING', waitingFor: 'DISABLED' })),
    )
    await service.api.patch(`/v1/subscriptions/${id}`, { isEnabled: true })
    await sentOnce(dead)
  })
})

describe('missedBy', () => {
  const publishTo = async (type: string, more: object = {}) =>
    (await service.api.post('/v1/events', { type, data: { n: 1 }, ...more })).body.eventId as string
  const received = () => receiver.requests.map(({ headers }) => headers['webhook-id']).toSorted()

  it.each(layouts)('gives a new subscription what it missed, queue on %s', async (layout) => {
    await start(layout)
    const events = [await publishTo('a.b'), await publishTo('a.b.c'), await publishTo('a')]
    for (const eventId of events) await eventIn('UNMATCHED', service, eventId)
    const missedBy = await subscribe(service, receiver.url, ['a.*'])
    const later = await publishTo('a.x')
    await eventIn('DELIVERED', service, later)
    const dry = await service.api.post('/v1/replays', { missedBy, dryRun: true })
    expect(dry.body).toEqual({ total: 2 })
    expect(await runToEnd({ missedBy })).toMatchObject({ total: 2, done: 2, missedBy, filter: null })
    expect(await runToEnd({ missedBy })).toMatchObject({ total: 0, done: 0 })
    for (const eventId of events.slice(0, 2)) await eventIn('DELIVERED', service, eventId)
    await eventIn('UNMATCHED', service, events[2] as string)
    expect(received()).toEqual([later, ...events.slice(0, 2)].toSorted())
    await expectCounted()
  })

  it('asks type, tenant, filter, time, and what the event is', async () => {
    await start('postgres')
    const seen = await publishTo('t', { data: { n: 2 } })
    const old = await publishTo('t', { createdAt: ago(48).toISOString() })
    const acme = await publishTo('t', { tenant: 'acme' })
    const other = await publishTo('u')
    await publishTo('t', { deliverAt: ago(-1).toISOString() })
    for (const eventId of [seen, old, acme, other]) await eventIn('UNMATCHED', service, eventId)
    const create = async (more: object) =>
      (await service.api.post('/v1/subscriptions', { endpointUrl: receiver.url, eventTypes: ['t'], ...more }))
        .body.id as string
    const totalOf = async (missedBy: string, filter?: object) =>
      (await service.api.post('/v1/replays', { missedBy, filter, dryRun: true })).body.total
    const all = await create({})
    expect(await totalOf(all)).toBe(3)
    expect(await totalOf(all, { createdAt: { from: ago(1) } })).toBe(2)
    expect(await totalOf(all, { createdAt: { to: ago(1) } })).toBe(1)
    expect(await totalOf(all, { tenant: 'acme' })).toBe(1)
    expect(await totalOf(all, { type: ['u'] })).toBe(0)
    expect(await totalOf(await create({ tenant: 'acme' }))).toBe(1)
    expect(await totalOf(await create({ eventTypes: ['t', 'u'], filter: 'data.n > 1' }))).toBe(1)
    expect(await totalOf(await create({ eventTypes: ['*'], filter: 'data.missing > 1' }))).toBe(0)
    const many = Array.from({ length: 30 }, (_, number) => `many.${number}`)
    expect(await totalOf(await create({ eventTypes: [...many, 'u'] }))).toBe(1)
    const filtered = await create({ eventTypes: ['t', '*'], filter: 'data.n > 1' })
    expect(await runToEnd({ missedBy: filtered })).toMatchObject({ total: 1, done: 1 })
    await eventIn('DELIVERED', service, seen)
    expect(received()).toEqual([seen])
  })
})

describe('a running replay', () => {
  it('keeps its pace', async () => {
    await start('postgres')
    const subscriptionId = await subscribe(service, receiver.url)
    await fillPast(service.database, { subscriptionId, count: 40 })
    const startedAt = performance.now()
    await runToEnd({ filter: {}, ratePerSecond: 20 })
    const seconds = (performance.now() - startedAt) / 1000
    expect(seconds).toBeGreaterThan(1.6)
    await expect.poll(() => receiver.requests.length, PATIENCE).toBe(40)
    const first = receiver.requests[0]?.receivedAt ?? 0
    const inFirstSecond = receiver.requests.filter(({ receivedAt }) => receivedAt - first < 900)
    expect(inFirstSecond.length).toBeLessThanOrEqual(25)
  })

  it('is paused, resumed and cancelled', async () => {
    await start('postgres')
    const { api, database } = service
    const subscriptionId = await subscribe(service, receiver.url)
    await fillPast(database, { subscriptionId, count: 30 })
    const another = resources.use(await startReceiver(200))
    const other = await subscribe(service, another.url, ['other'])
    await fillPast(database, { subscriptionId: other, count: 20 })
    const { id } = await run({ filter: { subscriptionId }, ratePerSecond: 10 })
    const move = (how: string) => api.post(`/v1/replays/${id}/${how}`)
    await expect.poll(async () => (await replayOf(id)).done, PATIENCE).toBeGreaterThan(2)
    expect((await move('pause')).body).toMatchObject({ state: 'PAUSED', finishedAt: null })
    expect((await move('pause')).status).toBe(200)
    const { done } = await replayOf(id)
    await expect.poll(() => receiver.requests.length, PATIENCE).toBe(done)
    // Meanwhile another one, of the same pace, makes several steps.
    await runToEnd({ filter: { subscriptionId: other }, ratePerSecond: 10 })
    expect((await replayOf(id)).done).toBe(done)
    expect((await move('resume')).body.state).toBe('RUNNING')
    await expect.poll(async () => (await replayOf(id)).done, PATIENCE).toBeGreaterThan(done)
    const cancelled = (await move('cancel')).body
    expect(cancelled.state).toBe('CANCELLED')
    expect(cancelled.finishedAt).not.toBeNull()
    expect(cancelled.done).toBeLessThan(30)
    await expect.poll(() => receiver.requests.length, PATIENCE).toBe(cancelled.done)
    for (const how of ['pause', 'resume']) {
      const { status, body } = await move(how)
      expect([status, body.detail]).toEqual([409, expect.stringContaining('The replay is CANCELLED.')])
    }
    expect((await move('cancel')).status).toBe(200)
    await expectCounted()
  })

  it('lets live traffic go first', async () => {
    await start('postgres')
    const { api, database } = service
    const endpoint = resources.use(await startReceiver(() => {}))
    const subscriptionId = await subscribe(service, endpoint.url)
    await api.patch(`/v1/subscriptions/${subscriptionId}`, { maxInFlight: 1 })
    await fillPast(database, { subscriptionId, count: 2500 })
    const { id } = await run({ filter: {} })
    await expect.poll(async () => (await replayOf(id)).done, PATIENCE).toBeGreaterThanOrEqual(500)
    // Each time that it is tried, and put off, its next step is at another time.
    const tried = new Map<number, Set<string>>()
    const triedAtOnePlace = async () => {
      const sql = 'select done, "nextStepAt"::text as at from replays where id = $1'
      const [row] = await database.query<{ done: number; at: string }>(sql, [id])
      const { done = 0, at = '' } = row ?? {}
      tried.set(done, (tried.get(done) ?? new Set()).add(at))
      return tried.get(done)?.size
    }
    await expect.poll(triedAtOnePlace, PATIENCE).toBeGreaterThanOrEqual(5)
    expect((await replayOf(id)).done).toBeLessThanOrEqual(1500)
  })

  it('is shown in lists and live, over GraphQL', async () => {
    await start('postgres')
    const subscriptionId = await subscribe(service, receiver.url)
    await fillPast(service.database, { subscriptionId, count: 12 })
    const stream = resources.use(
      await openEventStream(service, { query: 'subscription { replayUpdated { id state done } }' }),
    )
    const created = await ask(
      service,
      `mutation ($input: CreateReplayInput!) {
        createReplay(input: $input) { replay { id state total tenant filter } total errors { code } } }`,
      {
        input: {
          filter: { status: ['DEAD'], createdAt: { from: ago(1).toISOString() } },
          ratePerSecond: 20,
        },
      },
    )
    expect(created.createReplay).toMatchObject({ total: 12, errors: [] })
    const { id, ...replay } = created.createReplay.replay
    expect(replay).toMatchObject({ state: 'RUNNING', total: 12, tenant: null, filter: { status: ['DEAD'] } })
    const last = () =>
      (stream.results.at(-1) as { data: { replayUpdated: object } } | undefined)?.data.replayUpdated
    await expect.poll(last, PATIENCE).toEqual({ id, state: 'FINISHED', done: 12 })
    expect(stream.results.length).toBeGreaterThan(2)
    const listed = await ask(
      service,
      `{ replays(first: 5) { edges { node { id missedBy done } } } replay(id: "${id}") { state } }`,
    )
    expect(listed).toEqual({
      replays: { edges: [{ node: { id, missedBy: null, done: 12 } }] },
      replay: { state: 'FINISHED' },
    })
    const moved = await ask(
      service,
      `mutation { cancelReplay(id: "${id}") { replay { id } errors { code message } } }`,
    )
    expect(moved.cancelReplay).toMatchObject({ replay: null, errors: [{ code: 'CONFLICT' }] })
    await expect.poll(() => receiver.requests.length, PATIENCE).toBe(12)
    const dry = async () =>
      await ask(
        service,
        `mutation { createReplay(input: { filter: { status: [SENT] }, dryRun: true }) { replay { id } total errors { code } } }`,
      )
    const counted = { createReplay: { replay: null, total: 12, errors: [] } }
    await expect.poll(dry, PATIENCE).toEqual(counted)
  })
})

describe('what is refused', () => {
  it('is a wrong input', async () => {
    await start('postgres')
    const missedBy = await subscribe(service, receiver.url)
    const wrong: [object, string][] = [
      [{}, 'filter'],
      [{ filter: { status: ['PENDING'] } }, 'filter.status.0'],
      [{ filter: { eventId: 'x' } }, 'filter.eventId'],
      [{ filter: { createdAt: { from: 'now' } } }, 'filter.createdAt.from'],
      [{ filter: { other: 1 } }, 'filter.other'],
      [{ filter: {}, ratePerSecond: 0 }, 'ratePerSecond'],
      [{ missedBy, filter: { status: ['DEAD'] } }, 'filter.status'],
    ]
    for (const [input, path] of wrong) {
      const { status, body } = await service.api.post('/v1/replays', input)
      expect([input, status, body.errors?.[0].path]).toEqual([input, 400, path])
    }
    const unknown = '0192f0c1-2345-7abc-8def-0123456789a1'
    expect((await service.api.post('/v1/replays', { missedBy: unknown })).status).toBe(404)
    for (const path of [unknown, 'x']) {
      expect((await service.api.get(`/v1/replays/${path}`)).status).toBe(404)
      expect((await service.api.post(`/v1/replays/${path}/pause`)).status).toBe(404)
    }
  })

  it('is more than a few at once', async () => {
    await start('postgres')
    const subscriptionId = await subscribe(service, receiver.url)
    await fillPast(service.database, { subscriptionId, count: 1 })
    const ids: string[] = []
    for (let count = 0; count < MAX_OPEN_REPLAYS; count++) {
      const { id } = await run({ filter: { tenant: 'nobody' } })
      await service.database.query(`update replays set state = 'PAUSED' where id = $1`, [id])
      ids.push(id)
    }
    const { status, body } = await service.api.post('/v1/replays', { filter: {} })
    expect([status, body.detail]).toEqual([409, expect.stringContaining('no more are allowed')])
    await service.api.post(`/v1/replays/${ids[0]}/cancel`)
    await runToEnd({ filter: {} })
  })
})

it('a key of a tenant makes and sees only what is of its tenant', async () => {
  await start('postgres', { API_KEYS: [TEST_KEY, 'acme=manage+read+publish@acme=acme-key'].join() })
  const acme = createClient(service.url, 'acme-key')
  const own = (await acme.post('/v1/subscriptions', { endpointUrl: receiver.url, eventTypes: ['own'] })).body
    .id
  const foreign = await subscribe(service, receiver.url)
  const mine = await fillPast(service.database, { subscriptionId: own, count: 2 })
  const theirs = await fillPast(service.database, { subscriptionId: foreign, count: 3 })
  const operators = await run({ filter: { type: ['nothing'] } })
  expect((await acme.get(`/v1/replays/${operators.id}`)).status).toBe(404)
  expect((await acme.post(`/v1/replays/${operators.id}/cancel`)).status).toBe(404)
  expect((await acme.post('/v1/replays', { missedBy: foreign })).status).toBe(404)
  expect((await acme.post('/v1/replays', { filter: { tenant: 'zeta' } })).status).toBe(403)
  const { status, body } = await acme.post('/v1/replays', { filter: {} })
  expect([status, body.total, body.tenant]).toEqual([201, 2, 'acme'])
  await sentOnce(mine)
  expect((await acme.get('/v1/replays')).body.items).toHaveLength(1)
  const untouched = await service.database.query(
    `select from deliveries where id = any($1::uuid[]) and status = 'DEAD' and attempts = 1`,
    [theirs],
  )
  expect(untouched).toHaveLength(3)
})

it('is shown by the program of the docs', async () => {
  await start('postgres')
  for (const eventId of [await publish(service), await publish(service)])
    await eventIn('UNMATCHED', service, eventId)
  const id = await subscribe(service, receiver.url)
  const output = await new Promise<string>((resolve) =>
    execFile(
      process.execPath,
      ['docs/examples/replay-missed.mjs', service.url, TEST_KEY, id],
      (_, stdout, stderr) => resolve(stdout + stderr),
    ),
  )
  expect(output).toBe('missed: 2\nFINISHED: 2\n')
  await expect.poll(() => receiver.requests.length, PATIENCE).toBe(2)
})
