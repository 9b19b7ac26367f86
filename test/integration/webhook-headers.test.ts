/** Headers that a subscription adds to its webhooks, plain and secret. */
import { connect } from 'node:net'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createClient } from '../support/client.js'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { deliver, eventIn, publish } from '../support/delivering.js'
import { ask, post } from '../support/graphql.js'
import { type ReceivedRequest, type Receiver, startReceiver } from '../support/receiver.js'
import { newEncryptionKey } from '../support/secrets.js'
import { layouts, startOn, startTestService, type TestService } from '../support/service.js'

const SECRET = 'tr0ub4dor&3 "quoted"'

let resources: Resources
let receiver: Receiver
let service: TestService

beforeEach(async () => {
  resources = createResources()
  receiver = resources.use(await startReceiver())
})
afterEach(() => resources[Symbol.asyncDispose]())

const endpoint = () => ({ endpointUrl: receiver.url, eventTypes: ['user.created'] })
const withHeaders = () => ({
  ...endpoint(),
  headers: { 'X-Team': 'billing', 'x-empty': '' },
  secretHeaders: { 'X-Api-Key': SECRET },
})

/** Every row of every table, as text. */
async function tables({ query }: TestDatabase): Promise<string> {
  const named = await query<{ name: string }>(
    `select format('%I', tablename) as name from pg_tables where schemaname = 'public'`,
  )
  const texts = await Promise.all(named.map(({ name }) => query(`select t::text as row from ${name} t`)))
  return JSON.stringify(texts)
}

const sentHeaders = ({ headers }: ReceivedRequest) => ({
  team: headers['x-team'],
  empty: headers['x-empty'],
  key: headers['x-api-key'],
  type: headers['content-type'],
})

describe('headers of a subscription', () => {
  it.each(layouts)('are on every attempt, and secret ones nowhere else, queue on %s', async (layout) => {
    service = resources.use(
      await startTestService(layout, { SECRET_ENCRYPTION_KEY: newEncryptionKey().text }),
    )
    const commands: string[] = []
    if (service.redis) {
      const { hostname, port } = new URL(service.redis.url)
      // Not by ioredis, which can take what it monitors for the answer to its own command.
      const monitor = connect(Number(port), hostname, () => monitor.write('MONITOR\r\n'))
      resources.use({ [Symbol.asyncDispose]: async () => void monitor.destroy() })
      monitor.setEncoding('utf8').on('data', (text: string) => void commands.push(text))
      await expect.poll(() => commands.join('')).toContain('+OK')
    }
    const { status, body } = await service.api.post('/v1/subscriptions', withHeaders())
    expect([status, body]).toMatchObject([
      201,
      { headers: { 'x-team': 'billing', 'x-empty': '' }, secretHeaders: ['x-api-key'] },
    ])
    receiver.answerWith(500, 200)
    const eventId = await publish(service)
    const event = await eventIn('DELIVERED', service, eventId)
    // By now jobs carry what first attempts need.
    await deliver(service, receiver)
    expect(receiver.requests.slice(0, 2).map(sentHeaders)).toEqual([
      { team: 'billing', empty: '', key: SECRET, type: 'application/json' },
      { team: 'billing', empty: '', key: SECRET, type: 'application/json' },
    ])
    const shown = [event, (await service.api.get(`/v1/subscriptions/${body.id}`)).body, body]
    for (const text of [JSON.stringify(shown), await tables(service.database), commands.join('')])
      for (const form of [SECRET, JSON.stringify(SECRET).slice(1, -1), 'tr0ub4dor'])
        expect(text.includes(form)).toBe(false)
    if (service.redis) expect(commands.join('')).toContain(body.id)
  })

  it.each(layouts)('are changed and cleared from the next attempt on, queue on %s', async (layout) => {
    service = resources.use(await startTestService(layout))
    const { body } = await service.api.post('/v1/subscriptions', withHeaders())
    const change = async (changes: object) =>
      (await service.api.patch(`/v1/subscriptions/${body.id}`, changes)).body
    await deliver(service, receiver)
    expect(await change({ secretHeaders: { 'x-api-key': 'other' } })).toMatchObject({
      ...{ headers: body.headers, secretHeaders: ['x-api-key'] },
    })
    expect(sentHeaders(await deliver(service, receiver))).toMatchObject({ team: 'billing', key: 'other' })
    expect(await change({ description: 'same' })).toMatchObject({ secretHeaders: ['x-api-key'] })
    expect(await change({ headers: null, secretHeaders: null })).toMatchObject({
      headers: {},
      secretHeaders: [],
    })
    expect(sentHeaders(await deliver(service, receiver))).toMatchObject({ team: undefined, key: undefined })
  })

  it('are the same over GraphQL', async () => {
    service = resources.use(await startTestService('postgres'))
    const created = await ask(
      service,
      `mutation ($input: CreateSubscriptionInput!) {
         createSubscription(input: $input) { subscription { id headers secretHeaders } }
       }`,
      { input: withHeaders() },
    )
    const { id, ...shown } = created.createSubscription.subscription
    expect(shown).toEqual({ headers: { 'x-team': 'billing', 'x-empty': '' }, secretHeaders: ['x-api-key'] })
    const updated = await ask(
      service,
      `mutation ($id: ID!) {
         updateSubscription(id: $id, input: { headers: null, secretHeaders: { b: "2" } }) {
           subscription { headers secretHeaders }
         }
       }`,
      { id },
    )
    expect(updated.updateSubscription.subscription).toEqual({ headers: {}, secretHeaders: ['b'] })
    const { body } = await post(
      service,
      `mutation ($input: UpdateSubscriptionInput!) { updateSubscription(id: "${id}", input: $input) { errors { code } } }`,
      { input: { secretHeaders: SECRET } },
    )
    expect(body.errors).toHaveLength(1)
    expect(JSON.stringify(body)).not.toContain('tr0ub4dor')
  })

  it('that are secret move on to a new encryption key, and without the key nothing starts', async () => {
    const database = resources.use(await createTestDatabase())
    const [older, newer] = [newEncryptionKey(), newEncryptionKey()]
    let running: Awaited<ReturnType<typeof startOn>> | undefined
    async function restart(keys: string) {
      await running?.[Symbol.asyncDispose]()
      running = undefined
      running = await startOn(database, undefined, { SECRET_ENCRYPTION_KEY: keys }, pino({ level: 'silent' }))
      return { api: createClient(running.url) }
    }
    const stored = async () =>
      (
        await database.query<{ text: string }>(
          `select "secretHeaders" ->> 'x-api-key' as text from subscriptions`,
        )
      )[0]?.text
    try {
      const plain = await restart('')
      await plain.api.post('/v1/subscriptions', withHeaders())
      expect(await stored()).toBe(SECRET)
      for (const keys of [older.text, `${newer.text},${older.text}`, newer.text]) {
        const now = await restart(keys)
        const id = keys.startsWith(newer.text) ? newer.id : older.id
        expect(await stored()).toMatch(new RegExp(`^enc:v1:${id}:`))
        expect(sentHeaders(await deliver(now, receiver)).key).toBe(SECRET)
      }
      await expect(restart(older.text)).rejects.toThrow(newer.id)
    } finally {
      await running?.[Symbol.asyncDispose]()
    }
  })

  it('that were copied from a signing secret do not open', async () => {
    service = resources.use(
      await startTestService('postgres', { SECRET_ENCRYPTION_KEY: newEncryptionKey().text }),
    )
    await service.api.post('/v1/subscriptions', withHeaders())
    await service.database.query(
      `update subscriptions set "secretHeaders" = jsonb_build_object('x-api-key', secret)`,
    )
    const eventId = await publish(service)
    const lastError = async () =>
      (await service.api.get(`/v1/events/${eventId}`)).body.deliveries[0]?.lastError as string | null
    await expect
      .poll(lastError, { timeout: 10_000 })
      .toMatch(/^the secret header x-api-key can not be decrypted/)
    expect(receiver.requests).toEqual([])
  })
})

