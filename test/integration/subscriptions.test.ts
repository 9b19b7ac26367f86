import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { openDatabase } from '../support/database.js'
import { expectProblem } from '../support/problem.js'
import { startTestService, type TestService } from '../support/service.js'

let resources: Resources
let service: TestService

beforeAll(async () => {
  resources = createResources()
  // No exception for this machine: what is not public is refused.
  service = resources.use(await startTestService('postgres', { DELIVERY_ALLOWED_CIDRS: '' }))
})
afterAll(() => resources[Symbol.asyncDispose]())

let made = 0
/** A subscription that is like no other. */
const some = (more: object = {}) => {
  made += 1
  return { endpointUrl: `https://example.com/hooks/${made}`, eventTypes: ['user.created'], ...more }
}

const create = (body: unknown) => service.api.post('/v1/subscriptions', body)
const patch = (id: string, body: unknown) => service.api.patch(`/v1/subscriptions/${id}`, body)
const read = (id: string) => service.api.get(`/v1/subscriptions/${id}`)

async function created(more: object = {}) {
  const { status, body } = await create(some(more))
  expect(status).toBe(201)
  return body
}

const countAll = async () => (await service.api.get('/v1/stats')).body.subscriptionsTotal

describe('a new subscription', () => {
  it('is answered with what it is, where it is, and its secret', async () => {
    const given = some({ eventTypes: ['user.created', 'user.deleted'], description: 'Ours' })
    const { status, headers, body } = await create(given)
    expect([status, body]).toEqual([
      201,
      {
        ...given,
        id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
        isEnabled: true,
        maxRequestsPerSecond: null,
        ...{ filter: null, filterErrors: null },
        ...{ maxInFlight: null, timeoutMs: null, retryPolicy: null },
        ...{ headers: {}, secretHeaders: [], labels: {}, auth: null },
        ...{ signatures: ['V1'], publicKey: null, publicKeys: [] },
        createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        updatedAt: expect.any(String),
        secret: expect.any(String),
      },
    ])
    expect(headers.get('location')).toBe(`/v1/subscriptions/${body.id}`)
  })

  it('has nothing in it that was not given', async () => {
    expect(await created()).toMatchObject({ description: null, isEnabled: true })
    expect(await created({ description: null, isEnabled: false })).toMatchObject({
      description: null,
      isEnabled: false,
    })
  })

  it('gets a secret of 32 random bytes, in base64 after whsec_', async () => {
    const secrets = [await created(), await created()].map(({ secret }) => secret)
    for (const secret of secrets) {
      expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
      expect(Buffer.from(secret.slice('whsec_'.length), 'base64')).toHaveLength(32)
    }
    expect(secrets[0]).not.toBe(secrets[1])
  })

  it.each(['plain text', '!~-symbols', `whsec_${Buffer.alloc(24, 1).toString('base64')}`])(
    'keeps the secret %s that it was given',
    async (secret) => {
      expect((await created({ secret })).secret).toBe(secret)
    },
  )

  const base64 = (bytes: number) => Buffer.alloc(bytes, 1).toString('base64')
  const alone = (secret: unknown): [unknown] => [secret]

  it.each<[unknown]>([
    ...['', 'whsec_', 'whsec_not base64!', 'NUL \0', '\ud83d', 's'.repeat(513), 1].map(alone),
    ...['a short', ' begins with a blank', 'ends with a blank ', 'has an accént', 's'.repeat(256)].map(alone),
    ...[`whsec_${base64(23)}`, `whsec_${base64(65)}`].map(alone),
    ...[`whsec_${base64(32).replace('=', '')}`, `WHSEC_${base64(24)}`, ` whsec_${base64(24)}`].map(alone),
    ...[`whsec_${base64(24)} `, 'whsec_AAAA=AAA'].map(alone),
  ])('refuses the secret %j', async (secret) => {
    expectProblem(await create(some({ secret })), 400, 'secret')
  })

  it('shows its secret this once and never again', async () => {
    const { id, secret } = await created()
    const changed = { secret: `whsec_${Buffer.alloc(32, 7).toString('base64')}` }
    for (const { status, body } of [
      await read(id),
      await service.api.get('/v1/subscriptions'),
      await patch(id, { description: 'seen' }),
      await patch(id, changed),
      await read(id),
    ]) {
      expect(status).toBe(200)
      expect(JSON.stringify(body)).not.toMatch(/"secret"|whsec_/i)
    }
    const rows = await service.database.query(
      'select secret, "previousSecret" from subscriptions where id = $1',
      [id],
    )
    expect(rows).toEqual([{ secret: changed.secret, previousSecret: secret }])
  })

  it('conflicts with an equal one, whatever the order of its types and whatever else differs', async () => {
    const first = some({ eventTypes: ['a', 'b', 'c'] })
    expect((await create(first)).status).toBe(201)
    expectProblem(await create(first), 409)
    expectProblem(await create({ ...first, eventTypes: ['c', 'a', 'b'] }), 409)
    expectProblem(await create({ ...first, eventTypes: ['a', 'a', 'b', 'c'] }), 409)
    expectProblem(
      await create({ ...first, secret: 'another secret', description: 'd', isEnabled: false }),
      409,
    )
  })

  it.each([
    ['fewer types', { eventTypes: ['a'] }],
    ['more types', { eventTypes: ['a', 'b', 'c'] }],
    ['every type', { eventTypes: ['*'] }],
    ['types that join to the same text', { eventTypes: ['a:b'] }],
    ['another query', { endpointUrl: 'https://example.com/equal?a=1' }],
  ])('does not conflict with one of %s', async (what, other) => {
    const first = { endpointUrl: 'https://example.com/equal', eventTypes: ['a', 'b'], description: what }
    await create(first)
    expect((await create({ ...first, ...other })).status).toBe(201)
  })

  it('is one, of 200 equal requests at the same instant', async () => {
    const given = some()
    const before = await countAll()
    const answers = await Promise.all(Array.from({ length: 200 }, () => create(given)))
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    for (const answer of answers) if (answer.status !== 201) expectProblem(answer, 409)
    expect(await countAll()).toBe(before + 1)
  })

  it('needs an endpointUrl and eventTypes, and knows no field but its own', async () => {
    expectProblem(await create({}), 400, 'endpointUrl', 'eventTypes')
    expectProblem(await create(some({ id: 'x', enabled: true })), 400, 'id', 'enabled')
    expectProblem(await create(some({ isEnabled: 'yes', description: 1 })), 400, 'description', 'isEnabled')
    expectProblem(await create(some({ description: 'd'.repeat(1025) })), 400, 'description')
    expectProblem(await create(some({ description: 'NUL \0' })), 400, 'description')
  })
})

