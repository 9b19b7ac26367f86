/** A rotation makes a new secret, and the former one signs beside it for the overlap, over REST and GraphQL. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createClient, TEST_KEY } from '../support/client.js'
import { createTestDatabase } from '../support/database.js'
import { deliver } from '../support/delivering.js'
import { readSection } from '../support/docs.js'
import { ask, post } from '../support/graphql.js'
import { type Receiver, startReceiver } from '../support/receiver.js'
import { isSignedBy, newEncryptionKey, signatureCount } from '../support/secrets.js'
import { layouts, startOn, startTestService, type TestService } from '../support/service.js'

const HOUR_MS = 3600_000
const UNKNOWN = '01a20732-f2b4-788b-860a-f2d16f1150ba'
const ROTATE = `mutation ($id: ID!, $overlapHours: Int) {
  rotateSecret(id: $id, overlapHours: $overlapHours) {
    subscription { id endpointUrl updatedAt }
    secret
    errors { code message ... on InvalidInputError { problems { path message } } }
  }
}`

let resources: Resources
let receiver: Receiver
let service: TestService
let id: string
let firstSecret: string

beforeEach(async () => {
  resources = createResources()
  receiver = resources.use(await startReceiver())
})
afterEach(() => resources[Symbol.asyncDispose]())

const endpoint = () => ({ endpointUrl: receiver.url, eventTypes: ['user.created'] })

async function start(...[layout, settings]: Parameters<typeof startTestService>): Promise<void> {
  service = resources.use(await startTestService(layout, settings))
  const { body } = await service.api.post('/v1/subscriptions', endpoint())
  id = body.id
  firstSecret = body.secret
}

interface Overlap {
  overlapHours?: number | null
}

const overRest = (overlap: Overlap = {}) => service.api.post(`/v1/subscriptions/${id}/rotate-secret`, overlap)
const overGraphQL = async (overlap: Overlap = {}) =>
  (await ask(service, ROTATE, { id, ...overlap })).rotateSecret

/** Both ways to rotate. @returns the new secret */
const faces: [string, (overlap?: Overlap) => Promise<string>][] = [
  ['REST', async (overlap) => (await overRest(overlap)).body.secret],
  ['GraphQL', async (overlap) => (await overGraphQL(overlap)).secret],
]

/** Which of the secrets sign the webhook of an event that is published now, and that nothing else does. */
async function signers(secrets: string[]): Promise<string[]> {
  const webhook = await deliver(service, receiver)
  const by = secrets.filter((secret) => isSignedBy(secret, webhook))
  expect(signatureCount(webhook)).toBe(by.length)
  return by
}

/** For how many hours from the rotation each former secret signs, the newest first. */
async function hoursLeft(): Promise<number[]> {
  const rows = await service.database.query<{ hours: number }>(
    `select extract(epoch from (former ->> 'validUntil')::timestamptz - "updatedAt")::float / 3600 as hours
     from subscriptions, jsonb_array_elements("formerSecrets") with ordinality as all_of_them (former, place)
     order by place`,
  )
  return rows.map(({ hours }) => hours)
}

describe.each(faces)('over %s', (_, rotate) => {
  it.each([
    [{}, 24],
    [{ overlapHours: null }, 24],
    [{ overlapHours: 1 }, 1],
    [{ overlapHours: 168 }, 168],
  ])('after %j the former secret signs for %i hours', async (overlap, hours) => {
    await start('postgres')
    const secret = await rotate(overlap)
    expect(secret).toMatch(/^whsec_/)
    expect(await hoursLeft()).toEqual([hours])
    expect(await signers([firstSecret, secret])).toEqual([firstSecret, secret])
  })

  it('with an overlap of 0 the former secret signs no more', async () => {
    await start('postgres')
    const secret = await rotate({ overlapHours: 0 })
    expect(await hoursLeft()).toEqual([])
    expect(await signers([firstSecret, secret])).toEqual([secret])
  })
})

