/**
 * Secrets are shown where they are made, and nowhere else. Everything that the service says while it is used, in the
 * ways that make it talk, is kept and searched: answers, live updates, logs, metrics, what it stores.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createSecretCipher } from '../../src/secrets/cipher.js'
import { parseEncryptionKey } from '../../src/secrets/encryption-keys.js'
import { createLogger } from '../../src/telemetry/logging.js'
import { selfSigned } from '../support/certificates.js'
import { createClient } from '../support/client.js'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { post, watchOverSse } from '../support/graphql.js'
import { temporaryDirectory } from '../support/process.js'
import { startProxy } from '../support/proxy.js'
import { type Receiver, startReceiver } from '../support/receiver.js'
import { newEncryptionKey } from '../support/secrets.js'
import { startOn } from '../support/service.js'

const key = newEncryptionKey()
const GIVEN = 'whsec_Z2l2ZW4gc2VjcmV0IG9mIDI0IGJ5dGVz'
const NEXT = 'whsec_bmV4dCBzZWNyZXQgb2YgMjQgYnl0ZXMu'
const WORDS = 'a secret that is plain words'
const REFUSED = 'whsec_!cmVmdXNlZCBzZWNyZXQgb2YgMjQgYnl0'
const HEADER = 'the-value-of-a-secret-header'
const PASSWORD = 'the-password-of-an-endpoint'
const basicOf = (password: string) => Buffer.from(`u:${password}`).toString('base64')

let resources: Resources
let database: TestDatabase
let receiver: Receiver
let logLines: string[]

beforeEach(async () => {
  resources = createResources()
  database = resources.use(await createTestDatabase())
  receiver = resources.use(await startReceiver(500, 200))
  logLines = []
})
afterEach(() => resources[Symbol.asyncDispose]())

/** All that is logged, at the most talkative level; all that is answered is kept too. */
async function start(settings: Record<string, string> = {}, databaseUrl = database.url) {
  const logger = createLogger(
    { environment: 'test', logLevel: 'trace' },
    { write: (line) => void logLines.push(line) },
  )
  const service = resources.use(
    await startOn(
      { ...database, url: databaseUrl },
      undefined,
      { GRAPHQL_INTROSPECTION: 'true', ...settings },
      logger,
    ),
  )
  const said: { where: string; text: string }[] = []
  const api = createClient(service.url)
  const keep = (where: string, answer: { status: number; headers: Headers; body: unknown }) => {
    said.push({
      where: `${where} → ${answer.status}`,
      text: JSON.stringify([[...answer.headers], answer.body]),
    })
    return answer as { status: number; headers: Headers; body: never }
  }
  return {
    ...{ service, said },
    get: async (path: string) => keep(`GET ${path}`, await api.get(path)),
    post: async (path: string, body?: unknown) => keep(`POST ${path}`, await api.post(path, body)),
    patch: async (path: string, body: unknown) => keep(`PATCH ${path}`, await api.patch(path, body)),
    ask: async (query: string, variables: object = {}) =>
      keep(query.slice(0, 60), await post(service, query, variables)) as Awaited<ReturnType<typeof post>>,
  }
}

type Kept = Awaited<ReturnType<typeof start>>

const fields =
  'id endpointUrl eventTypes isEnabled description maxRequestsPerSecond signatures publicKey publicKeys createdAt updatedAt headers secretHeaders auth { kind basic { username } } clientCertificate { subject fingerprint256 }'
const CREATE = `mutation ($input: CreateSubscriptionInput!) {
  createSubscription(input: $input) { subscription { ${fields} } secret errors { code message ... on InvalidInputError { problems { path message } } } } }`
const ROTATE = `mutation ($id: ID!) { rotateSecret(id: $id) { subscription { ${fields} } secret errors { code } } }`
const UPDATE = `mutation ($id: ID!, $input: UpdateSubscriptionInput!) {
  updateSubscription(id: $id, input: $input) { subscription { ${fields} } errors { code message ... on InvalidInputError { problems { path message } } } } }`