describe('eventTypes', () => {
  it('are a set: each counts once, in the order given', async () => {
    const eventTypes = ['b', 'a', 'b', '*', 'a']
    expect((await created({ eventTypes })).eventTypes).toEqual(['b', 'a', '*'])
  })

  it('may be 200 of 128 characters', async () => {
    const eventTypes = Array.from({ length: 200 }, (_, n) => String(n).padEnd(128, 'x'))
    expect((await created({ eventTypes })).eventTypes).toEqual(eventTypes)
  })

  it.each([
    ['empty', [], 'eventTypes'],
    ['a text', 'user.created', 'eventTypes'],
    ['null', null, 'eventTypes'],
    ['more than 200', Array.from({ length: 201 }, (_, n) => `t${n}`), 'eventTypes'],
    ['of an empty name', ['ok', ''], 'eventTypes.1'],
    ['of a name with a space', ['a b'], 'eventTypes.0'],
    ['patterns of another form', ['user*'], 'eventTypes.0'],
    ['of 129 characters', ['x'.repeat(129)], 'eventTypes.0'],
    ['numbers', [1], 'eventTypes.0'],
  ])('are refused when they are %s', async (_what, eventTypes, path) => {
    expectProblem(await create(some({ eventTypes })), 400, path)
  })
})

describe('endpointUrl', () => {
  it.each([
    ['https://example.com:8443/a/b?c=d'],
    ['http://93.184.215.14/'],
    ['http://[2606:4700:4700::1111]/'],
    ['http://example.com', 'http://example.com/'],
    ['https://münchen.example/', 'https://xn--mnchen-3ya.example/'],
    ['HTTPS://Example.com:443/./a/../b?#fragment', 'https://example.com/b?'],
    [' https://example.com/c ', 'https://example.com/c'],
  ])('may be %j, and is kept as the URL standard writes it', async (endpointUrl, kept = endpointUrl) => {
    expect((await created({ endpointUrl })).endpointUrl).toBe(kept)
  })

  it('that is spelled in another way is the same endpoint', async () => {
    const plain = some({ endpointUrl: 'http://example.com/same', eventTypes: ['spelled'] })
    expect((await create(plain)).status).toBe(201)
    for (const endpointUrl of [
      'HTTP://Example.com:80/same',
      'http://example.com/./same#a',
      ' http:/\\example.com/same',
    ])
      expectProblem(await create({ ...plain, endpointUrl }), 409)
  })

  it('may not name port 0', async () => {
    expectProblem(await create(some({ endpointUrl: 'https://example.com:0/hook' })), 400, 'endpointUrl')
  })

  it.each([
    [''],
    ['example.com/hook'],
    ['/hook'],
    ['ftp://example.com/'],
    ['file:///etc/passwd'],
    ['javascript:alert(1)'],
    ['http://'],
    ['https://exa mple.com/'],
    ['https://example.com/\0'],
    ['https://user@example.com/'],
    ['https://user:password@example.com/'],
    ['https://:password@example.com/'],
    [`https://example.com/${'a'.repeat(2048)}`],
    [1],
    [null],
  ])('must not be %j', async (endpointUrl) => {
    expectProblem(await create(some({ endpointUrl })), 400, 'endpointUrl')
  })

  it.each([
    'http://10.0.0.1',
    'http://192.168.1.1:8080/',
    'http://172.16.0.1/',
    'http://127.0.0.1/',
    'http://169.254.169.254/latest/meta-data/',
    'http://100.64.0.1/',
    'http://0.0.0.0/',
    'http://0/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://0177.0.0.1/',
    'http://127.1/',
    'http://[::1]',
    'http://[::]/',
    'http://[fe80::1]/',
    'http://[fd00::1]/',
    'http://[::ffff:10.0.0.1]/',
    'http://[64:ff9b::7f00:1]/',
    'http://localhost:3000/',
    'http://LOCALHOST./',
    'http://a.localhost/',
    'http://①②⑦.0.0.1/',
  ])('is refused where it is plainly not public: %s', async (endpointUrl) => {
    const answer = await create(some({ endpointUrl }))
    expectProblem(answer, 400, 'endpointUrl')
    expect(answer.body.detail).toContain('DELIVERY_ALLOWED_CIDRS')
    const { id } = await created()
    expectProblem(await patch(id, { endpointUrl }), 400, 'endpointUrl')
  })

  it('may be one that DELIVERY_ALLOWED_CIDRS opens', async () => {
    const open = resources.use(
      await startTestService('postgres', { DELIVERY_ALLOWED_CIDRS: '10.0.0.0/8,::1/128' }),
    )
    const createThere = (endpointUrl: string) => open.api.post('/v1/subscriptions', some({ endpointUrl }))
    expect((await createThere('http://10.1.2.3/')).status).toBe(201)
    expect((await createThere('http://[::1]/')).status).toBe(201)
    expectProblem(await createThere('http://192.168.0.1/'), 400, 'endpointUrl')
  })
})

