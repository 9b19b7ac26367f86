import { readFileSync } from 'node:fs'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Database, Statement } from '../../src/platform/postgres/database.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createSecretCipher } from '../../src/secrets/cipher.js'
import { parseEncryptionKey } from '../../src/secrets/encryption-keys.js'
import { prepareStoredSecrets } from '../../src/secrets/stored-secrets.js'
import type { Service } from '../../src/service.js'
import { createClient } from '../support/client.js'
import { createTestDatabase, openDatabase, type TestDatabase } from '../support/database.js'
import { type ReceivedRequest, type Receiver, startReceiver } from '../support/receiver.js'
import { type EncryptionKey, isSignedBy, newEncryptionKey } from '../support/secrets.js'
import { startOn } from '../support/service.js'

const [older, newer] = [newEncryptionKey(), newEncryptionKey()]
const NEXT_SECRET = 'whsec_bmV3IHNlY3JldCBvZiAyNCBieXRlcyEh'

let resources: Resources
let database: TestDatabase
let receiver: Receiver
let service: Service | undefined

beforeEach(async () => {
  resources = createResources()
  database = resources.use(await createTestDatabase())
  receiver = resources.use(await startReceiver())
})
afterEach(async () => {
  await stop()
  await resources[Symbol.asyncDispose]()
})

async function stop(): Promise<void> {
  await service?.[Symbol.asyncDispose]()
  service = undefined
}

/** The service with these keys, in the place of the one that ran before. */
async function restart(...keys: EncryptionKey[]) {
  await stop()
  const setting = keys.map(({ text }) => text).join()
  service = await startOn(database, undefined, {
    SECRET_ENCRYPTION_KEY: setting,
    // Nothing is given up while a test restarts, however long that takes.
    DELIVERY_MAX_ATTEMPTS: '1000',
    DELIVERY_BACKOFF_MAX_SECONDS: '0.5',
  })
  return createClient(service.url)
}

type Api = Awaited<ReturnType<typeof restart>>

async function subscribe(api: Api): Promise<{ id: string; secret: string }> {
  const { body, status } = await api.post('/v1/subscriptions', {
    endpointUrl: receiver.url,
    eventTypes: ['a'],
  })
  expect(status).toBe(201)
  return body
}

const publish = async (api: Api): Promise<string> =>
  (await api.post('/v1/events', { type: 'a', data: {} })).body.eventId

/** The webhook of an event that is published now. */
async function deliver(api: Api): Promise<ReceivedRequest> {
  const eventId = await publish(api)
  const arrived = () => receiver.requests.find(({ headers }) => headers['webhook-id'] === eventId)
  await expect.poll(arrived, { timeout: 20_000, interval: 20 }).toBeDefined()
  return arrived() as ReceivedRequest
}

const signatures = ({ headers }: ReceivedRequest) => String(headers['webhook-signature']).split(' ').length

interface Stored {
  id: string
  secret: string
  previousSecret: string | null
  formerSecrets: unknown[]
}

/** The former secrets without the ends of their times. */
const stored = () =>
  database.query<Stored>(
    `select id, secret, "previousSecret",
            array(select former ->> 'secret' from jsonb_array_elements("formerSecrets") as former) as "formerSecrets"
     from subscriptions order by id`,
  )

/** What is stored of a subscription whose secret was replaced: the former one stands in two columns. */
const storedBoth = (id: string, secret: unknown, former: unknown) => ({
  ...{ id, secret, previousSecret: former, formerSecrets: [former] },
})

const storedOne = (id: string, secret: unknown) => ({
  ...{ id, secret, previousSecret: null, formerSecrets: [] },
})

const sealedBy = ({ id }: EncryptionKey) => expect.stringMatching(`^enc:v1:${id}:`)

const cipherOf = (...keys: EncryptionKey[]) =>
  createSecretCipher(keys.map(({ text }) => parseEncryptionKey(text)))

