/** Many deliveries at once: jobs that retry them, and jobs that discard dead letters. */
import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { discardDeliveries } from '../../src/replays/steps.js'
import { createClient, TEST_KEY } from '../support/client.js'
import { eventIn, publish, subscribe } from '../support/delivering.js'
import { openEventStream } from '../support/event-stream.js'
import { fillPast } from '../support/finished-deliveries.js'
import { ask } from '../support/graphql.js'
import { type Receiver, startReceiver } from '../support/receiver.js'
import { startTestService, type TestService } from '../support/service.js'

const PATIENCE = { timeout: 20_000, interval: 20 }
const HOUR_MS = 3_600_000

let resources: Resources
let service: TestService
let receiver: Receiver
let subscriptionId: string

beforeEach(async () => {
  resources = createResources()
  receiver = resources.use(await startReceiver(200))
  const settings = { API_KEYS: [TEST_KEY, 'acme=manage+read+publish@acme=acme-key'].join() }
  service = resources.use(await startTestService('postgres', settings))
  subscriptionId = await subscribe(service, receiver.url)
})
afterEach(() => resources[Symbol.asyncDispose]())

const post = (what: 'retry' | 'discard', input: object, api = service.api) =>
  api.post(`/v1/deliveries/${what}`, input)
const jobOf = async (id: string) => (await service.api.get(`/v1/replays/${id}`)).body
const fill = (past: object = {}) => fillPast(service.database, { subscriptionId, ...past })

async function run(what: 'retry' | 'discard', input: object) {
  const { status, body, headers } = await post(what, input)
  expect([status, body.detail]).toEqual([201, undefined])
  expect(headers.get('location')).toBe(`/v1/replays/${body.id}`)
  return body
}

async function runToEnd(what: 'retry' | 'discard', input: object) {
  const { id } = await run(what, input)
  await expect.poll(async () => (await jobOf(id)).state, PATIENCE).toBe('FINISHED')
  return jobOf(id)
}

/** How many there are of each of these deliveries, by status and whether they are discarded. */
const statesOf = async (ids: string[]) => {
  const rows = await service.database.query<{ state: string; count: number }>(
    `select status || case when "discardedAt" is null then '' else ' discarded' end as state, count(*)::int as count
     from deliveries where id = any($1::uuid[]) group by 1`,
    [ids],
  )
  return Object.fromEntries(rows.map(({ state, count }) => [state, count]))
}

const letters = async () =>
  (await service.api.get('/v1/dead-letters?by=ERROR')).body.items.map(
    ({ lastError, count }: { lastError: string; count: number }) => [lastError, count],
  )

describe('a retry of many', () => {
  it('is of those that are FAILED or DEAD, and not of those that are discarded', async () => {
    const [dead, failed, sent, other] = [
      await fill({ count: 3 }),
      await fill({ count: 2, status: 'FAILED' }),
      await fill({ count: 4, status: 'SENT' }),
      await fill({ error: 'answered 500 in French' }),
    ]
    await runToEnd('discard', { filter: { lastError: 'answered 500 in French' } })
    const filter = { subscriptionId }
    const dry = await post('retry', { filter, dryRun: true })
    expect([dry.status, dry.body]).toEqual([200, { total: 5 }])
    const job = await runToEnd('retry', { filter })
    expect(job).toMatchObject({ kind: 'RETRY', total: 5, done: 5 })
    expect(job.filter).toEqual({ status: ['FAILED', 'DEAD'], isDiscarded: false, subscriptionId })
    await expect.poll(() => statesOf([...dead, ...failed]), PATIENCE).toEqual({ SENT: 5 })
    expect([await statesOf(sent), await statesOf(other)]).toEqual([{ SENT: 4 }, { 'DEAD discarded': 1 }])
    expect(receiver.requests).toHaveLength(5)
    expect(await runToEnd('retry', { filter: { isDiscarded: true } })).toMatchObject({ done: 1 })
    await expect.poll(() => statesOf(other), PATIENCE).toEqual({ SENT: 1 })
    expect(
      (await service.api.get('/v1/replays')).body.items.map(({ kind }: { kind: string }) => kind),
    ).toEqual([...['RETRY', 'RETRY', 'DISCARD']])
  })

  it('is of one group, by its error and no other', async () => {
    const [one] = [await fill({ error: 'expired' }), await fill({ error: 'the certificate has expired' })]
    expect((await post('retry', { filter: { error: 'expired' }, dryRun: true })).body.total).toBe(2)
    expect(await runToEnd('retry', { filter: { lastError: 'expired' } })).toMatchObject({ done: 1 })
    await expect.poll(() => statesOf(one), PATIENCE).toEqual({ SENT: 1 })
    expect((await post('retry', { filter: { lastError: '\u0000' }, dryRun: true })).body.total).toBe(0)
  })
})

