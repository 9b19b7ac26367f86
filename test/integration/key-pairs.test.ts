/** With V1A, webhooks carry Ed25519 signatures, which anyone can verify by the public key. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { verifyWebhook } from '../../src/client/verify-webhook.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createClient } from '../support/client.js'
import { createTestDatabase } from '../support/database.js'
import { deliver, publish } from '../support/delivering.js'
import { readSection } from '../support/docs.js'
import { ask } from '../support/graphql.js'
import { type ReceivedRequest, type Receiver, startReceiver } from '../support/receiver.js'
import { isSignedBy, isSignedByPair, newEncryptionKey, signatureCount } from '../support/secrets.js'
import { layouts, startOn, startTestService, type TestService } from '../support/service.js'

const PUBLIC_KEY = /^whpk_[\w+/]{43}=$/
const BOTH = ['V1', 'V1A']

let resources: Resources
let receiver: Receiver
let service: Pick<TestService, 'api' | 'database' | 'url'>

beforeEach(async () => {
  resources = createResources()
  receiver = resources.use(await startReceiver())
})
afterEach(() => resources[Symbol.asyncDispose]())

interface Subscription {
  id: string
  secret: string
  signatures: string[]
  publicKey: string
  publicKeys: string[]
}

const endpoint = (signatures?: unknown) => ({
  ...{ endpointUrl: receiver.url, eventTypes: ['user.created'] },
  ...(signatures !== undefined && { signatures }),
})

async function start(
  signatures?: string[],
  ...[layout = 'postgres', settings]: Partial<Parameters<typeof startTestService>>
): Promise<Subscription> {
  service = resources.use(await startTestService(layout, settings))
  const { status, body } = await service.api.post('/v1/subscriptions', endpoint(signatures))
  expect(status).toBe(201)
  return body
}

const read = async ({ id }: Subscription): Promise<Subscription> =>
  (await service.api.get(`/v1/subscriptions/${id}`)).body
const change = async ({ id }: Subscription, changes: object): Promise<Subscription> =>
  (await service.api.patch(`/v1/subscriptions/${id}`, changes)).body
const rotate = async ({ id }: Subscription, overlapHours?: number): Promise<Subscription> =>
  (await service.api.post(`/v1/subscriptions/${id}/rotate-secret`, { overlapHours })).body
const remove = ({ id }: Subscription) =>
  ask(service, 'mutation ($id: ID!) { deleteSubscription(id: $id) { deletedId } }', { id })

/** How each signature begins, in their order. */
const versions = ({ headers }: ReceivedRequest) =>
  String(headers['webhook-signature'])
    .split(' ')
    .map((signature) => signature.split(',')[0])

/** The private keys as they are stored. */
async function stored(): Promise<string[]> {
  const rows = await service.database.query<{ privateKey: string }>(
    `select pair ->> 'privateKey' as "privateKey" from subscriptions, jsonb_array_elements("keyPairs") as pair`,
  )
  return rows.map(({ privateKey }) => privateKey)
}