describe('with a key', () => {
  it('secrets are stored encrypted, and webhooks verify: before, during and after a change of secret', async () => {
    const api = await restart(older)
    const { id, secret } = await subscribe(api)
    expect(await stored()).toEqual([storedOne(id, sealedBy(older))])
    expect(isSignedBy(secret, await deliver(api))).toBe(true)

    await api.patch(`/v1/subscriptions/${id}`, { secret: NEXT_SECRET })
    expect(await stored()).toEqual([storedBoth(id, sealedBy(older), sealedBy(older))])
    const during = await deliver(api)
    expect([isSignedBy(secret, during), isSignedBy(NEXT_SECRET, during), signatures(during)]).toEqual([
      true,
      true,
      2,
    ])

    await endFormerSecrets()
    const after = await deliver(api)
    expect([isSignedBy(secret, after), isSignedBy(NEXT_SECRET, after), signatures(after)]).toEqual([
      false,
      true,
      1,
    ])
  })

  it('what does not change the secret leaves it as it is stored', async () => {
    const api = await restart(older)
    const { id, secret } = await subscribe(api)
    const before = await stored()
    for (const changes of [{ description: 'Ours' }, { secret }])
      expect((await api.patch(`/v1/subscriptions/${id}`, changes)).status).toBe(200)
    expect(await stored()).toEqual(before)
  })

  it('a change of secret leaves nothing plain, nor under an older key', async () => {
    const api = await restart(newer, older)
    const { id, secret } = await subscribe(api)
    // By processes that have not been restarted yet.
    for (const asOthersStore of [secret, cipherOf(older).seal(id, secret)]) {
      await database.query('update subscriptions set secret = $1', [asOthersStore])
      await api.patch(`/v1/subscriptions/${id}`, { secret: NEXT_SECRET })
      const [row] = await stored()
      expect(row).toMatchObject({ secret: sealedBy(newer), previousSecret: sealedBy(newer) })
      expect(cipherOf(newer).open(id, row?.previousSecret as string)).toBe(secret)
    }
  })

  it('a secret can not be mistaken for one that was encrypted', async () => {
    const api = await restart()
    const given = { endpointUrl: receiver.url, eventTypes: ['a'], secret: 'enc:v1:00000000:AAAA:AAAA' }
    const { status, body } = await api.post('/v1/subscriptions', given)
    expect([status, body.errors]).toEqual([
      400,
      [
        {
          path: 'secret',
          message: 'must not start with enc:v1:, which marks secrets that are stored encrypted',
        },
      ],
    ])
  })
})

describe('a restart', () => {
  it('with a first key encrypts what is there, and consumers notice nothing', async () => {
    const plain = await restart()
    const { id, secret } = await subscribe(plain)
    await plain.patch(`/v1/subscriptions/${id}`, { secret: NEXT_SECRET })
    expect(await stored()).toEqual([storedBoth(id, NEXT_SECRET, secret)])

    const api = await restart(older)
    expect(await stored()).toEqual([storedBoth(id, sealedBy(older), sealedBy(older))])
    const webhook = await deliver(api)
    expect([isSignedBy(secret, webhook), isSignedBy(NEXT_SECRET, webhook)]).toEqual([true, true])
  })

  it('with a new key before the old one encrypts anew, and the old one can go', async () => {
    const before = await restart(older)
    const { id, secret } = await subscribe(before)
    await before.patch(`/v1/subscriptions/${id}`, { secret: NEXT_SECRET })

    await restart(newer, older)
    expect(await stored()).toEqual([storedBoth(id, sealedBy(newer), sealedBy(newer))])
    const webhook = await deliver(await restart(newer))
    expect([isSignedBy(secret, webhook), isSignedBy(NEXT_SECRET, webhook)]).toEqual([true, true])
  })

  it('keeps a former secret in both columns the same text', async () => {
    const api = await restart(older)
    const { id } = await subscribe(api)
    await api.patch(`/v1/subscriptions/${id}`, { secret: NEXT_SECRET })
    await restart(newer, older)
    const [row] = await stored()
    expect(row?.formerSecrets).toEqual([row?.previousSecret])
  })

  it('forgets a secret that has run out', async () => {
    const api = await restart()
    const { id } = await subscribe(api)
    await api.patch(`/v1/subscriptions/${id}`, { secret: NEXT_SECRET })
    await endFormerSecrets()
    await restart(older)
    expect(await stored()).toEqual([storedOne(id, sealedBy(older))])
  })

  it.each([
    ['another key', [newer]],
    ['no key', []],
  ])('with %s than what was stored needs is refused, and told why', async (_, keys) => {
    await subscribe(await restart(older))
    await expect(restart(...keys)).rejects.toThrow(
      `the secrets of 1 subscription(s) were stored with a key that SECRET_ENCRYPTION_KEY does not have (${older.id})`,
    )
  })

  it('can go on without a lost key after what the operating guide says', async () => {
    const { id, secret } = await subscribe(await restart(older))
    const guide = readFileSync('docs/operating/keys-and-secrets.md', 'utf8')
    const [, sql = ''] = /```sql\n(update subscriptions.*?)```/s.exec(guide) ?? []
    const [replace = '', ...forget] = sql.replaceAll('01234567', older.id).trim().split(/;\s*/)
    const [replaced] = await database.query<{ id: string; secret: string }>(replace)
    for (const statement of forget) await database.query(statement)
    expect(replaced?.id).toBe(id)

    const webhook = await deliver(await restart(newer))
    expect([isSignedBy(replaced?.secret as string, webhook), isSignedBy(secret, webhook)]).toEqual([
      true,
      false,
    ])
    expect(await stored()).toEqual([storedOne(id, sealedBy(newer))])
  })
})

