/** Events meet exactly the subscriptions that are committed, though each process matches in its own memory. */
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createMatcher, type Matcher } from '../../src/matching/matcher.js'
import { sqlIsCurrent } from '../../src/matching/view.js'
import type { Database } from '../../src/platform/postgres/database.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createTestDatabase, openDatabase, type TestDatabase } from '../support/database.js'
import { startReceiver } from '../support/receiver.js'
import { layouts, startTestService } from '../support/service.js'

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

/** As an operator would, past the service: nobody is told. */
const insertByHand = (tables: TestDatabase, endpointUrl: string, type: string) =>
  tables.query<{ id: string }>(
    `insert into subscriptions (id, "endpointUrl", "eventTypes", secret, fingerprint)
     values ($1::uuid, $2, array[$3], $4, sha256(convert_to($1::uuid::text, 'UTF8'))) returning id`,
    [randomUUID(), endpointUrl, type, 'whsec_c29tZSBvdGhlciBzZWNyZXQgb2YgdGhpcnR5IGJ5dGVz'],
  )

describe.each(layouts)('a change by hand, %s', (layout) => {
  it('counts for the next event', async () => {
    const service = resources.use(await startTestService(layout))
    const receiver = resources.use(await startReceiver())
    const publish = async () => {
      const { body } = await service.api.post('/v1/events', { type: 'by.hand', data: {} })
      return body.eventId as string
    }
    const statusOf = async (eventId: string) =>
      (await service.api.get(`/v1/events/${eventId}/summary`)).body.status
    const settled = (eventId: string) => expect.poll(() => statusOf(eventId), { timeout: 10_000 })

    await settled(await publish()).toBe('UNMATCHED')
    await insertByHand(service.database, receiver.url, 'by.hand')
    await settled(await publish()).toBe('DELIVERED')
    await service.database.query('update subscriptions set "isEnabled" = false')
    await settled(await publish()).toBe('UNMATCHED')
    await service.database.query('update subscriptions set "isEnabled" = true')
    await settled(await publish()).toBe('DELIVERED')
    await service.database.query('delete from subscriptions')
    await settled(await publish()).toBe('UNMATCHED')
    expect(receiver.requests).toHaveLength(2)
  })
})

it.each(layouts)('a pattern brings each event once, %s', async (layout) => {
  const service = resources.use(await startTestService(layout))
  const receiver = resources.use(await startReceiver())
  const subscribe = (path: string, eventTypes: string[]) =>
    service.api.post('/v1/subscriptions', { endpointUrl: `${receiver.url}/${path}`, eventTypes })
  expect((await subscribe('all', ['user.*', '*', 'user.created'])).status).toBe(201)
  expect((await subscribe('users', ['user.*'])).body.eventTypes).toEqual(['user.*'])
  expect((await subscribe('addresses', ['user.address.*'])).status).toBe(201)
  for (const type of ['user', 'user.created', 'user.address.changed'])
    await service.api.post('/v1/events', { type, data: {} })
  const received = () =>
    receiver.requests.map(({ path, body }) => `${path} ${JSON.parse(body).type}`).toSorted()
  await expect
    .poll(received, { timeout: 10_000 })
    .toEqual([
      '/hook/addresses user.address.changed',
      ...['/hook/all user', '/hook/all user.address.changed', '/hook/all user.created'],
      ...['/hook/users user.address.changed', '/hook/users user.created'],
    ])
})

it.each(['user*', '*.created', 'user.*.changed', '.*', '**', 'user.* ', `${'a'.repeat(127)}.*`])(
  '%j is no pattern',
  async (pattern) => {
    const service = resources.use(await startTestService('postgres'))
    const wanted = { endpointUrl: 'https://example.com', eventTypes: [pattern] }
    const { status, body } = await service.api.post('/v1/subscriptions', wanted)
    expect(status).toBe(400)
    expect(body.errors).toEqual([
      expect.objectContaining({ path: 'eventTypes.0', message: expect.stringContaining('such as "user.*"') }),
    ])
  },
)

describe('the view of a matcher', () => {
  let tables: TestDatabase
  let database: Database
  let matcher: Matcher

  beforeEach(async () => {
    tables = resources.use(await createTestDatabase())
    database = resources.use(openDatabase(tables))
    matcher = await createMatcher(database)
  })

  const statement = { name: 'is-current', text: `select ${sqlIsCurrent('$1', '$2', '$3')} as "isCurrent"` }
  async function isCurrent(view = matcher.match([]).view): Promise<boolean | undefined> {
    const [row] = await database.query<{ isCurrent: boolean }>(statement, view)
    return row?.isCurrent
  }
  const find = (type: string) => matcher.match([type]).byKey.get(type)

  it('is current until a subscription changes, and again after a refresh', async () => {
    expect(await isCurrent()).toBe(true)
    const [row] = await insertByHand(tables, 'https://example.com', 'a')
    expect(await isCurrent()).toBe(false)
    await matcher.refresh()
    expect(await isCurrent()).toBe(true)
    expect(find('a')).toEqual([row?.id])
  })

  it('does not contain a transaction that was open at the refresh, however long it takes', async () => {
    const late = new pg.Client(tables.url)
    await late.connect()
    resources.use({ [Symbol.asyncDispose]: () => late.end() })
    await late.query('begin')
    const id = randomUUID()
    await late.query(
      `insert into subscriptions (id, "endpointUrl", "eventTypes", secret, fingerprint)
       values ($1, 'https://example.com/late', '{a}', 'none', 'late')`,
      [id],
    )
    // Later transactions end first.
    for (const type of ['b', 'c']) await insertByHand(tables, 'https://example.com', type)
    await matcher.refresh()
    expect(await isCurrent()).toBe(true)
    expect(find('a')).toEqual([])
    await late.query('commit')
    expect(await isCurrent()).toBe(false)
    await matcher.refresh()
    expect(find('a')).toEqual([id])
    expect(await isCurrent()).toBe(true)
  })

  it('is not current on another server', async () => {
    const [serverStart, ...rest] = matcher.match([]).view
    expect(await isCurrent([`${Number(serverStart) + 1}`, ...rest])).toBe(false)
  })

  it('follows more changes than it reads one by one', async () => {
    await tables.query(`
      insert into subscriptions (id, "endpointUrl", "eventTypes", secret, fingerprint)
      select gen_random_uuid(), 'https://example.com/' || n, array['type.' || n], 'none', n::text::bytea
      from generate_series(1, 12000) as n`)
    await matcher.refresh()
    expect(find('type.1')).toHaveLength(1)
    expect(find('type.12000')).toHaveLength(1)
    expect(await isCurrent()).toBe(true)
  })

  it('becomes current on a database that was restored from one with more transactions', async () => {
    await insertByHand(tables, 'https://example.com', 'a')
    await tables.query(`
      alter table subscriptions disable trigger user;
      update subscriptions set "changedIn" = 9000000000000000;
      alter table subscriptions enable trigger user`)
    await matcher.refresh()
    expect(await isCurrent()).toBe(false)
    matcher = await createMatcher(database)
    expect(await isCurrent()).toBe(true)
    expect(find('a')).toHaveLength(1)
  })
})