describe('a change', () => {
  it.each([
    ['isEnabled', false],
    ['endpointUrl', 'https://example.com/moved'],
    ['eventTypes', ['a', 'b']],
    ['description', 'Ours'],
  ])('of %s changes that and the time of the change', async (field, value) => {
    const { secret, ...before } = await created({ description: 'Before' })
    const { status, body } = await patch(before.id, { [field]: value })
    expect([status, body]).toEqual([200, { ...before, [field]: value, updatedAt: expect.any(String) }])
    expect(Date.parse(body.updatedAt)).toBeGreaterThanOrEqual(Date.parse(before.updatedAt))
    expect((await read(before.id)).body).toEqual(body)
  })

  it('of several fields is one change', async () => {
    const { id } = await created()
    const changes = { isEnabled: false, eventTypes: ['*'], description: 'All of it', secret: 'a new secret' }
    const { secret, ...visible } = changes
    expect((await patch(id, changes)).body).toMatchObject(visible)
  })

  it('may take a description away', async () => {
    const { id } = await created({ description: 'Ours' })
    expect((await patch(id, { description: null })).body.description).toBeNull()
  })

  it('must name a field, and one that it knows', async () => {
    const { id } = await created()
    expectProblem(await patch(id, {}), 400, '')
    expectProblem(await patch(id, { id, status: 'on', isEnabled: true }), 400, 'id', 'status')
  })

  it.each([
    ['isEnabled', 'no'],
    ['endpointUrl', 'nowhere'],
    ['eventTypes', []],
    ['secret', ''],
    ['description', 1],
  ])('keeps to the same rules: %s can not become %j', async (field, value) => {
    const { secret, ...before } = await created()
    expectProblem(await patch(before.id, { [field]: value }), 400, field)
    expect((await read(before.id)).body).toEqual(before)
  })

  it('to what another one is conflicts, and to what it is itself does not', async () => {
    const other = await created({ eventTypes: ['a', 'b'] })
    const { id, endpointUrl } = await created({ eventTypes: ['a'] })
    expect((await patch(id, { eventTypes: ['b', 'a'] })).status).toBe(200)
    expectProblem(await patch(id, { endpointUrl: other.endpointUrl }), 409)
    expect((await patch(id, { endpointUrl })).status).toBe(200)
    expect((await patch(id, { eventTypes: ['a'] })).status).toBe(200)
    expectProblem(await patch(id, { endpointUrl: other.endpointUrl, eventTypes: ['b', 'a'] }), 409)
  })

  it('frees what it was for another', async () => {
    const { id, endpointUrl, eventTypes } = await created()
    await patch(id, { eventTypes: ['elsewhere'] })
    expect((await create({ endpointUrl, eventTypes })).status).toBe(201)
  })

  it('at the same instant as others loses none of them', async () => {
    const { id } = await created()
    await Promise.all([
      patch(id, { description: 'Ours' }),
      patch(id, { isEnabled: false }),
      patch(id, { eventTypes: ['a'] }),
      patch(id, { secret: 'another secret' }),
    ])
    expect((await read(id)).body).toMatchObject({ description: 'Ours', isEnabled: false, eventTypes: ['a'] })
  })

  it('waits for none of the deliveries that are being made for it', async () => {
    const { id } = await created()
    await using database = openDatabase(service.database)
    await database.prisma.$transaction(async (transaction) => {
      // As the foreign key of a new delivery does it.
      await transaction.$queryRaw`select from subscriptions where id = ${id}::uuid for key share`
      expect((await patch(id, { description: 'Ours' })).status).toBe(200)
    })
  })
})
