/** Tokens of tenants: API keys for a short time, made by another API key. */
import { createSecretKey } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hashKey } from '../../src/api-keys/api-key.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { clientIdOf, signToken, tokenKeys } from '../../src/tenants/token-text.js'
import { createClient, TEST_KEY } from '../support/client.js'
import { createTestDatabase } from '../support/database.js'
import { openSocket, post } from '../support/graphql.js'
import { expectProblem } from '../support/problem.js'
import { startOn } from '../support/service.js'

const ENCRYPTION_KEY = Buffer.alloc(32, 7).toString('base64')

let resources: Resources
let database: Awaited<ReturnType<typeof createTestDatabase>>
let service: { url: string }
let other: { url: string }
let file: string

beforeAll(async () => {
  resources = createResources()
  const directory = await mkdtemp(join(tmpdir(), 'node-event-service-tokens-'))
  resources.use({ [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) })
  file = join(directory, 'keys')
  await writeFile(file, 'passing=read+manage=key-that-ends')
  database = resources.use(await createTestDatabase())
  const settings = {
    API_KEYS: `${TEST_KEY},limited=read+manage=limited-key,acme=read+manage+publish@acme=acme-key`,
    API_KEYS_FILE: file,
    SECRET_ENCRYPTION_KEY: ENCRYPTION_KEY,
  }
  service = resources.use(await startOn(database, undefined, settings))
  other = resources.use(await startOn(database, undefined, settings))
  for (const tenant of ['acme', 'zeta'])
    await createClient(service.url).post('/v1/events', { type: `of.${tenant}`, tenant, data: {} })
})
afterAll(() => resources[Symbol.asyncDispose]())

const create = (body: object, key = TEST_KEY) =>
  createClient(service.url, key).post('/v1/tenant-tokens', body)
const tokenFor = async (body: object, key = TEST_KEY): Promise<string> => (await create(body, key)).body.token
const list = '{ events { edges { node { type } } } }'
const typesSeenBy = async (key: string, target = service) => {
  const { body } = await post(target, list, {}, key)
  return body.data.events.edges.map(({ node }: { node: { type: string } }) => node.type)
}

/** As the service signs it, with an end of the test's choice. */
async function tokenUntil(exp: number): Promise<string> {
  const [row] = await database.query<{ tokenSecret: Buffer }>('select "tokenSecret" from installation')
  const [key] = tokenKeys(row?.tokenSecret as Buffer, [
    createSecretKey(Buffer.from(ENCRYPTION_KEY, 'base64')),
  ])
  const client_id = clientIdOf(hashKey(TEST_KEY), key)
  return signToken({ sub: 'acme', scope: 'read', client_id, iat: 0, exp }, key)
}
const nowSeconds = () => Math.floor(Date.now() / 1000)

describe('a token', () => {
  it('sees what is of its tenant, at every process', async () => {
    const { status, body } = await create({ tenant: 'acme' })
    expect(status).toBe(201)
    expect(body).toEqual({
      ...{ token: expect.any(String), tenant: 'acme', scopes: ['READ'], expiresAt: expect.any(String) },
    })
    expect(Date.parse(body.expiresAt) / 1000 - nowSeconds()).toBeGreaterThan(3590)
    expect(Date.parse(body.expiresAt) / 1000 - nowSeconds()).toBeLessThan(3610)
    for (const target of [service, other]) expect(await typesSeenBy(body.token, target)).toEqual(['of.acme'])
    expectProblem(await create({ tenant: 'acme' }, body.token), 403)
  })

  it('is made over GraphQL as well', async () => {
    const mutation = `mutation { createTenantToken(tenant: "zeta", scopes: [READ, PUBLISH], expiresInSeconds: 60) {
      tenantToken { token tenant scopes expiresAt } errors { message } } }`
    const { body } = await post(service, mutation)
    const { tenantToken, errors } = body.data.createTenantToken
    expect([errors, tenantToken.tenant, tenantToken.scopes]).toEqual([[], 'zeta', ['PUBLISH', 'READ']])
    expect(await typesSeenBy(tenantToken.token)).toEqual(['of.zeta'])
    const published = await createClient(service.url, tenantToken.token).post('/v1/events', {
      ...{ type: 'by.token', data: {} },
    })
    expect(published.status).toBe(202)
    expect(await typesSeenBy(tenantToken.token)).toEqual(['by.token', 'of.zeta'])
  })

  it('allows no more than the API key that made it', async () => {
    expectProblem(await create({ tenant: 'acme', scopes: ['PUBLISH'] }, 'limited-key'), 403)
    expectProblem(await create({ tenant: 'zeta' }, 'acme-key'), 403)
    expect((await create({ tenant: 'acme' }, 'acme-key')).status).toBe(201)
    const manager = await tokenFor({ tenant: 'acme', scopes: ['MANAGE'] })
    const refused = await create({ tenant: 'acme' }, manager)
    expect([refused.status, refused.body.detail]).toEqual([
      ...[403, 'A token makes no tokens. Use the API key that made it.'],
    ])
  })

  it.each([
    ['no tenant', {}, 'tenant'],
    ['a tenant that can not be', { tenant: 'a b' }, 'tenant'],
    ['no scopes', { tenant: 'acme', scopes: [] }, 'scopes'],
    ['an unknown scope', { tenant: 'acme', scopes: ['ALL'] }, 'scopes.0'],
    ['a minute less a second', { tenant: 'acme', expiresInSeconds: 59 }, 'expiresInSeconds'],
    ['a day and a second', { tenant: 'acme', expiresInSeconds: 86_401 }, 'expiresInSeconds'],
  ])('is not made for %s', async (_what, body, path) => {
    expectProblem(await create(body), 400, path)
  })

  it('that has expired is refused by name, however often, and its live updates end', async () => {
    const expired = await tokenUntil(nowSeconds() - 1)
    for (let time = 0; time < 25; time++) {
      const { status, body } = await createClient(service.url, expired).get('/v1/stats')
      expect([status, body.detail]).toEqual([401, 'This token of a tenant has expired. Get a new one.'])
    }
    const brief = await tokenUntil(nowSeconds() + 3)
    const socket = await openSocket(service, brief)
    const stream = await fetch(`${service.url}/graphql`, {
      method: 'POST',
      headers: { 'x-api-key': brief, 'content-type': 'application/json', accept: 'text/event-stream' },
      body: JSON.stringify({ query: 'subscription { deliveryUpdated { id } }' }),
    })
    expect(stream.status).toBe(200)
    expect(await socket.closed).toBe(4401)
    await expect(stream.text()).rejects.toThrow()
  })

  it('ends with the API key that made it', async () => {
    const token = await tokenFor({ tenant: 'acme' }, 'key-that-ends')
    expect(await typesSeenBy(token)).toEqual(['of.acme'])
    const socket = await openSocket(service, token)
    await writeFile(file, 'passing=read+manage=another-key')
    expect(await socket.closed).toBe(4401)
    expectProblem(await createClient(service.url, token).get('/v1/stats'), 401)
  })
})