describe('a discard', () => {
  it('takes dead letters out of sight, and a retry or a replay brings them back', async () => {
    const dead = await fill({ count: 3 })
    const others = [...(await fill({ status: 'FAILED' })), ...(await fill({ status: 'SENT' }))]
    const job = await runToEnd('discard', { filter: {} })
    expect(job).toMatchObject({ kind: 'DISCARD', total: 3, done: 3 })
    expect(job.filter).toEqual({ status: ['DEAD'], isDiscarded: false })
    expect([await statesOf(dead), await statesOf(others)]).toEqual([
      { 'DEAD discarded': 3 },
      { FAILED: 1, SENT: 1 },
    ])
    expect(await letters()).toEqual([])
    const { items } = (await service.api.get('/v1/deliveries?status=DEAD')).body
    for (const { discardedAt, updatedAt } of items) expect(discardedAt).toBe(updatedAt)
    expect((await service.api.get('/v1/stats')).body.deliveriesDead).toBe(3)
    expect(await runToEnd('discard', { filter: {} })).toMatchObject({ total: 0, done: 0 })

    expect((await service.api.post(`/v1/deliveries/${dead[0]}/retry`)).status).toBe(202)
    await expect.poll(() => statesOf(dead), PATIENCE).toEqual({ SENT: 1, 'DEAD discarded': 2 })
    await service.api.post('/v1/replays', { filter: { status: ['DEAD'] } })
    await expect.poll(() => statesOf(dead), PATIENCE).toEqual({ SENT: 3 })
  })

  it('takes also those that nothing can retry', async () => {
    const gone = await subscribe(service, `${receiver.url}/gone`, ['gone'])
    await fill({ isTest: true })
    await fill({ expiresAt: new Date(Date.now() - HOUR_MS) })
    await fill({ subscriptionId: gone })
    await ask(service, `mutation { deleteSubscription(id: "${gone}") { errors { code } } }`)
    expect((await post('retry', { filter: {}, dryRun: true })).body).toEqual({ total: 0 })
    expect(await letters()).toEqual([['answered 500', 3]])
    expect(await runToEnd('discard', { filter: {} })).toMatchObject({ total: 3, done: 3 })
    expect(await letters()).toEqual([])
  })

  it('is paused, goes on, and is cancelled', async () => {
    const dead = await fill({ count: 60 })
    const { id } = await run('discard', { filter: {}, ratePerSecond: 20 })
    const done = async () => (await jobOf(id)).done
    await expect.poll(done, PATIENCE).toBeGreaterThan(0)
    const paused = (await service.api.post(`/v1/replays/${id}/pause`)).body
    expect(paused.state).toBe('PAUSED')
    const before = await statesOf(dead)
    expect(before).toEqual({ 'DEAD discarded': paused.done, DEAD: 60 - paused.done })
    expect((await service.api.post(`/v1/replays/${id}/resume`)).body).toMatchObject({ state: 'RUNNING' })
    await expect.poll(done, PATIENCE).toBeGreaterThan(paused.done)
    const cancelled = (await service.api.post(`/v1/replays/${id}/cancel`)).body
    expect(cancelled.done).toBeLessThan(60)
    expect(await statesOf(dead)).toEqual({ 'DEAD discarded': cancelled.done, DEAD: 60 - cancelled.done })
  })

  it('never touches a delivery that changed since its step was begun', async () => {
    const [kept, retried, again] = (await fill({ count: 3 })) as [string, string, string]
    const id = randomUUID()
    const { database } = service
    // Later than the worker looks for steps.
    const [{ at } = { at: '' }] = await database.query<{ at: string }>(
      `insert into replays (id, kind, filter, "nextStepAt")
       values ($1, 'DISCARD', '{"isDiscarded": false}', now() + interval '1 day') returning "createdAt"::text as at`,
      [id],
    )
    await database.query(
      `update deliveries set status = 'FAILED', "nextRunAt" = now() + interval '1 day' where id = $1`,
      [retried],
    )
    await database.query(`update deliveries set "lastError" = 'another', "updatedAt" = now() where id = $1`, [
      again,
    ])
    const values = [id, '00000000-0000-0000-0000-000000000000', at, null, [kept, retried, again]]
    await database.query(discardDeliveries.text, values)
    expect([await statesOf([kept]), await statesOf([retried]), await statesOf([again])]).toEqual([
      ...[{ 'DEAD discarded': 1 }, { FAILED: 1 }, { DEAD: 1 }],
    ])
    expect(await jobOf(id)).toMatchObject({ state: 'FINISHED', done: 1 })
    await database.query(`update deliveries set "discardedAt" = null where id = $1`, [kept])
    await database.query(discardDeliveries.text, values)
    expect(await statesOf([kept])).toEqual({ DEAD: 1 })
  })

  it('is asked for and seen live over GraphQL', async () => {
    await fill({ count: 2 })
    const jobs = resources.use(
      await openEventStream(service, { query: 'subscription { replayUpdated { kind state done } }' }),
    )
    const changes = resources.use(
      await openEventStream(service, { query: 'subscription { deliveryUpdated { status discardedAt } }' }),
    )
    const created = await ask(
      service,
      `mutation {
        dry: discardDeliveries(filter: { subscriptionId: "${subscriptionId}" }, dryRun: true) { total replay { id } }
        discardDeliveries(filter: { lastError: "answered 500", status: [DEAD] }) {
          replay { kind filter } total errors { code }
        }
        wrong: discardDeliveries(filter: { isDiscarded: true }) { replay { id } errors { code message } }
        sent: retryDeliveries(filter: { status: [SENT] }) { replay { id } errors { code message } }
      }`,
    )
    expect(created.dry).toEqual({ total: 2, replay: null })
    expect(created.discardDeliveries).toEqual({
      replay: {
        kind: 'DISCARD',
        filter: { status: ['DEAD'], isDiscarded: false, lastError: 'answered 500' },
      },
      ...{ total: 2, errors: [] },
    })
    for (const refused of [created.wrong, created.sent])
      expect(refused).toMatchObject({ replay: null, errors: [{ code: 'BAD_USER_INPUT' }] })
    await expect
      .poll(() => jobs.results.at(-1), PATIENCE)
      .toEqual({ data: { replayUpdated: { kind: 'DISCARD', state: 'FINISHED', done: 2 } } })
    await expect.poll(() => changes.results, PATIENCE).toHaveLength(2)
    expect(changes.results[0]).toEqual({
      data: { deliveryUpdated: { status: 'DEAD', discardedAt: expect.any(String) } },
    })
    const retried = await ask(
      service,
      `mutation { retryDeliveries(filter: { isDiscarded: true }, ratePerSecond: 5) { replay { kind ratePerSecond } } }`,
    )
    expect(retried.retryDeliveries.replay).toEqual({ kind: 'RETRY', ratePerSecond: 5 })
    const last = () => changes.results.slice(2).map((result) => (result as { data: object }).data)
    await expect
      .poll(last, PATIENCE)
      .toContainEqual({ deliveryUpdated: { status: 'SENT', discardedAt: null } })
  })
})

