/** What tests of stored secrets share: a service that is started again with other encryption keys, and its table. */
import { afterEach, beforeEach, expect } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createSecretCipher } from '../../src/secrets/cipher.js'
import { parseEncryptionKey } from '../../src/secrets/encryption-keys.js'
import type { Service } from '../../src/service.js'
import { type Client, createClient } from './client.js'
import { createTestDatabase, type TestDatabase } from './database.js'
import { type ReceivedRequest, type Receiver, startReceiver } from './receiver.js'
import { type EncryptionKey, newEncryptionKey } from './secrets.js'
import { startOn } from './service.js'

export const [older, newer] = [newEncryptionKey(), newEncryptionKey()] as const
export const NEXT_SECRET = 'whsec_bmV3IHNlY3JldCBvZiAyNCBieXRlcyEh'

export interface Stored {
  id: string
  secret: string
  previousSecret: string | null
  formerSecrets: unknown[]
}

/** To be called once in a test file, outside of its tests. */
export function setUpStoredSecrets() {
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

  async function subscribe(api: Client): Promise<{ id: string; secret: string }> {
    const { body, status } = await api.post('/v1/subscriptions', {
      endpointUrl: receiver.url,
      eventTypes: ['a'],
    })
    expect(status).toBe(201)
    return body
  }

  const publish = async (api: Client): Promise<string> =>
    (await api.post('/v1/events', { type: 'a', data: {} })).body.eventId

  /** The webhook of an event that is published now. */
  async function deliver(api: Client): Promise<ReceivedRequest> {
    const eventId = await publish(api)
    const arrived = () => receiver.requests.find(({ headers }) => headers['webhook-id'] === eventId)
    await expect.poll(arrived, { timeout: 20_000, interval: 20 }).toBeDefined()
    return arrived() as ReceivedRequest
  }

  /** The former secrets without the ends of their times. */
  const stored = () =>
    database.query<Stored>(
      `select id, secret, "previousSecret",
              array(select former ->> 'secret' from jsonb_array_elements("formerSecrets") as former) as "formerSecrets"
       from subscriptions order by id`,
    )

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

  return {
    ...{ database: () => database, receiver: () => receiver },
    ...{ restart, subscribe, publish, deliver, stored, endFormerSecrets, insert },
    use: <Resource extends AsyncDisposable>(resource: Resource) => resources.use(resource),
  }
}

export const signatures = ({ headers }: ReceivedRequest) =>
  String(headers['webhook-signature']).split(' ').length

/** What is stored of a subscription whose secret was replaced: the former one stands in two columns. */
export const storedBoth = (id: string, secret: unknown, former: unknown) => ({
  ...{ id, secret, previousSecret: former, formerSecrets: [former] },
})

export const storedOne = (id: string, secret: unknown) => ({
  ...{ id, secret, previousSecret: null, formerSecrets: [] },
})

export const sealedBy = ({ id }: EncryptionKey) => expect.stringMatching(`^enc:v1:${id}:`)

export const cipherOf = (...keys: EncryptionKey[]) =>
  createSecretCipher(keys.map(({ text }) => parseEncryptionKey(text)))