const SET_BY_OTHERS = 'can not be set: the service or HTTP itself sets this header'
const NO_NAME = 'must have a header name of RFC 9110, of at most 128 characters'
const NO_VALUE = 'must be printable ASCII without blanks at the ends, of at most 2048 characters'
const refused: [headers: Record<string, unknown>, path: string, message: string][] = [
  ...[
    'Host',
    'Content-Type',
    'content-length',
    'WEBHOOK-ID',
    'Connection',
    'Transfer-Encoding',
    'User-Agent',
  ].map((name): [Record<string, unknown>, string, string] => [{ [name]: 'a' }, name, SET_BY_OTHERS]),
  [{ 'proxy-authorization': 'a' }, 'proxy-authorization', SET_BY_OTHERS],
  [{ '': 'a' }, '', NO_NAME],
  [{ 'x a': 'a' }, 'x a', NO_NAME],
  [{ 'x:a': 'a' }, 'x:a', NO_NAME],
  [{ a: 'b\r\nc: d' }, 'a', NO_VALUE],
  [{ a: ' b' }, 'a', NO_VALUE],
  [{ a: 'é' }, 'a', NO_VALUE],
  [{ a: 'b'.repeat(2049) }, 'a', NO_VALUE],
  [{ a: 'enc:v1:b' }, 'a', 'must not start with enc:v1:, which marks secrets that are stored encrypted'],
  [{ a: 1 }, 'a', 'must be a string'],
  [{ a: 'b', A: 'c' }, 'A', 'is there twice'],
]

it.each(['headers', 'secretHeaders'])('what %s can not be is refused by name', async (field) => {
  service = resources.use(await startTestService('postgres'))
  const create = (fields: object) => service.api.post('/v1/subscriptions', { ...endpoint(), ...fields })
  for (const [headers, name, message] of refused) {
    const { status, body } = await create({ [field]: headers })
    expect([status, body.errors]).toEqual([400, [{ path: `${field}.${name}`, message }]])
  }
  const many = Object.fromEntries(Array.from({ length: 21 }, (_, place) => [`x-${place}`, 'a']))
  const long = { a: 'b'.repeat(2000), c: 'd'.repeat(2000) }
  expect((await create({ [field]: many })).body.errors).toEqual([
    { path: field, message: 'must have at most 20 headers' },
  ])
  expect((await create({ [field]: long })).body.errors).toEqual([
    { path: field, message: 'must have at most 3072 bytes' },
  ])

  const longName = (await create({ [field]: { ['x'.repeat(129)]: 'a' } })).body.errors
  expect(longName).toMatchObject([{ message: NO_NAME }])

  // One name in both maps, at once or by a change.
  const both = { headers: { 'x-a': '1' }, secretHeaders: { 'X-A': '2' } }
  const errors = [{ path: 'headers.x-a', message: 'is among secretHeaders, too' }]
  expect((await create(both)).body.errors).toEqual(errors)
  const other = field === 'headers' ? 'secretHeaders' : 'headers'
  const { body } = await create({ [field]: { 'x-a': '1' } })
  const changed = await service.api.patch(`/v1/subscriptions/${body.id}`, { [other]: { 'x-a': '2' } })
  expect([changed.status, changed.body.errors]).toEqual([400, errors])
})
