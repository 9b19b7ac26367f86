/** After a change of secret the replaced one goes on signing for its own 24 hours. */
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { deliver, subscribe } from '../support/delivering.js'
import { type Receiver, startReceiver } from '../support/receiver.js'
import { isSignedBy, newEncryptionKey, signatureCount } from '../support/secrets.js'
import { layouts, startTestService, type TestService } from '../support/service.js'

let resources: Resources
let receiver: Receiver
let service: TestService
let id: string

beforeEach(async () => {
  resources = createResources()
  receiver = resources.use(await startReceiver())
})
afterEach(() => resources[Symbol.asyncDispose]())

/** A secret for each letter or number. */
const secretOf = (name: string | number): string =>
  `whsec_${Buffer.from(String(name).padStart(32, '.')).toString('base64')}`

async function start(...[layout, settings]: Parameters<typeof startTestService>): Promise<void> {
  service = resources.use(await startTestService(layout, settings))
  id = await subscribe(service, receiver.url)
}

async function change(...names: (string | number)[]): Promise<void> {
  for (const name of names) {
    const { status } = await service.api.patch(`/v1/subscriptions/${id}`, { secret: secretOf(name) })
    expect(status).toBe(200)
  }
}

/** What the version before does. */
const changeByOldVersion = (name: string) =>
  service.database.query(
    `update subscriptions
     set secret = $1, "previousSecret" = secret, "previousSecretUntil" = now() + interval '24 hours'`,
    [secretOf(name)],
  )

/** Which of these secrets sign the webhook of an event that is published now, and how many signatures it has. */
async function signers<Name extends string | number>(names: Name[]): Promise<{ by: Name[]; count: number }> {
  const webhook = await deliver(service, receiver)
  return {
    by: names.filter((name) => isSignedBy(secretOf(name), webhook)),
    count: signatureCount(webhook),
  }
}

it.each(layouts)('each secret of several changes signs, queue on %s', async (layout) => {
  await start(layout, { SECRET_ENCRYPTION_KEY: newEncryptionKey().text })
  const all = ['A', 'B', 'C']
  await change('A')
  expect(await signers(all)).toEqual({ by: ['A'], count: 2 })
  await change('B', 'C')
  expect(await signers(all)).toEqual({ by: all, count: 4 })
})

it('each former secret ends at its own time', async () => {
  await start('postgres')
  await change('A', 'B', 'C')
  const [row] = await service.database.query<{ formerSecrets: { secret: string; validUntil: string }[] }>(
    'select "formerSecrets" from subscriptions',
  )
  const former = row?.formerSecrets ?? []
  expect(former.slice(0, 2).map(({ secret }) => secret)).toEqual([secretOf('B'), secretOf('A')])
  const end = new Date(Date.now() - 1000).toISOString()
  const formerSecrets = former.map((each) =>
    each.secret === secretOf('A') ? { ...each, validUntil: end } : each,
  )
  await service.database.query('update subscriptions set "formerSecrets" = $1', [
    JSON.stringify(formerSecrets),
  ])
  expect(await signers(['A', 'B', 'C'])).toEqual({ by: ['B', 'C'], count: 3 })
})

it('ten former secrets sign beside the newest, and an eleventh ends the oldest', async () => {
  await start('postgres')
  const numbers = Array.from({ length: 12 }, (_, index) => index + 1)
  await change(...numbers.slice(0, 11))
  expect(await signers(numbers)).toEqual({ by: numbers.slice(0, 11), count: 11 })
  await change(12)
  expect(await signers(numbers)).toEqual({ by: numbers.slice(1), count: 11 })
})

it('a secret that is set again signs once', async () => {
  await start('postgres')
  await change('A', 'B', 'A')
  expect(await signers(['A', 'B'])).toEqual({ by: ['A', 'B'], count: 3 })
})

it('a change by a process of the version before ends no former secret', async () => {
  await start('postgres', { SECRET_ENCRYPTION_KEY: newEncryptionKey().text })
  const all = ['A', 'B', 'C', 'D']
  await change('A', 'B')
  await changeByOldVersion('C')
  expect(await signers(all)).toEqual({ by: ['A', 'B', 'C'], count: 4 })
  await change('D')
  expect(await signers(all)).toEqual({ by: all, count: 5 })
})

it('a process of the version before signs with the newest two', async () => {
  await start('postgres')
  await change('A', 'B', 'C')
  const rows = await service.database.query('select secret, "previousSecret" from subscriptions')
  expect(rows).toEqual([{ secret: secretOf('C'), previousSecret: secretOf('B') }])
})
