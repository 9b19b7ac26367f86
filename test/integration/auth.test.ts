/** How webhooks are authorized at their endpoints: Basic, a fixed token, and OAuth 2.0 client credentials. */
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createClient } from '../support/client.js'
import { createTestDatabase } from '../support/database.js'
import { deliver, eventIn, publish } from '../support/delivering.js'
import { ask, post } from '../support/graphql.js'
import { type Answer, type Receiver, startReceiver } from '../support/receiver.js'
import { newEncryptionKey } from '../support/secrets.js'
import {
  type Layout,
  layouts,
  type Settings,
  startOn,
  startTestService,
  type TestService,
} from '../support/service.js'

const SECRET = 'hush:hush ü"'

let resources: Resources
let receiver: Receiver
let tokenServer: Receiver
let service: TestService

beforeEach(async () => {
  resources = createResources()
  receiver = resources.use(await startReceiver())
  tokenServer = resources.use(await startReceiver(tokens()))
})
afterEach(() => resources[Symbol.asyncDispose]())

const endpoint = () => ({ endpointUrl: receiver.url, eventTypes: ['user.created'] })
const basic = { basic: { username: 'Aladdin', password: SECRET } }
const oauth2 = (more: object = {}) => ({
  oauth2: { tokenUrl: tokenServer.url, clientId: 'the client', clientSecret: 'a:b c+', ...more },
})

/** Answers with another token each time: `token-1`, `token-2`, … */
function tokens(fields: object = {}): Answer {
  let count = 0
  return (response) => {
    count += 1
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(
      JSON.stringify({ access_token: `token-${count}`, token_type: 'bearer', expires_in: 3600, ...fields }),
    )
  }
}

/** @returns what the new subscription is shown as */
async function start(auth: object, layout: Layout = 'postgres', settings: Settings = {}) {
  service = resources.use(await startTestService(layout, settings))
  const { status, body } = await service.api.post('/v1/subscriptions', { ...endpoint(), auth })
  expect([status, body]).toMatchObject([201, {}])
  return body
}

const authorizations = () => receiver.requests.map(({ headers }) => headers.authorization)

describe('basic and bearer', () => {
  it.each(layouts)('are on every attempt and shown without the secret, queue on %s', async (layout) => {
    const { id, auth } = await start(basic, layout, { SECRET_ENCRYPTION_KEY: newEncryptionKey().text })
    expect(auth).toEqual({ kind: 'BASIC', basic: { username: 'Aladdin' }, oauth2: null })
    receiver.answerWith(500, 200)
    await eventIn('DELIVERED', service, await publish(service))
    const expected = `Basic ${Buffer.from(`Aladdin:${SECRET}`).toString('base64')}`
    expect(authorizations()).toEqual([expected, expected])

    const changed = await service.api.patch(`/v1/subscriptions/${id}`, {
      auth: { bearer: { token: 'b.c-d' } },
    })
    expect(changed.body.auth).toEqual({ kind: 'BEARER', basic: null, oauth2: null })
    expect((await deliver(service, receiver)).headers.authorization).toBe('Bearer b.c-d')
    const [row] = await service.database.query<{ row: string }>('select s::text as row from subscriptions s')
    expect([row?.row.includes('b.c-d'), row?.row.includes('hush')]).toEqual([false, false])

    const cleared = await service.api.patch(`/v1/subscriptions/${id}`, { auth: null })
    expect(cleared.body.auth).toBeNull()
    expect((await deliver(service, receiver)).headers.authorization).toBeUndefined()
  })

  it('move on to a new encryption key, and without the key nothing starts', async () => {
    const database = resources.use(await createTestDatabase())
    const [older, newer] = [newEncryptionKey(), newEncryptionKey()]
    let running: Awaited<ReturnType<typeof startOn>> | undefined
    async function restart(keys: string) {
      await running?.[Symbol.asyncDispose]()
      running = undefined
      running = await startOn(database, undefined, { SECRET_ENCRYPTION_KEY: keys }, pino({ level: 'silent' }))
      return { api: createClient(running.url) }
    }
    try {
      const plain = await restart('')
      await plain.api.post('/v1/subscriptions', { ...endpoint(), auth: { bearer: { token: 'abc' } } })
      for (const keys of [older.text, `${newer.text},${older.text}`, newer.text]) {
        const now = await restart(keys)
        const id = keys.startsWith(newer.text) ? newer.id : older.id
        const rows = await database.query(`select auth ->> 'secret' as secret from subscriptions`)
        expect(rows).toEqual([{ secret: expect.stringMatching(new RegExp(`^enc:v1:${id}:`)) }])
        expect((await deliver(now, receiver)).headers.authorization).toBe('Bearer abc')
      }
      await expect(restart(older.text)).rejects.toThrow(newer.id)
    } finally {
      await running?.[Symbol.asyncDispose]()
    }
  })

  it('are the same over GraphQL, where a wrong value is not repeated', async () => {
    service = resources.use(await startTestService('postgres'))
    const shown = 'auth { kind basic { username } oauth2 { tokenUrl clientId scope audience } }'
    const create = `mutation ($input: CreateSubscriptionInput!) {
      createSubscription(input: $input) { subscription { id ${shown} } errors { code } } }`
    const created = await ask(service, create, { input: { ...endpoint(), auth: oauth2({ scope: 'a b' }) } })
    expect(created.createSubscription.subscription.auth).toEqual({
      ...{ kind: 'OAUTH2', basic: null },
      oauth2: { tokenUrl: tokenServer.url, clientId: 'the client', scope: 'a b', audience: null },
    })
    const wrong = { ...endpoint(), auth: { basic: { username: 'a', password: ['hush'] } } }
    const { body } = await post(service, create, { input: wrong })
    expect(body.errors).toHaveLength(1)
    expect(JSON.stringify(body)).not.toContain('hush')
  })
})

