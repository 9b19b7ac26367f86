/**
 * Secrets that are stored encrypted, while one encryption key does not change, and those that this process lacks a key
 * for.
 */
import { describe, expect, it } from 'vitest'
import type { ReceivedRequest } from '../support/receiver.js'
import { isSignedBy } from '../support/secrets.js'
import {
  cipherOf,
  NEXT_SECRET,
  newer,
  older,
  sealedBy,
  setUpStoredSecrets,
  signatures,
  storedBoth,
  storedOne,
} from '../support/secrets-at-rest.js'

const { database, receiver, restart, subscribe, publish, deliver, stored, endFormerSecrets, insert } =
  setUpStoredSecrets()

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
      await database().query('update subscriptions set secret = $1', [asOthersStore])
      await api.patch(`/v1/subscriptions/${id}`, { secret: NEXT_SECRET })
      const [row] = await stored()
      expect(row).toMatchObject({ secret: sealedBy(newer), previousSecret: sealedBy(newer) })
      expect(cipherOf(newer).open(id, row?.previousSecret as string)).toBe(secret)
    }
  })

  it('a secret can not be mistaken for one that was encrypted', async () => {
    const api = await restart()
    const given = { endpointUrl: receiver().url, eventTypes: ['a'], secret: 'enc:v1:00000000:AAAA:AAAA' }
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

describe('a secret that this process can not read', () => {
  it('fails its deliveries with a sentence, and they are made once it can', async () => {
    const api = await restart(older)
    const { id, secret } = await subscribe(api)
    // By a process that has a key more than this one.
    await database().query('update subscriptions set secret = $1', [cipherOf(newer).seal(id, secret)])
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
    expect(receiver().requests).toEqual([])

    const both = await restart(older, newer)
    const statusOf = async () => (await both.get(`/v1/events/${eventId}/summary`)).body.status
    await expect.poll(statusOf, { timeout: 20_000 }).toBe('DELIVERED')
    expect(isSignedBy(secret, receiver().requests[0] as ReceivedRequest)).toBe(true)
  })

  it('can be replaced, and then does not sign beside the new one', async () => {
    const api = await restart(older)
    const { id, secret } = await subscribe(api)
    await database().query('update subscriptions set secret = $1', [cipherOf(newer).seal(id, secret)])
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
