import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createAttempt } from '../../src/delivery-engine/attempt.js'
import { createEgressGuard } from '../../src/delivery-engine/egress-guard.js'
import type { Lease } from '../../src/delivery-engine/lease.js'
import { createLoader, type Loader } from '../../src/delivery-engine/loader.js'
import { createRecorder } from '../../src/delivery-engine/recorder.js'
import { createSender } from '../../src/delivery-engine/sender.js'
import { createHappenings } from '../../src/platform/happenings.js'
import { createParts, type Parts } from '../../src/platform/parts.js'
import { createSecretCipher } from '../../src/secrets/cipher.js'
import { createSigningKeys } from '../../src/secrets/signing-keys.js'
import { machineClock } from '../support/clock.js'
import { createTestDatabase, openDatabase, type TestDatabase } from '../support/database.js'
import { startReceiver } from '../support/receiver.js'

let parts: Parts

beforeEach(() => {
  parts = createParts()
})
afterEach(() => parts[Symbol.asyncDispose]())

/** A delivery that somebody holds, and what they hold it by. */
async function leasedDelivery(database: TestDatabase, endpointUrl: string): Promise<Lease> {
  const [eventId, subscriptionId, deliveryId] = [randomUUID(), randomUUID(), randomUUID()]
  await database.query(
    `insert into events (id, type, data, "deliveryCount", status, "createdAt")
     values ($1, 'a', '{}', 1, 'PROCESSING', now())`,
    [eventId],
  )
  await database.query(
    `insert into subscriptions (id, "endpointUrl", "eventTypes", secret, fingerprint)
     values ($1, $2, '{a}', 'a secret', '\\x00')`,
    [subscriptionId, endpointUrl],
  )
  const [row] = await database.query<{ queuedUntil: Date }>(
    `insert into deliveries (id, "eventId", "subscriptionId", "nextRunAt", "queuedUntil")
     values ($1, $2, $3, now(), now() + interval '20 seconds') returning "queuedUntil"`,
    [deliveryId, eventId, subscriptionId],
  )
  const { queuedUntil } = row as { queuedUntil: Date }
  return {
    deliveryId,
    subscriptionId,
    queuedUntil: queuedUntil.toISOString(),
    isRetry: false,
    isPaced: false,
  }
}

it('attempts a delivery by the lease that came while it was looked up by an older one', async () => {
  const testDatabase = parts.use(await createTestDatabase())
  const database = parts.use(openDatabase(testDatabase))
  const receiver = parts.use(await startReceiver())
  const good = await leasedDelivery(testDatabase, receiver.url)
  const happenings = createHappenings()
  const sender = parts.use(
    createSender({
      guard: createEgressGuard({ allowedCidrs: ['127.0.0.0/8'] }),
      timeoutMs: 5000,
      clock: machineClock,
    }),
  )
  const loader = createLoader(database, createSigningKeys(createSecretCipher([])))
  const renewing: Loader = {
    async load(lease) {
      const delivery = await loader.load(lease)
      lease.queuedUntil = good.queuedUntil
      return delivery
    },
  }
  const attempt = createAttempt({
    ...{ database, sender, happenings, clock: machineClock, loader: renewing },
    recorder: createRecorder(database, happenings),
    policy: { maxAttempts: 1, backoffBaseSeconds: 1, backoffMaxSeconds: 1 },
    onRetryIn: () => {},
    cutOff: new AbortController().signal,
  })

  await attempt({ ...good, queuedUntil: new Date(0).toISOString() }, () => {})

  expect(receiver.requests).toHaveLength(1)
  expect(await testDatabase.query('select status from deliveries')).toEqual([{ status: 'SENT' }])
})