/**
 * The forms in which a secret could be found: itself, its key as hex or base64, and each as JSON or a URL writes it.
 */
function forms(secret: string): string[] {
  const bytes = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret)
  const plain = [
    secret,
    secret.replace('whsec_', ''),
    bytes.toString('hex'),
    bytes.toString('base64'),
    bytes.toString('utf8'),
  ]
  return plain.flatMap((form) => [form, JSON.stringify(form).slice(1, -1), encodeURIComponent(form)])
}

function expectNothingOf(secrets: string[], places: { where: string; text: string }[]): void {
  const wanted = secrets.flatMap(forms)
  const found = places.flatMap(({ where, text }) =>
    wanted.filter((form) => text.includes(form)).map(() => where),
  )
  expect([...new Set(found)]).toEqual([])
  // A search of nothing finds nothing.
  expect(places.length).toBeGreaterThan(0)
}

/** What signs `v1a`, without the public half. */
async function privateKeys(): Promise<string[]> {
  const cipher = createSecretCipher([parseEncryptionKey(key.text)])
  const rows = await database.query<{ id: string; privateKey: string }>(
    `select id, pair ->> 'privateKey' as "privateKey" from subscriptions, jsonb_array_elements("keyPairs") as pair`,
  )
  expect(rows.length).toBeGreaterThan(4)
  return rows.flatMap(({ id, privateKey }) => {
    const opened = cipher.open(id, privateKey)
    const seed = Buffer.from(opened.slice('whsk_'.length), 'base64').subarray(0, 32)
    // The base64 of the seed alone ends otherwise than where the public half follows.
    return [
      opened,
      opened.slice('whsk_'.length, 'whsk_'.length + 42),
      seed.toString('hex'),
      seed.toString('base64'),
    ]
  })
}

/** An endpoint of its own with a client certificate, to which nothing is sent; and the lines of its key. */
function withClientCertificate() {
  const { cert, key: privateKey } = selfSigned(resources.use(temporaryDirectory()).path, 'events')
  const endpoint = { endpointUrl: 'https://127.0.0.1:1/', eventTypes: ['never'] }
  return {
    input: { ...endpoint, clientCertificate: { certificate: cert, privateKey } },
    lines: privateKey.split('\n').filter((line) => line.length === 64),
  }
}