describe('signatures', () => {
  it('are V1 alone when nothing else was asked for', async () => {
    const { signatures, publicKey, publicKeys } = await start()
    expect([signatures, publicKey, publicKeys]).toEqual([['V1'], null, []])
    expect(versions(await deliver(service, receiver))).toEqual(['v1'])
  })

  it.each(layouts)('of both versions verify, queue on %s', async (layout) => {
    const key = newEncryptionKey().text
    const { signatures, secret, publicKey, publicKeys } = await start(BOTH, layout, {
      SECRET_ENCRYPTION_KEY: key,
    })
    expect([signatures, publicKeys]).toEqual([BOTH, [publicKey]])
    expect(publicKey).toMatch(PUBLIC_KEY)
    const webhook = await deliver(service, receiver)
    expect(versions(webhook)).toEqual(['v1', 'v1a'])
    expect([isSignedBy(secret, webhook), isSignedByPair(publicKey, webhook)]).toEqual([true, true])
    expect(isSignedByPair(publicKey, { ...webhook, body: `${webhook.body} ` })).toBe(false)
  })

  it('are by the key pair alone with V1A alone', async () => {
    const { secret, publicKey } = await start(['V1A'])
    const webhook = await deliver(service, receiver)
    expect(versions(webhook)).toEqual(['v1a'])
    expect([isSignedBy(secret, webhook), isSignedByPair(publicKey, webhook)]).toEqual([false, true])
  })

  it('are the same over GraphQL', async () => {
    service = resources.use(await startTestService('postgres'))
    const subscription = 'subscription { id signatures publicKey publicKeys }'
    const created = await ask(
      service,
      `mutation ($input: CreateSubscriptionInput!) { createSubscription(input: $input) { ${subscription} } }`,
      { input: endpoint(['V1A', 'V1']) },
    )
    const shown = created.createSubscription.subscription
    const { id, signatures, publicKey, publicKeys } = await read(shown)
    expect(shown).toEqual({ id, signatures, publicKey, publicKeys })
    expect([signatures, publicKeys]).toEqual([BOTH, [expect.stringMatching(PUBLIC_KEY)]])

    const updated = await ask(
      service,
      `mutation ($id: ID!) { updateSubscription(id: $id, input: { signatures: [V1A] }) { ${subscription} } }`,
      { id },
    )
    expect(updated.updateSubscription.subscription).toEqual({ ...shown, signatures: ['V1A'] })
    const rotated = await ask(service, `mutation ($id: ID!) { rotateSecret(id: $id) { ${subscription} } }`, {
      id,
    })
    expect(rotated.rotateSecret.subscription.publicKeys).toEqual([
      rotated.rotateSecret.subscription.publicKey,
      publicKey,
    ])
  })

  it('keep their key pair while they are switched off', async () => {
    const subscription = await start()
    const { publicKey } = await change(subscription, { signatures: BOTH })
    expect(isSignedByPair(publicKey, await deliver(service, receiver))).toBe(true)
    await change(subscription, { signatures: ['V1'] })
    expect(versions(await deliver(service, receiver))).toEqual(['v1'])
    expect((await change(subscription, { signatures: BOTH })).publicKeys).toEqual([publicKey])
    expect(isSignedByPair(publicKey, await deliver(service, receiver))).toBe(true)
  })

  it.each([[[]], [['V2']], ['V1'], [['V1', 'V1A', 'V1']]])('are refused as %j', async (signatures) => {
    const subscription = await start()
    expect((await service.api.post('/v1/subscriptions', endpoint(signatures))).status).toBe(400)
    expect((await service.api.patch(`/v1/subscriptions/${subscription.id}`, { signatures })).status).toBe(400)
    expect((await read(subscription)).signatures).toEqual(['V1'])
  })

  it('are made with no key of a pair as a secret', async () => {
    const { publicKey } = await start(BOTH)
    for (const secret of [publicKey, publicKey.toUpperCase(), publicKey.replace('whpk', 'whsk')])
      expect((await service.api.post('/v1/subscriptions', { ...endpoint(), secret })).status).toBe(400)
  })
})

describe('a rotation', () => {
  it('replaces the key pair too, and the former one signs for the overlap', async () => {
    const first = await start(BOTH)
    const second = await rotate(first)
    expect(second.publicKeys).toEqual([second.publicKey, first.publicKey])
    const during = await deliver(service, receiver)
    expect(versions(during)).toEqual(['v1', 'v1', 'v1a', 'v1a'])
    expect(second.publicKeys.map((key) => isSignedByPair(key, during))).toEqual([true, true])

    await service.database.query(
      `update subscriptions set "keyPairs" = jsonb_set("keyPairs", '{1,validUntil}', to_jsonb(now()))`,
    )
    expect((await read(first)).publicKeys).toEqual([second.publicKey])
    const after = await deliver(service, receiver)
    expect([first, second].map(({ publicKey }) => isSignedByPair(publicKey, after))).toEqual([false, true])
  })

  it('with an overlap of 0 ends the former key pair at once', async () => {
    const first = await start(['V1A'])
    const second = await rotate(first, 0)
    expect(second.publicKeys).toEqual([second.publicKey])
    const webhook = await deliver(service, receiver)
    expect([first, second].map(({ publicKey }) => isSignedByPair(publicKey, webhook))).toEqual([false, true])
    expect(signatureCount(webhook)).toBe(1)
  })

  it('keeps ten former key pairs, and several at once lose none', async () => {
    const first = await start(BOTH)
    const rotated = await Promise.all(Array.from({ length: 8 }, () => rotate(first)))
    const keys = [first, ...rotated].map(({ publicKey }) => publicKey)
    expect((await read(first)).publicKeys.toSorted()).toEqual(keys.toSorted())
    const webhook = await deliver(service, receiver)
    expect(keys.map((key) => isSignedByPair(key, webhook))).toEqual(keys.map(() => true))
    for (let count = 0; count < 3; count++) await rotate(first)
    const { publicKeys } = await read(first)
    expect([publicKeys.length, publicKeys.includes(first.publicKey)]).toEqual([11, false])
  })

  it('makes no key pair where there is none', async () => {
    expect(await rotate(await start())).toMatchObject({ publicKey: null, publicKeys: [] })
  })
})

