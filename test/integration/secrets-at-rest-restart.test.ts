/** A start with other encryption keys: it encrypts anew what is stored, beside others that write. */
import { readFileSync } from 'node:fs'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import type { Database, Statement } from '../../src/platform/postgres/database.js'
import { prepareStoredSecrets } from '../../src/secrets/stored-secrets.js'
import { openDatabase } from '../support/database.js'
import { isSignedBy } from '../support/secrets.js'
import {
  cipherOf,
  NEXT_SECRET,
  newer,
  older,
  sealedBy,
  setUpStoredSecrets,
  storedBoth,
  storedOne,
} from '../support/secrets-at-rest.js'

const { use, database, restart, subscribe, deliver, stored, endFormerSecrets, insert } = setUpStoredSecrets()

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
    const [replaced] = await database().query<{ id: string; secret: string }>(replace)
    for (const statement of forget) await database().query(statement)
    expect(replaced?.id).toBe(id)

    const webhook = await deliver(await restart(newer))
    expect([isSignedBy(replaced?.secret as string, webhook), isSignedBy(secret, webhook)]).toEqual([
      true,
      false,
    ])
    expect(await stored()).toEqual([storedOne(id, sealedBy(newer))])
  })
})

describe('encrypting what is there', () => {
  const silent = pino({ level: 'silent' })

  it('goes over all of them, so many at a time, by several processes at once', async () => {
    const secrets = Array.from({ length: 25 }, (_, index) => `secret ${index}`)
    await insert(...secrets)
    const opened = use(openDatabase(database()))
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
      await database().query(
        'update subscriptions set "previousSecret" = \'before\', "previousSecretUntil" = $1, "formerSecrets" = $2',
        [END, former('before')],
      )
      const opened = use(openDatabase(database()))
      const changes = [`update subscriptions set "${column}" = '${value}'`]
      const interrupted: Database = {
        ...opened,
        async query<Row extends object>(statement: Statement, values: unknown[]) {
          const rows = await opened.query<Row>(statement, values)
          if (rows.length > 0) for (const change of changes.splice(0)) await database().query(change)
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