describe('oauth2', () => {
  it.each(layouts)('fetches a token by RFC 6749 and keeps it, queue on %s', async (layout) => {
    const { auth } = await start(oauth2({ scope: 'events:write all', audience: 'https://api' }), layout, {
      SECRET_ENCRYPTION_KEY: newEncryptionKey().text,
    })
    expect(JSON.stringify(auth)).not.toContain('a:b')
    for (let count = 0; count < 3; count += 1) await deliver(service, receiver)
    expect(authorizations()).toEqual(['Bearer token-1', 'Bearer token-1', 'Bearer token-1'])
    expect(tokenServer.requests).toHaveLength(1)
    const [request] = tokenServer.requests
    expect(Object.fromEntries(new URLSearchParams(request?.body))).toEqual({
      ...{ grant_type: 'client_credentials', scope: 'events:write all', audience: 'https://api' },
    })
    const credentials = Buffer.from('the+client:a%3Ab+c%2B').toString('base64')
    expect(request?.headers).toMatchObject({
      authorization: `Basic ${credentials}`,
      'content-type': 'application/x-www-form-urlencoded',
    })
  })

  it('fetches one token for deliveries at the same time', async () => {
    await start(oauth2())
    const answer = tokens()
    tokenServer.answerWith((response, request) => {
      setTimeout(() => typeof answer === 'function' && answer(response, request), 300)
    })
    await Promise.all(Array.from({ length: 20 }, () => publish(service)))
    await expect.poll(() => receiver.requests.length, { timeout: 10_000 }).toBe(20)
    expect([new Set(authorizations()), tokenServer.requests.length]).toEqual([new Set(['Bearer token-1']), 1])
  })

  it('fetches another one when it is about to expire, and after a change', async () => {
    const { id } = await start(oauth2())
    tokenServer.answerWith(tokens({ expires_in: 0 }))
    await deliver(service, receiver)
    await deliver(service, receiver)
    expect(authorizations()).toEqual(['Bearer token-1', 'Bearer token-2'])
    tokenServer.answerWith(tokens())
    await deliver(service, receiver)
    await service.api.patch(`/v1/subscriptions/${id}`, { auth: oauth2({ clientSecret: 'other' }) })
    expect((await deliver(service, receiver)).headers.authorization).toBe('Bearer token-2')
  })

  it('renews a token that the endpoint refuses once, within the attempt', async () => {
    await start(oauth2(), 'postgres', { DELIVERY_MAX_ATTEMPTS: '1' })
    await deliver(service, receiver)
    receiver.requests.length = 0
    receiver.answerWith(401, 200)
    const { deliveries } = await eventIn('DELIVERED', service, await publish(service))
    expect(deliveries[0].attempts).toBe(1)
    expect(authorizations()).toEqual(['Bearer token-1', 'Bearer token-2'])

    receiver.requests.length = 0
    receiver.answerWith(401)
    const dead = await eventIn('DEAD', service, await publish(service))
    expect(dead.deliveries[0].lastError).toBe('answered 401')
    expect(authorizations()).toEqual(['Bearer token-2', 'Bearer token-3'])
  })

  it.each<[string, Answer, RegExp]>([
    [
      'refuses the client',
      (response) => response.writeHead(401).end('{"error": "invalid_client", "error_description": "hush"}'),
      /^no access token: the token endpoint answered 401 invalid_client$/,
    ],
    ['redirects', 302, /^no access token: the token endpoint answered 302$/],
    ['answers no JSON', 200, /^no access token: the answer of the token endpoint has no access_token/],
    [
      'answers a token that is no header',
      tokens({ access_token: 'a\r\nb: c' }),
      /^no access token: the answer of the token endpoint has no access_token/,
    ],
    [
      'answers another type',
      tokens({ token_type: 'mac' }),
      /token_type that the token endpoint answered is not Bearer$/,
    ],
    [
      'answers too much',
      (response) => response.writeHead(200).end('a'.repeat(100_000)),
      /^no access token: the answer of the token endpoint is longer than is read$/,
    ],
    ['hangs', () => {}, /^no access token: the token endpoint did not answer within \d+ ms$/],
    [
      'resets',
      (response) => void response.socket?.resetAndDestroy(),
      /^no access token: the token endpoint reset/,
    ],
  ])('is a failure of the attempt when the token endpoint %s', async (_, answer, error) => {
    await start(oauth2(), 'postgres', { DELIVERY_MAX_ATTEMPTS: '1', DELIVERY_TIMEOUT_MS: '800' })
    tokenServer.answerWith(answer)
    const { deliveries } = await eventIn('DEAD', service, await publish(service))
    expect(deliveries[0]).toMatchObject({ lastError: expect.stringMatching(error), lastStatusCode: null })
    expect(receiver.requests).toEqual([])
  })

  it('goes nowhere that webhooks may not go', async () => {
    service = resources.use(await startTestService('postgres', { DELIVERY_MAX_ATTEMPTS: '1' }))
    const { status, body } = await service.api.post('/v1/subscriptions', {
      ...endpoint(),
      auth: oauth2({ tokenUrl: 'http://169.254.169.254/token' }),
    })
    expect([status, body.errors[0].path]).toEqual([400, 'auth.oauth2.tokenUrl'])
    // By a name, it is known only at the connection.
    await service.database.query(`update subscriptions set auth = null`)
    const made = await service.api.post('/v1/subscriptions', {
      ...endpoint(),
      auth: oauth2({ tokenUrl: 'http://ip6-loopback.invalid/token' }),
    })
    expect(made.status).toBe(201)
    await service.database.query(
      `update subscriptions set auth = jsonb_set(auth, '{oauth2,tokenUrl}', '"http://10.0.0.1/token"')`,
    )
    const { deliveries } = await eventIn('DEAD', service, await publish(service))
    expect(deliveries[0].lastError).toMatch(/^no access token: .*10\.0\.0\.1/)
  })
})