describe('a private key', () => {
  it('is stored encrypted, and survives restarts and a change of the encryption key', async () => {
    const [older, newer] = [newEncryptionKey(), newEncryptionKey()]
    const database = resources.use(await createTestDatabase())
    const startWith = async (...keys: string[]) => {
      const started = await startOn(database, undefined, { SECRET_ENCRYPTION_KEY: keys.join() })
      service = { api: createClient(started.url), url: started.url, database }
      return started
    }
    const sealedBy = (id: string) => expect.stringMatching(`^enc:v1:${id}:`)

    const first = await startWith(older.text)
    const { publicKeys } = await rotate((await service.api.post('/v1/subscriptions', endpoint(BOTH))).body)
    expect(await stored()).toEqual([sealedBy(older.id), sealedBy(older.id)])
    await first[Symbol.asyncDispose]()

    await (await startWith(newer.text, older.text))[Symbol.asyncDispose]()
    expect(await stored()).toEqual([sealedBy(newer.id), sealedBy(newer.id)])
    resources.use(await startWith(newer.text))
    const webhook = await deliver(service, receiver)
    expect(publicKeys.map((key) => isSignedByPair(key, webhook))).toEqual([true, true])
  })

  it('that this process can not decrypt refuses the start', async () => {
    const [older, newer] = [newEncryptionKey(), newEncryptionKey()]
    await start(BOTH, 'postgres', { SECRET_ENCRYPTION_KEY: older.text })
    const plain = `whsec_${Buffer.from('x'.repeat(32)).toString('base64')}`
    await service.database.query('update subscriptions set secret = $1', [plain])
    const again = startOn(service.database, undefined, { SECRET_ENCRYPTION_KEY: newer.text })
    await expect(again).rejects.toThrow(`SECRET_ENCRYPTION_KEY does not have (${older.id})`)
  })

  it('is encrypted by the start that brings the first encryption key', async () => {
    await start(BOTH)
    expect(await stored()).toEqual([expect.stringMatching(/^whsk_[\w+/]{86}==$/)])
    const key = newEncryptionKey()
    resources.use(await startOn(service.database, undefined, { SECRET_ENCRYPTION_KEY: key.text }))
    expect(await stored()).toEqual([expect.stringMatching(`^enc:v1:${key.id}:`)])
  })

  it('is forgotten by a start once its time is over', async () => {
    await rotate(await start(BOTH))
    await service.database.query(
      `update subscriptions set "keyPairs" = jsonb_set("keyPairs", '{1,validUntil}', to_jsonb(now()))`,
    )
    const settings = { SECRET_ENCRYPTION_KEY: newEncryptionKey().text }
    resources.use(await startOn(service.database, undefined, settings))
    expect(await stored()).toHaveLength(1)
  })

  it('that is lost fails deliveries, and is made anew by the same signatures', async () => {
    const first = await start(BOTH, 'postgres', {
      DELIVERY_MAX_ATTEMPTS: '1000',
      DELIVERY_BACKOFF_MAX_SECONDS: '0.5',
    })
    await service.database.query(`update subscriptions set "keyPairs" = '[]'`)
    const eventId = await publish(service)
    const lastError = async () =>
      (await service.api.get(`/v1/events/${eventId}`)).body.deliveries[0]?.lastError
    await expect.poll(lastError, { timeout: 20_000 }).toContain('has no key pair to sign with')
    expect(receiver.requests).toEqual([])
    const { publicKey, publicKeys } = await change(first, { signatures: BOTH })
    expect([publicKeys, publicKey === first.publicKey]).toEqual([[publicKey], false])
    await expect.poll(() => receiver.requests.length, { timeout: 20_000 }).toBe(1)
    expect(isSignedByPair(publicKey, receiver.requests[0] as ReceivedRequest)).toBe(true)
  })

  it('is gone with its subscription', async () => {
    await remove(await start(BOTH))
    expect(await stored()).toEqual([])
  })
})