it('a wrong input is refused', async () => {
  const wrong: ['retry' | 'discard', object, string][] = [
    ['retry', {}, 'filter'],
    ['retry', { filter: { status: ['SENT'] } }, 'filter.status.0'],
    ['retry', { filter: {}, missedBy: subscriptionId }, 'missedBy'],
    ['retry', { filter: { lastError: '' } }, 'filter.lastError'],
    ['discard', { filter: { status: ['FAILED'] } }, 'filter.status.0'],
    ['discard', { filter: { isDiscarded: true } }, 'filter.isDiscarded'],
    ['discard', { filter: {}, ratePerSecond: 0 }, 'ratePerSecond'],
  ]
  for (const [what, input, path] of wrong) {
    const { status, body } = await post(what, input)
    expect([input, status, body.errors?.[0].path]).toEqual([input, 400, path])
  }
})

it('a key of a tenant changes only what is of its tenant', async () => {
  const acme = createClient(service.url, 'acme-key')
  const endpoint = { endpointUrl: receiver.url, eventTypes: ['own'] }
  const own = await fill({ subscriptionId: (await acme.post('/v1/subscriptions', endpoint)).body.id })
  const foreign = await fill()
  expect((await post('discard', { filter: { tenant: 'zeta' } }, acme)).status).toBe(403)
  const { body } = await post('discard', { filter: {} }, acme)
  expect(body).toMatchObject({ tenant: 'acme', total: 1 })
  await expect.poll(() => statesOf(own), PATIENCE).toEqual({ 'DEAD discarded': 1 })
  await expect.poll(async () => (await jobOf(body.id)).state, PATIENCE).toBe('FINISHED')
  expect(await statesOf(foreign)).toEqual({ DEAD: 1 })
})