describe('the answer', () => {
  it('is the subscription with its new secret, over REST', async () => {
    await start('postgres')
    const before = (await service.api.get(`/v1/subscriptions/${id}`)).body
    const { status, body } = await overRest({ overlapHours: 1 })
    expect([status, body]).toEqual([
      200,
      { ...before, updatedAt: body.updatedAt, secret: expect.stringMatching(/^whsec_[\w+/]{43}=$/) },
    ])
    expect(body.updatedAt > before.updatedAt).toBe(true)
    expect((await service.api.get(`/v1/subscriptions/${id}`)).body).not.toHaveProperty('secret')
  })

  it('is the subscription with its new secret, over GraphQL', async () => {
    await start('postgres')
    const { subscription, secret, errors } = await overGraphQL()
    expect([subscription, secret, errors]).toEqual([
      { id, endpointUrl: receiver.url, updatedAt: expect.any(String) },
      expect.stringMatching(/^whsec_[\w+/]{43}=$/),
      [],
    ])
  })

  it.each([
    [-1, 'must be at least 0'],
    [169, 'must be at most 168'],
  ])('refuses an overlap of %i hours and changes nothing', async (overlapHours, message) => {
    await start('postgres')
    const problems = [{ path: 'overlapHours', message }]
    const { status, body } = await overRest({ overlapHours })
    expect([status, body.errors]).toEqual([400, problems])
    expect(await overGraphQL({ overlapHours })).toMatchObject({
      ...{ subscription: null, secret: null },
      errors: [{ code: 'BAD_USER_INPUT', problems }],
    })
    expect(await signers([firstSecret])).toEqual([firstSecret])
  })

  it('refuses what is no whole number, and fields that it does not know', async () => {
    await start('postgres')
    for (const input of [{ overlapHours: 1.5 }, { overlapHours: '24' }, { secret: firstSecret }, []])
      expect((await service.api.post(`/v1/subscriptions/${id}/rotate-secret`, input)).status).toBe(400)
    expect((await post(service, ROTATE, { id, overlapHours: 1.5 })).body.errors).toHaveLength(1)
    expect(await signers([firstSecret])).toEqual([firstSecret])
  })

  it.each([UNKNOWN, 'no-uuid'])('finds no subscription %s', async (unknown) => {
    await start('postgres')
    id = unknown
    expect((await overRest()).status).toBe(404)
    expect(await overGraphQL()).toMatchObject({ secret: null, errors: [{ code: 'NOT_FOUND' }] })
  })

  it('finds no deleted subscription', async () => {
    await start('postgres')
    await ask(service, 'mutation ($id: ID!) { deleteSubscription(id: $id) { deletedId } }', { id })
    expect((await overRest()).status).toBe(404)
    expect(await overGraphQL()).toMatchObject({ secret: null, errors: [{ code: 'NOT_FOUND' }] })
  })

  it('is for keys with the scope manage', async () => {
    const manage = 'key-that-manages'
    const reader = 'key-that-reads'
    await start('postgres', { API_KEYS: `key-of-the-tests,m=manage=${manage},r=read+publish=${reader}` })
    const path = `/v1/subscriptions/${id}/rotate-secret`
    expect((await createClient(service.url, reader).post(path, {})).status).toBe(403)
    expect((await createClient(service.url, manage).post(path, {})).status).toBe(200)
    const bySecret = ROTATE.replace(/subscription \{.*\}/, '')
    expect((await post(service, bySecret, { id }, reader)).body.errors?.[0]?.extensions.code).toBe(
      'FORBIDDEN',
    )
    expect((await post(service, bySecret, { id }, manage)).body.data.rotateSecret.errors).toEqual([])
  })
})

it('is made by the example of the docs', async () => {
  await start('postgres')
  const [, example = ''] = /```bash\n(.*?)```/s.exec(readSection('docs/webhooks.md', 'Rotate a secret')) ?? []
  const env = { ...process.env, URL: service.url, ID: id, API_KEY: TEST_KEY }
  const { stdout } = await promisify(execFile)('bash', ['-c', example], { env })
  const { secret } = JSON.parse(stdout)
  expect(await hoursLeft()).toEqual([48])
  expect(await signers([firstSecret, secret])).toEqual([firstSecret, secret])
})

describe('several rotations', () => {
  it.each(layouts)('keep each former secret for its own time, queue on %s', async (layout) => {
    await start(layout, { SECRET_ENCRYPTION_KEY: newEncryptionKey().text })
    const second = (await overRest({ overlapHours: 168 })).body.secret
    const third = (await overRest({ overlapHours: 0 })).body.secret
    const fourth = (await overGraphQL({ overlapHours: 1 })).secret
    const all = [firstSecret, second, third, fourth]
    expect(await signers(all)).toEqual([firstSecret, third, fourth])
    const [ofThird, ofFirst] = await hoursLeft()
    expect(ofThird).toBe(1)
    expect(ofFirst).toBeGreaterThan(167)
  })

  it('at once lose no secret', async () => {
    await start('postgres')
    const rotations = Array.from({ length: 8 }, (_, index) => (faces[index % 2] as (typeof faces)[0])[1]())
    const secrets = [firstSecret, ...(await Promise.all(rotations))]
    expect(new Set(secrets).size).toBe(9)
    expect(await signers(secrets)).toEqual(secrets)
  })

  it('are stored encrypted, and survive a restart', async () => {
    const database = resources.use(await createTestDatabase())
    const key = newEncryptionKey()
    const startAgain = () => startOn(database, undefined, { SECRET_ENCRYPTION_KEY: key.text })
    const before = await startAgain()
    const api = createClient(before.url)
    const first = (await api.post('/v1/subscriptions', endpoint())).body
    const second = (await api.post(`/v1/subscriptions/${first.id}/rotate-secret`, {})).body
    const [row] = await database.query('select secret, "previousSecret", "formerSecrets" from subscriptions')
    const sealed = expect.stringMatching(`^enc:v1:${key.id}:`)
    expect(row).toEqual({
      ...{ secret: sealed, previousSecret: sealed },
      formerSecrets: [{ secret: row?.previousSecret, validUntil: expect.any(String) }],
    })
    await before[Symbol.asyncDispose]()
    const after = resources.use(await startAgain())
    const webhook = await deliver({ api: createClient(after.url) }, receiver)
    expect([first, second].map(({ secret }) => isSignedBy(secret, webhook))).toEqual([true, true])
  })

  it('are seen by a process of the version before as two columns', async () => {
    await start('postgres')
    const second = (await overRest({ overlapHours: 1 })).body.secret
    const read = () =>
      service.database.query<{ secret: string; previousSecret: string | null; untilMs: number | null }>(
        `select secret, "previousSecret", extract(epoch from "previousSecretUntil" - "updatedAt")::int * 1000 as "untilMs"
         from subscriptions`,
      )
    expect(await read()).toEqual([{ secret: second, previousSecret: firstSecret, untilMs: HOUR_MS }])
    const third = (await overRest({ overlapHours: 0 })).body.secret
    expect(await read()).toMatchObject([{ secret: third, previousSecret: firstSecret }])
  })
})