it.each([
  [{}, 'auth', /^must be one of basic, bearer and oauth2/],
  [{ ...basic, bearer: { token: 'a' } }, 'auth', /^must be one of basic, bearer and oauth2/],
  [
    { basic: { username: 'a:b', password: '' } },
    'auth.basic.username',
    /^must be at most 255 characters without a colon$/,
  ],
  [{ basic: { username: 'a' } }, 'auth.basic.password', /^is required/],
  [{ bearer: { token: 'a b' } }, 'auth.bearer.token', /^must be 1 to 2048 printable ASCII/],
  [{ bearer: { token: 'enc:v1:a' } }, 'auth.bearer.token', /^must not start with enc:v1:/],
  [
    { oauth2: { tokenUrl: 'ftp://a', clientId: 'a', clientSecret: 'b' } },
    'auth.oauth2.tokenUrl',
    /^must be an absolute/,
  ],
  [{ digest: {}, ...basic }, 'auth.digest', /^is not a known field$/],
])('is refused: %j', async (auth, path, message) => {
  service = resources.use(await startTestService('postgres'))
  const { status, body } = await service.api.post('/v1/subscriptions', { ...endpoint(), auth })
  expect([status, body.errors]).toEqual([400, [{ path, message: expect.stringMatching(message) }]])
})

it('is refused beside a header `authorization`, at once or by a change', async () => {
  service = resources.use(await startTestService('postgres'))
  const header = { Authorization: 'Bearer other' }
  const message = 'can not be beside a header `authorization`: remove one of them'
  const both = await service.api.post('/v1/subscriptions', {
    ...endpoint(),
    auth: basic,
    secretHeaders: header,
  })
  expect([both.status, both.body.errors]).toEqual([400, [{ path: 'auth', message }]])
  const { body } = await service.api.post('/v1/subscriptions', { ...endpoint(), auth: basic })
  const change = (changes: object) => service.api.patch(`/v1/subscriptions/${body.id}`, changes)
  expect((await change({ headers: header })).body.errors).toEqual([{ path: 'auth', message }])
  expect((await change({ headers: header, auth: null })).status).toBe(200)
})