describe('a process of the version before', () => {
  it('makes subscriptions with V1 alone', async () => {
    await start()
    await service.database.query(
      `insert into subscriptions (id, "endpointUrl", "eventTypes", secret, fingerprint)
       select gen_random_uuid(), "endpointUrl", '{other}', secret, '\\x00' from subscriptions`,
    )
    const { items } = (await service.api.get('/v1/subscriptions')).body
    const plain = { signatures: ['V1'], publicKey: null, publicKeys: [] }
    expect(items).toMatchObject([plain, plain])
  })

  it('changes the secret and leaves the key pair as it is', async () => {
    const { publicKey } = await start(BOTH)
    const secret = `whsec_${Buffer.from('x'.repeat(32)).toString('base64')}`
    await service.database.query(
      `update subscriptions
       set secret = $1, "previousSecret" = secret, "previousSecretUntil" = now() + interval '24 hours'`,
      [secret],
    )
    const webhook = await deliver(service, receiver)
    expect(versions(webhook)).toEqual(['v1', 'v1', 'v1a'])
    expect([isSignedBy(secret, webhook), isSignedByPair(publicKey, webhook)]).toEqual([true, true])
  })
})

it('a webhook is verified by the example of the docs', async () => {
  const [, example = ''] = /```js\n(.*?)```/s.exec(readSection('docs/webhooks.md', 'Public keys')) ?? []
  const { isSigned } = await import(`data:text/javascript,${encodeURIComponent(example)}`)
  const { publicKey } = await start(BOTH)
  const { headers, body } = await deliver(service, receiver)
  expect([isSigned(publicKey, headers, body), isSigned(publicKey, headers, `${body} `)]).toEqual([
    true,
    false,
  ])
})

describe('verifyWebhook of the client', () => {
  const verified = async (secrets: string[], { headers, body }: ReceivedRequest) =>
    (await verifyWebhook({ secrets, headers, body })).type

  it('verifies by the public key, the former one and the secret', async () => {
    const first = await start(BOTH)
    const second = await rotate(first)
    const webhook = await deliver(service, receiver)
    const { secret, publicKey, publicKeys } = second
    for (const secrets of [[first.publicKey], publicKeys, [secret], [first.secret, publicKey]])
      expect(await verified(secrets, webhook)).toBe('user.created')
  })

  it('verifies by no other public key, and no changed body', async () => {
    const first = await start(['V1A'])
    const { publicKey } = await rotate(first, 0)
    const webhook = await deliver(service, receiver)
    expect(await verified([publicKey], webhook)).toBe('user.created')
    const refused = { code: 'BAD_SIGNATURE' }
    await expect(verified([first.publicKey], webhook)).rejects.toMatchObject(refused)
    await expect(verified([first.secret], webhook)).rejects.toMatchObject(refused)
    const changed = { ...webhook, body: `${webhook.body} ` }
    await expect(verified([publicKey], changed)).rejects.toMatchObject(refused)
  })

  it('refuses a public key of another length', async () => {
    const { publicKey } = await start(['V1A'])
    const webhook = await deliver(service, receiver)
    for (const key of ['whpk_', 'whpk_AAAA', `${publicKey.slice(0, -1)}A`])
      await expect(verified([key], webhook)).rejects.toThrow(TypeError)
  })
})
