import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createAttempt } from '../../src/delivery-engine/attempt/attempt.js'
import { createAttemptColumns } from '../../src/delivery-engine/attempt/attempt-columns.js'
import { createLoader, type Loader } from '../../src/delivery-engine/attempt/loader.js'
import { createRecorder } from '../../src/delivery-engine/attempt/recorder.js'
import { createSender } from '../../src/delivery-engine/attempt/sender.js'
import { createEgressGuard } from '../../src/delivery-engine/egress/egress-guard.js'
import type { Lease } from '../../src/delivery-engine/scheduling/lease.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createBodyCipher } from '../../src/secrets/body-cipher.js'
import { createSecretCipher } from '../../src/secrets/cipher.js'
import { createSigningKeys } from '../../src/secrets/signing-keys.js'
import { createServiceEvents } from '../../src/telemetry/service-events.js'
import { machineClock } from '../support/clock.js'
import { createTestDatabase, openDatabase, type TestDatabase } from '../support/database.js'
import { startReceiver } from '../support/receiver.js'

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

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
  const testDatabase = resources.use(await createTestDatabase())
  const database = resources.use(openDatabase(testDatabase))
  const receiver = resources.use(await startReceiver())
  const good = await leasedDelivery(testDatabase, receiver.url)
  const serviceEvents = createServiceEvents()
  const sender = resources.use(
    createSender({
      guard: createEgressGuard({ allowedCidrs: ['127.0.0.0/8'] }),
      timeoutMs: 5000,
      clock: machineClock,
    }),
  )
  const loader = createLoader(database, createSigningKeys(createSecretCipher([])), machineClock)
  const renewing: Loader = {
    async load(lease) {
      const delivery = await loader.load(lease)
      lease.queuedUntil = good.queuedUntil
      return delivery
    },
  }
  const attempt = createAttempt({
    ...{ database, sender, serviceEvents, clock: machineClock, loader: renewing },
    recorder: createRecorder(database, serviceEvents),
    writeColumns: createAttemptColumns('failed', createBodyCipher([])),
    policy: { maxAttempts: 1, backoffBaseSeconds: 1, backoffMaxSeconds: 1 },
    onRetryIn: () => {},
    onRoom: () => {},
    cutOff: new AbortController().signal,
  })

  await attempt({ ...good, queuedUntil: new Date(0).toISOString() }, () => {})

  expect(receiver.requests).toHaveLength(1)
  expect(await testDatabase.query('select status from deliveries')).toEqual([{ status: 'SENT' }])
})
