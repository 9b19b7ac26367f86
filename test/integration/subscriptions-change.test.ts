/** Changes of a subscription over REST. */
import { describe, expect, it } from 'vitest'
import { openDatabase } from '../support/database.js'
import { expectProblem } from '../support/problem.js'
import { setUpSubscriptions } from '../support/subscriptions.js'

const { service, create, patch, read, created } = setUpSubscriptions()

describe('a change', () => {
  it.each([
    ['isEnabled', false, { disabledReason: 'MANUAL', disabledAt: expect.any(String) }],
    ['endpointUrl', 'https://example.com/moved', {}],
    ['eventTypes', ['a', 'b'], {}],
    ['description', 'Ours', {}],
  ])('of %s changes that and the time of the change', async (field, value, more) => {
    const { secret, ...before } = await created({ description: 'Before' })
    const { status, body } = await patch(before.id, { [field]: value })
    expect([status, body]).toEqual([
      200,
      { ...before, ...more, [field]: value, updatedAt: expect.any(String) },
    ])
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
    await using database = openDatabase(service().database)
    await database.prisma.$transaction(async (transaction) => {
      // As the foreign key of a new delivery does it.
      await transaction.$queryRaw`select from subscriptions where id = ${id}::uuid for key share`
      expect((await patch(id, { description: 'Ours' })).status).toBe(200)
    })
  })
})
