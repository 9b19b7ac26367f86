/** Deliveries are leased, attempted and answered, and their leases end. */
import { expect } from 'vitest'
import { newExchangeTrace } from '../../../src/delivery-engine/attempt/exchange-trace.js'
import type { Exchange } from '../../../src/delivery-engine/attempt/sender.js'
import { giveBackLeases } from '../../../src/delivery-engine/scheduling/scheduler.js'
import { sqlNow } from '../../../src/platform/postgres/sql-now.js'
import type { SigningKey } from '../../../src/secrets/signing-keys.js'
import { signingKeyBytes } from '../../../src/secrets/signing-secret.js'
import { allowedBy } from '../breaker.js'
import { type Request, WORKERS } from '../engine.js'
import { predecessorsOf } from '../ordering.js'
import * as pictured from '../reference-model.js'
import {
  deliveriesOf,
  isOpen,
  type Outcome,
  type PicturedDelivery,
  release,
  seen,
} from '../reference-model.js'
import { find, isGood, leasedOf, leasing } from '../world.js'
import { step } from './step.js'

export const feed = step(
  ({ model }) => deliveriesOf(model).filter(isOpen),
  async (world) => {
    for (const delivery of deliveriesOf(world.model)) {
      if (delivery.hasRunOut) release(delivery)
      if (delivery.subscription.isDeleted || delivery.event.hasExpired) pictured.cancel(delivery)
    }
    // The first scan of a limited subscription only makes the row that it locks.
    for (let scan = 0; scan < 2; scan++) await leasing(world, world.engine.feed)
    const hasRoom = ({ subscription }: PicturedDelivery) => {
      const allowed = allowedBy(subscription)
      // Of a pace, half is kept for first attempts.
      return (
        allowed === Number.POSITIVE_INFINITY || (allowed > 0 && leasedOf(world.model, subscription) === 0)
      )
    }
    const forgotten = deliveriesOf(world.model).filter(
      (delivery) =>
        isOpen(delivery) &&
        delivery.isDue &&
        delivery.token === null &&
        delivery.subscription.isEnabled &&
        predecessorsOf(world.model, delivery).length === 0 &&
        hasRoom(delivery),
    )
    expect(forgotten).toEqual([])
  },
)

export const attempt = step(
  ({ engine }) => engine.queue,
  async ({ model, engine, underWay }, lease, n) => {
    engine.queue.splice(engine.queue.indexOf(lease), 1)
    const delivery = find(model, lease)
    const request = await engine.attempt(lease, n % WORKERS)
    const isHeld = isGood(lease, delivery)
    const { subscription } = delivery
    // What was leased before the pause is given back.
    const isHeldUp = leasedOf(model, subscription) > allowedBy(subscription)
    const { hasExpired } = delivery.event
    expect(request !== undefined).toBe(isHeld && subscription.isEnabled && !isHeldUp && !hasExpired)
    if (request !== undefined) {
      expectCurrent(request, delivery)
      underWay.set(request, seen(delivery))
    } else if (isHeld) {
      release(delivery)
      if (hasExpired) pictured.cancel(delivery)
    }
  },
)

/** It goes to the URL of now, signed by the secret of now, and beside it only by former ones. */
function expectCurrent({ webhook }: Request, { subscription }: PicturedDelivery): void {
  expect(webhook.endpointUrl).toBe(subscription.url)
  const known = subscription.secrets.map((secret) => hex(signingKeyBytes(secret)))
  const [newest, ...former] = webhook.signingKeys().map(hex)
  expect(newest).toBe(known[0])
  expect(known).toEqual(expect.arrayContaining(former))
}

const hex = (key: SigningKey) => Buffer.from(key as Uint8Array).toString('hex')

const exchanges: [Outcome, Omit<Exchange, 'responseTimeMs' | 'trace'>][] = [
  ['success', { statusCode: 204, error: null, retryAfter: undefined }],
  ['failure', { statusCode: 500, error: null, retryAfter: undefined }],
  ['failure', { statusCode: null, error: 'no answer within 15000 ms', retryAfter: undefined }],
  ['failure', { statusCode: 503, error: null, retryAfter: '100000' }],
  ['failure', { statusCode: 302, error: null, retryAfter: undefined }],
  ['gone', { statusCode: 410, error: null, retryAfter: undefined }],
]

export const answer = (kind: number) =>
  step(
    ({ engine }) => engine.requests,
    async ({ model, engine, underWay }, request) => {
      engine.requests.splice(engine.requests.indexOf(request), 1)
      const [outcome, exchange] = exchanges[kind] as (typeof exchanges)[number]
      const delivery = find(model, request.lease)
      const before = underWay.get(request) as pictured.Seen
      const isHeld = isGood(request.lease, delivery)
      await request.answer({ ...exchange, responseTimeMs: 1, trace: newExchangeTrace() })
      underWay.delete(request)
      if (pictured.record(model, delivery, before, outcome)) return
      // A retry by hand came in between: the attempt is the first of the new budget.
      const now = { ...seen(delivery), version: before.version }
      if (isHeld && now.attempts === before.attempts) pictured.record(model, delivery, now, outcome)
    },
  )

/** A lease ends while its holder still believes in it, be it on the queue or at work. */
export const runOut = step(
  ({ model }) => deliveriesOf(model).filter(({ token, hasRunOut }) => token !== null && !hasRunOut),
  async ({ engine, tables }, delivery) => {
    const [row] = await tables.query<{ queuedUntil: Date }>(
      `update deliveries set "queuedUntil" = now() - interval '1 second' where id = $1 returning "queuedUntil"`,
      [delivery.id],
    )
    const token = (row as { queuedUntil: Date }).queuedUntil.toISOString()
    for (const lease of [...engine.queue, ...engine.requests.map(({ lease }) => lease)]) {
      if (lease.deliveryId === delivery.id && lease.queuedUntil === delivery.token) lease.queuedUntil = token
    }
    delivery.token = token
    delivery.hasRunOut = true
  },
)

export const giveBack = step(
  ({ engine }) => engine.queue,
  async ({ model, engine, database }, lease) => {
    engine.queue.splice(engine.queue.indexOf(lease), 1)
    await giveBackLeases(database, [lease])
    const delivery = find(model, lease)
    if (delivery.token === lease.queuedUntil) release(delivery)
  },
)

/** Until everything that waits for another try is due. */
export const timePasses = step(
  ({ model }) => deliveriesOf(model).filter(({ status, isDue }) => status === 'FAILED' && !isDue),
  async ({ model, tables }) => {
    await tables.query(
      `update deliveries set "nextRunAt" = ${sqlNow} where status = 'FAILED' and "nextRunAt" > now()`,
    )
    for (const delivery of deliveriesOf(model)) if (delivery.status === 'FAILED') delivery.isDue = true
  },
)

/** Until the next probe of every paused endpoint is due. */
export const probesBecomeDue = step(
  ({ model }) => model.subscriptions.filter(({ health }) => health?.probe === 'later'),
  async ({ model, tables }) => {
    await tables.query(`update "endpointHealth" set "probeAt" = ${sqlNow} where "probeAt" > now()`)
    for (const { health } of model.subscriptions) if (health?.probe === 'later') health.probe = 'due'
  },
)