describe('a secret that this process can not read', () => {
  it('fails its deliveries with a sentence, and they are made once it can', async () => {
    const api = await restart(older)
    const { id, secret } = await subscribe(api)
    // By a process that has a key more than this one.
    await database.query('update subscriptions set secret = $1', [cipherOf(newer).seal(id, secret)])
    const eventId = await publish(api)
    const delivery = async () => (await api.get(`/v1/events/${eventId}`)).body.deliveries[0]
    const failed = {
      status: 'FAILED',
      statusCode: null,
      error: expect.stringContaining(`does not have (${newer.id})`),
    }
    await expect
      .poll(async () => (await delivery())?.logs, { timeout: 20_000 })
      .toEqual(expect.arrayContaining([expect.objectContaining(failed)]))
    expect(receiver.requests).toEqual([])

    const both = await restart(older, newer)
    const statusOf = async () => (await both.get(`/v1/events/${eventId}/summary`)).body.status
    await expect.poll(statusOf, { timeout: 20_000 }).toBe('DELIVERED')
    expect(isSignedBy(secret, receiver.requests[0] as ReceivedRequest)).toBe(true)
  })

  it('can be replaced, and then does not sign beside the new one', async () => {
    const api = await restart(older)
    const { id, secret } = await subscribe(api)
    await database.query('update subscriptions set secret = $1', [cipherOf(newer).seal(id, secret)])
    expect((await api.patch(`/v1/subscriptions/${id}`, { secret: NEXT_SECRET })).status).toBe(200)
    const webhook = await deliver(api)
    expect([isSignedBy(NEXT_SECRET, webhook), signatures(webhook)]).toEqual([true, 1])
  })

  it('does not keep others from being encrypted when it was damaged', async () => {
    const [damaged, whole] = [`enc:v1:${older.id}:AAAA:AAAA`, 'plain']
    await insert(damaged, whole)
    await restart(newer, older)
    expect((await stored()).map(({ secret }) => secret)).toEqual([damaged, sealedBy(newer)])
  })
})

describe('encrypting what is there', () => {
  const silent = pino({ level: 'silent' })

  it('goes over all of them, so many at a time, by several processes at once', async () => {
    const secrets = Array.from({ length: 25 }, (_, index) => `secret ${index}`)
    await insert(...secrets)
    const opened = resources.use(openDatabase(database))
    const cipher = cipherOf(older)
    await Promise.all([1, 2, 3].map(() => prepareStoredSecrets(opened, cipher, silent, 10)))
    const rows = await stored()
    expect(rows.map(({ secret }) => secret)).toEqual(rows.map(() => sealedBy(older)))
    expect(rows.map(({ id, secret }) => cipher.open(id, secret))).toEqual(secrets)
  })

  const END = '2999-01-01T00:00:00.000Z'
  const former = (secret: string) => JSON.stringify([{ secret, validUntil: END }])
  const before = { secret: 'before', previousSecret: 'before', formerSecrets: ['before'] }

  it.each([
    ['secret', 'after', { ...before, secret: 'after' }],
    ['previousSecret', 'after', { ...before, previousSecret: 'after' }],
    ['formerSecrets', former('after'), { ...before, formerSecrets: ['after'] }],
  ])(
    'leaves alone a %s that somebody changes between its reading and its writing',
    async (column, value, after) => {
      await insert('before')
      await database.query(
        'update subscriptions set "previousSecret" = \'before\', "previousSecretUntil" = $1, "formerSecrets" = $2',
        [END, former('before')],
      )
      const opened = resources.use(openDatabase(database))
      const changes = [`update subscriptions set "${column}" = '${value}'`]
      const interrupted: Database = {
        ...opened,
        async query<Row extends object>(statement: Statement, values: unknown[]) {
          const rows = await opened.query<Row>(statement, values)
          if (rows.length > 0) for (const change of changes.splice(0)) await database.query(change)
          return rows
        },
      }
      await prepareStoredSecrets(interrupted, cipherOf(older), silent)
      expect(await stored()).toMatchObject([after])

      // It has its turn at the next start.
      await prepareStoredSecrets(opened, cipherOf(older), silent)
      const encrypted = sealedBy(older)
      expect(await stored()).toMatchObject([
        { secret: encrypted, previousSecret: encrypted, formerSecrets: [encrypted] },
      ])
    },
  )
})

/** As if their 24 hours were over. */
const endFormerSecrets = () =>
  database.query(`
    update subscriptions
    set "previousSecretUntil" = now(),
        "formerSecrets" = (
          select jsonb_agg(former || jsonb_build_object('validUntil', now()))
          from jsonb_array_elements("formerSecrets") as former
        )`)

/** Subscriptions with these stored secrets, in this order. */
const insert = (...secrets: string[]) =>
  database.query(
    `insert into subscriptions (id, "endpointUrl", "eventTypes", secret, fingerprint)
     select lpad(to_hex(n), 32, '0')::uuid, 'https://example.com', '{a}', secret, decode(lpad(to_hex(n), 4, '0'), 'hex')
     from unnest($1::text[]) with ordinality as s (secret, n)`,
    [secrets],
  )