/** Every row of every table, as text. */
async function tables(): Promise<{ where: string; text: string }[]> {
  const named = await database.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables
     where schemaname not in ('pg_catalog', 'information_schema')`,
  )
  const read = async ({ name }: { name: string }) => ({
    where: `table ${name}`,
    text: (await database.query<{ row: string }>(`select t::text as row from ${name} t`))
      .map(({ row }) => row)
      .join('\n'),
  })
  return Promise.all(named.map(read))
}

const logged = () => logLines.map((text) => ({ where: `log: ${text.slice(0, 200)}`, text }))

/** Subscribes in all ways; gives the secrets, and forgets the answers that may show them, which it has looked at. */
async function subscribe(kept: Kept): Promise<{ ids: string[]; secrets: string[] }> {
  const endpoint = (at: string) => ({
    ...{ endpointUrl: `${receiver.url}/${at}`, eventTypes: ['a'], signatures: ['V1', 'V1A'] },
    ...{ secretHeaders: { 'x-key': HEADER }, auth: { basic: { username: 'u', password: PASSWORD } } },
  })
  const rest = [
    await kept.post('/v1/subscriptions', endpoint('generated')),
    await kept.post('/v1/subscriptions', { ...endpoint('given'), secret: GIVEN }),
    await kept.post('/v1/subscriptions', { ...endpoint('words'), secret: WORDS }),
  ].map(({ body }) => body as { id: string; secret: string })
  const { body } = await kept.ask(CREATE, { input: endpoint('graphql') })
  const { subscription, secret } = body.data.createSubscription
  const all = [...rest, { id: subscription.id as string, secret: secret as string }]
  const secrets = all.map((one) => one.secret)
  // Shown, each in its own answer alone.
  expect(kept.said.map(({ text }) => secrets.filter((one) => text.includes(one)))).toEqual(
    secrets.map((one) => [one]),
  )
  kept.said.length = 0
  return { ids: all.map(({ id }) => id), secrets }
}

describe('a secret', () => {
  it('is in no answer but the one that made it, in no log, no metric, no live update and no column', async () => {
    const kept = await start({ SECRET_ENCRYPTION_KEY: key.text })
    const live = resources.use(
      watchOverSse(
        kept.service,
        `subscription { deliveryUpdated { id lastError subscription { ${fields} } logs { error } } }`,
      ),
    )
    const { ids, secrets } = await subscribe(kept)
    const certified = withClientCertificate()
    expect((await kept.post('/v1/subscriptions', certified.input)).status).toBe(201)
    kept.said.pop()
    const [first, second] = ids as [string, string]
    await kept.patch(`/v1/subscriptions/${first}`, { secret: NEXT })
    await kept.ask(UPDATE, { id: second, input: { secret: NEXT } })
    const rotated = [
      (await kept.post(`/v1/subscriptions/${first}/rotate-secret`, {})).body as { secret: string },
      (await kept.ask(ROTATE, { id: second })).body.data.rotateSecret as { secret: string },
    ].map(({ secret }) => secret)
    // Shown, each in its own answer alone.
    const shown = kept.said.splice(-2).map(({ text }) => rotated.filter((one) => text.includes(one)))
    expect(shown).toEqual(rotated.map((one) => [one]))

    const { body } = await kept.post('/v1/events', { type: 'a', data: {} })
    const { eventId } = body as { eventId: string }
    const statusOf = async () =>
      ((await kept.get(`/v1/events/${eventId}/summary`)).body as { status: string }).status
    await expect.poll(statusOf, { timeout: 20_000 }).toBe('DELIVERED')
    await expect.poll(() => live.results.length, { timeout: 20_000 }).toBeGreaterThan(0)

    for (const path of [
      'subscriptions',
      `subscriptions/${first}`,
      'deliveries',
      `events/${eventId}`,
      'stats',
      'health',
      'metrics',
    ])
      await kept.get(`/v1/${path}`)
    await kept.get('/openapi.json')
    await kept.ask(
      `{ subscriptions(first: 50) { edges { cursor node { ${fields} } } } deliveries(first: 50) { edges { node { lastError logs { error } } } } }`,
    )
    // There is no field to ask for.
    for (const field of ['secret', 'formerSecrets', 'previousSecret', 'previousSecretUntil', 'keyPairs'])
      expect(
        (await kept.ask(`{ subscriptions(first: 1) { edges { node { ${field} } } } }`)).body.errors,
      ).toHaveLength(1)

    const all = [...secrets, ...rotated, ...(await privateKeys()), ...certified.lines, NEXT, key.text]
    expect(certified.lines.length).toBeGreaterThan(0)
    expect(logLines.join()).toContain('"status":"FAILED"')
    const signatures = receiver.requests.map(({ headers }) => String(headers['webhook-signature']))
    const liveText = { where: 'live', text: JSON.stringify(live.results) }
    const sent = receiver.requests.map(({ body, headers }) => ({
      where: 'a webhook',
      text: JSON.stringify([headers, body]),
    }))
    const places = [...kept.said, ...logged(), ...(await tables()), liveText]
    expectNothingOf(all, [...places, ...sent])
    // These are what webhooks carry, and nothing else does.
    expectNothingOf([HEADER, PASSWORD, basicOf(PASSWORD)], places)
    expect(JSON.stringify(sent)).toContain(HEADER)
    for (const signature of signatures) expect(logLines.join()).not.toContain(signature)
  })

  it('is not repeated by an answer that refuses it, nor logged', async () => {
    const kept = await start()
    const good = { endpointUrl: receiver.url, eventTypes: ['a'] }
    await kept.post('/v1/subscriptions', { ...good, secret: REFUSED })
    await kept.post('/v1/subscriptions', { ...good, secret: [NEXT] })
    await kept.post('/v1/subscriptions', { ...good, secret: NEXT, unknown: true })
    await kept.post('/v1/subscriptions', `{"secret": "${NEXT}", nonsense`)
    await kept.patch('/v1/subscriptions/01a20732-f2b4-788b-860a-f2d16f1150ba', { secret: NEXT })
    await kept.ask(CREATE, { input: { ...good, secret: REFUSED } })
    await kept.ask(CREATE, { input: { ...good, secret: [NEXT] } })
    await kept.ask(CREATE, { input: { ...good, secret: NEXT, unknown: true } })
    await kept.ask(CREATE, { input: { secret: NEXT } })
    await kept.ask(CREATE.replace('$input: CreateSubscriptionInput!', '$input: Int!'), {
      input: { ...good, secret: NEXT },
    })
    await kept.ask(`mutation { createSubscription(input: { secret: "${NEXT}", unknown: 1 }) { secret } }`)
    expect(kept.said.every(({ where }) => !where.endsWith('201'))).toBe(true)
    for (const refused of [
      { secretHeaders: { host: HEADER } },
      { auth: { basic: { password: PASSWORD } } },
    ]) {
      await kept.post('/v1/subscriptions', { ...good, ...refused })
      await kept.ask(CREATE, { input: { ...good, ...refused } })
    }
    await kept.ask(CREATE, { input: { ...good, auth: PASSWORD } })
    await kept.ask(CREATE, { input: { ...good, secretHeaders: [HEADER] } })
    expect(kept.said.every(({ where }) => !where.endsWith('201'))).toBe(true)
    const { input, lines } = withClientCertificate()
    for (const certificate of ['none', [input.clientCertificate.certificate]]) {
      const refused = { ...input, clientCertificate: { ...input.clientCertificate, certificate } }
      expect((await kept.post('/v1/subscriptions', refused)).status).toBe(400)
      await kept.ask(CREATE, { input: refused })
      await kept.ask(CREATE, { input: { ...good, clientCertificate: input.clientCertificate } })
    }
    expectNothingOf([NEXT, REFUSED, HEADER, PASSWORD, ...lines], [...kept.said, ...logged()])
  })

  it.each(['', key.text])(
    'is not in what is said when the database refuses or is away (key %#)',
    async (text) => {
      const proxy = resources.use(await startProxy(database.url))
      const kept = await start({ SECRET_ENCRYPTION_KEY: text }, proxy.url)
      const { ids, secrets } = await subscribe(kept)
      // PostgreSQL tells of the whole row.
      await database.query(
        `alter table subscriptions add constraint refuses check (description <> 'refused')`,
      )
      const refused = {
        endpointUrl: `${receiver.url}/refused`,
        eventTypes: ['a'],
        description: 'refused',
        secret: NEXT,
      }
      const answers = [
        await kept.post('/v1/subscriptions', refused),
        await kept.patch(`/v1/subscriptions/${ids[0]}`, { description: 'refused', secret: NEXT }),
      ]
      await kept.ask(CREATE, { input: refused })
      await proxy.cut()
      answers.push(await kept.post('/v1/subscriptions', { ...refused, description: 'not refused' }))
      answers.push(await kept.patch(`/v1/subscriptions/${ids[0]}`, { secret: NEXT }))
      await kept.ask(UPDATE, { id: ids[0], input: { secret: NEXT } })
      await proxy.restore()
      expect(answers.map(({ status }) => status)).toEqual([500, 500, 503, 503])
      expect(logLines.join()).toContain('request failed')
      expectNothingOf([...secrets, NEXT, HEADER, PASSWORD], [...kept.said, ...logged()])
    },
  )
})
