/** A new subscription over REST: what it is answered with, its secret, its event types, and when it conflicts. */
import { describe, expect, it } from 'vitest'
import { expectProblem } from '../support/problem.js'
import { setUpSubscriptions } from '../support/subscriptions.js'

const { service, some, create, patch, read, created, countAll } = setUpSubscriptions()

describe('a new subscription', () => {
  it('is answered with what it is, where it is, and its secret', async () => {
    const given = some({ eventTypes: ['user.created', 'user.deleted'], description: 'Ours' })
    const { status, headers, body } = await create(given)
    expect([status, body]).toEqual([
      201,
      {
        ...given,
        kind: 'WEBHOOK',
        id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
        isEnabled: true,
        ...{ disabledReason: null, disabledAt: null },
        maxRequestsPerSecond: null,
        ...{ tenant: null, filter: null, filterErrors: null },
        ...{ isOrdered: false, maxInFlight: null, timeoutMs: null, retryPolicy: null },
        ...{ headers: {}, secretHeaders: [], labels: {}, auth: null, clientCertificate: null },
        format: 'STANDARD',
        ...{ signatures: ['V1'], publicKey: null, publicKeys: [] },
        health: {
          ...{ state: 'HEALTHY', consecutiveFailures: 0, failingSince: null, lastSuccessAt: null },
          ...{ lastFailureAt: null, successRate: null, latencyP95Ms: null },
        },
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
      await service().api.get('/v1/subscriptions'),
      await patch(id, { description: 'seen' }),
      await patch(id, changed),
      await read(id),
    ]) {
      expect(status).toBe(200)
      expect(JSON.stringify(body)).not.toMatch(/"secret"|whsec_/i)
    }
    const rows = await service().database.query(
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
    expectProblem(await create({}), 400, 'eventTypes')
    expectProblem(await create({ eventTypes: ['a'] }), 400, 'endpointUrl')
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