describe('a process of the version before', () => {
  /** Its `take-replay`, and the fields of a filter that it knows. It refuses any other before it makes anything. */
  const takeReplay = `
    update replays set "nextStepAt" = date_trunc('milliseconds', now()) + interval '10 seconds'
    where id = (
      select id from replays where state = 'RUNNING' and "nextStepAt" <= now()
      order by "nextStepAt" limit 1 for update skip locked
    )
    returning id, tenant, filter, "missedBy", "ratePerSecond", cursor`
  const known = [
    ...[
      'status',
      'type',
      'eventId',
      'subscriptionId',
      'tenant',
      'error',
      'statusClass',
      'createdAt',
      'updatedAt',
    ],
  ]
  const filterBefore = z.strictObject(Object.fromEntries(known.map((name) => [name, z.unknown().optional()])))

  it.each(['retry', 'discard'] as const)(
    'can not read what a %s is about, and leaves it alone',
    async (what) => {
      const dead = await fill({ count: 30 })
      const { id } = await run(what, { filter: {}, ratePerSecond: 5 })
      const taken: { id: string; filter: object }[] = []
      const take = async () => {
        taken.push(...(await service.database.query<{ id: string; filter: object }>(takeReplay)))
        return taken.at(-1)?.id
      }
      await expect.poll(take, PATIENCE).toBe(id)
      expect(filterBefore.safeParse(taken.at(-1)?.filter).success).toBe(false)
      // It gives the job back by doing nothing; the present version goes on with it.
      const { done } = await jobOf(id)
      await service.database.query(`update replays set "nextStepAt" = now() where id = $1`, [id])
      await expect.poll(async () => (await jobOf(id)).done, PATIENCE).toBeGreaterThan(done)
      expect((await statesOf(dead)).DEAD).toBeGreaterThan(0)
    },
  )

  it('makes replays', async () => {
    const insert = `insert into replays (id, state, filter) values (gen_random_uuid(), 'PAUSED', '{}') returning kind`
    expect(await service.database.query(insert)).toEqual([{ kind: 'REPLAY' }])
  })
})

it('an event keeps its status, and its deliveries their history', async () => {
  const failing = resources.use(await startReceiver(410))
  await subscribe(service, failing.url, ['failing'])
  const { body } = await service.api.post('/v1/events', { type: 'failing', data: {} })
  const before = await eventIn('DEAD', service, body.eventId)
  await runToEnd('discard', { filter: { eventId: body.eventId } })
  const after = await eventIn('DEAD', service, body.eventId)
  expect(after.updatedAt).toBe(before.updatedAt)
  expect(after.deliveries[0]).toMatchObject({ attempts: 1, logs: before.deliveries[0].logs })
  expect(after.deliveries[0].discardedAt).not.toBeNull()
  await eventIn('DELIVERED', service, await publish(service))
})
