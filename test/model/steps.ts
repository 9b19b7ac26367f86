/**
 * What may happen, one step each: done to the engine, and to the model. `n` chooses among what there is.
 */
import { expect } from 'vitest'
import { cancelDelivery } from '../../src/deliveries/cancel.js'
import { retryDelivery, retryEvent } from '../../src/deliveries/retry.js'
import { newExchangeTrace } from '../../src/delivery-engine/attempt/exchange-trace.js'
import type { Exchange } from '../../src/delivery-engine/attempt/sender.js'
import { giveBackLeases } from '../../src/delivery-engine/scheduling/scheduler.js'
import type { RawJson } from '../../src/events/raw-json.js'
import { mergeCounterDeltas } from '../../src/model/counter-deltas.js'
import { sqlNow } from '../../src/platform/postgres/sql-now.js'
import type { SigningKey } from '../../src/secrets/signing-keys.js'
import { generateSecret, signingKeyBytes } from '../../src/secrets/signing-secret.js'
import { deleteSubscription } from '../../src/subscriptions/delete.js'
import type { SubscriptionChanges } from '../../src/subscriptions/subscription.js'
import { updateSubscription } from '../../src/subscriptions/update.js'
import { type PublishWay, QUEUE_QUOTA, type Request, WORKERS } from './engine.js'
import * as pictured from './reference-model.js'
import {
  deliveriesOf,
  isOpen,
  type Outcome,
  type PicturedDelivery,
  type PicturedSubscription,
  release,
  seen,
} from './reference-model.js'
import { find, isGood, leasing, newUrl, subscribe, subscriptionContext, type World } from './world.js'

/** Only what has something to choose from can happen. */
export interface Step {
  from(world: World): unknown[]
  run(world: World, n: number): Promise<void>
}

const step = <Item>(
  from: (world: World) => Item[],
  run: (world: World, item: Item, n: number) => Promise<void>,
): Step => ({
  from,
  run: (world, n) => {
    const items = from(world)
    return run(world, items[n % items.length] as Item, n)
  },
})

const contextOf = ({ database, engine: { serviceEvents } }: World) => ({
  database,
  serviceEvents,
  onDue: () => {},
})

/** Few, so that much happens to each. Nobody wants the last of the types but whoever wants all. */
const MOST_EVENTS = 4
const types = ['a', 'b', 'c']

const publish = (way: PublishWay, idempotencyKey: string | null) =>
  step(
    ({ model }) => (model.events.length < MOST_EVENTS ? types : []),
    async (world, type) => {
      const { model, engine } = world
      const publication = { type, data: '{}' as RawJson, metadata: null, idempotencyKey, createdAt: null }
      const first = model.events.find(
        (event) => idempotencyKey !== null && event.idempotencyKey === idempotencyKey,
      )
      const publishing = () => engine.publishers[way].publish(publication)
      if (first !== undefined && first.type !== type) {
        await expect(publishing()).rejects.toMatchObject({ code: 'IDEMPOTENCY_MISMATCH' })
      } else if (first !== undefined) {
        expect(await publishing()).toMatchObject({ eventId: first.id, deduplicated: true })
      } else {
        await leasing(world, async () => {
          const { eventId: id } = await publishing()
          const event = { id, type, idempotencyKey, isDispatched: false, deliveries: [] }
          model.events.push(event)
          // Otherwise it is in the outbox, and the matcher is refreshed.
          if (takesAtOnce(world, way, type)) pictured.dispatch(model, event)
        })
      }
      if (way !== 'outbox') await refresh(world)
    },
  )

function takesAtOnce({ model }: World, way: PublishWay, type: string): boolean {
  if (way === 'outbox' || !model.isMatchCurrent) return false
  const leased = deliveriesOf(model).filter(({ token }) => token !== null)
  return (
    way === 'direct' ||
    pictured
      .wanting(model, type)
      .every(({ id }) => leased.filter(({ subscription }) => subscription.id === id).length < QUEUE_QUOTA)
  )
}

async function refresh({ model, engine }: World): Promise<void> {
  await engine.matcher.refresh()
  model.isMatchCurrent = true
}

const refreshMatcher = step(({ model }) => (model.isMatchCurrent ? [] : ['matcher']), refresh)

export const dispatch = step(
  ({ model }) => model.events.filter(({ isDispatched }) => !isDispatched),
  async (world) => {
    for (const event of world.model.events) if (!event.isDispatched) pictured.dispatch(world.model, event)
    await leasing(world, world.engine.dispatch)
    world.model.isMatchCurrent = true
  },
)

export const feed = step(
  ({ model }) => deliveriesOf(model).filter(isOpen),
  async (world) => {
    for (const delivery of deliveriesOf(world.model)) {
      if (delivery.hasRunOut) release(delivery)
      if (delivery.subscription.isDeleted) pictured.cancel(delivery)
    }
    await leasing(world, world.engine.feed)
    const forgotten = deliveriesOf(world.model).filter(
      (delivery) =>
        isOpen(delivery) && delivery.isDue && delivery.token === null && delivery.subscription.isEnabled,
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
    expect(request !== undefined).toBe(isHeld && delivery.subscription.isEnabled)
    if (request !== undefined) {
      expectCurrent(request, delivery)
      underWay.set(request, seen(delivery))
    } else if (isHeld) release(delivery)
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
const runOut = step(
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

const giveBack = step(
  ({ engine }) => engine.queue,
  async ({ model, engine, database }, lease) => {
    engine.queue.splice(engine.queue.indexOf(lease), 1)
    await giveBackLeases(database, [lease])
    const delivery = find(model, lease)
    if (delivery.token === lease.queuedUntil) release(delivery)
  },
)

/** What a person asks for one delivery, which is done or refused as the model says. */
const byHand = (
  ask: (context: ReturnType<typeof contextOf>, id: string) => Promise<unknown>,
  act: (delivery: PicturedDelivery) => boolean,
) =>
  step(
    ({ model }) => deliveriesOf(model),
    async (world, delivery) => {
      const asked = ask(contextOf(world), delivery.id as string)
      if (act(delivery)) await asked
      else await expect(asked).rejects.toMatchObject({ code: 'CONFLICT' })
    },
  )

const retry = byHand(retryDelivery, pictured.retry)
const cancel = byHand(cancelDelivery, pictured.cancel)

const retryAll = step(
  ({ model }) => model.events,
  async (world, { id, deliveries }) => {
    const retried = deliveries.filter(pictured.retry).length
    expect(await retryEvent(contextOf(world), id)).toMatchObject({ retried })
  },
)

export const existing = ({ model }: World) => model.subscriptions.filter(({ isDeleted }) => !isDeleted)

export const turnOnOrOff = step(existing, async (world, subscription) => {
  pictured.turn(subscription, !subscription.isEnabled)
  const { id, isEnabled } = subscription
  await updateSubscription(subscriptionContext(world), id, { isEnabled })
})

const change = (changes: (subscription: PicturedSubscription) => SubscriptionChanges) =>
  step(existing, async (world, subscription) => {
    await updateSubscription(subscriptionContext(world), subscription.id, changes(subscription))
  })

const changeUrl = change((subscription) => {
  subscription.url = newUrl()
  subscription.version++
  return { endpointUrl: subscription.url }
})

const changeSecret = change((subscription) => {
  const secret = generateSecret()
  subscription.secrets.unshift(secret)
  return { secret }
})

async function deleteOne(world: World, subscription: PicturedSubscription): Promise<void> {
  pictured.turn(subscription, false)
  subscription.isDeleted = true
  await deleteSubscription(subscriptionContext(world), subscription.id)
}

const remove = step(existing, deleteOne)

/** With the same URL and type, under another id: deliveries of the old one are not its own. */
const makeAgain = step(
  (world) => (world.model.subscriptions.length < MOST_SUBSCRIPTIONS ? existing(world) : []),
  async (world, subscription) => {
    await deleteOne(world, subscription)
    await subscribe(world, subscription.type, subscription.url)
  },
)

const MOST_SUBSCRIPTIONS = 8

const subscribeMore = step(
  ({ model }) => (model.subscriptions.length < 6 ? ['a', 'b', '*'] : []),
  (world, type) => subscribe(world, type),
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

const tidyUp = step(
  () => ['tallies'],
  async ({ database }) => void (await mergeCounterDeltas(database)),
)

function loseMemory({ engine, underWay }: World): void {
  engine.crash()
  underWay.clear()
}

/** Of one worker among others: what it held stays leased until that runs out. */
const crash = step(
  ({ engine }) => [...engine.queue, ...engine.requests],
  async (world) => loseMemory(world),
)

/** Of one process: the queue is the others', and what this one held stays leased until that runs out. */
const crashOne = step(
  ({ engine }) => engine.requests,
  async ({ engine, underWay }, { process }) => {
    engine.crashOne(process)
    for (const request of underWay.keys()) if (request.process === process) underWay.delete(request)
  },
)

/** Of the last worker, which comes back. */
export const crashAndRestart = step(
  ({ model }) => deliveriesOf(model).filter(({ token }) => token !== null),
  async (world) => {
    loseMemory(world)
    await world.engine.restart()
    deliveriesOf(world.model).forEach(release)
  },
)

/** How a step is called, and how often it comes, beside the others that can happen. */
export const steps: [name: string, step: Step, weight: number][] = [
  ['publish', publish('direct', null), 2],
  ['publish to the queue', publish('queue', null), 2],
  ['publish to the outbox', publish('outbox', null), 2],
  ['publish with a key', publish('direct', 'key'), 1],
  ['publish to the outbox with a key', publish('outbox', 'key'), 1],
  ['dispatch', dispatch, 3],
  ['refresh the matcher', refreshMatcher, 2],
  ['feed', feed, 6],
  ['attempt', attempt, 10],
  ['answer 204', answer(0), 2],
  ['answer 500', answer(1), 8],
  ['no answer', answer(2), 2],
  ['answer 503', answer(3), 2],
  ['answer 302', answer(4), 1],
  ['answer 410', answer(5), 2],
  ['time passes', timePasses, 8],
  ['run out', runOut, 3],
  ['give back', giveBack, 2],
  ['retry', retry, 3],
  ['retry all', retryAll, 1],
  ['cancel', cancel, 1],
  ['turn on or off', turnOnOrOff, 2],
  ['change the URL', changeUrl, 2],
  ['change the secret', changeSecret, 2],
  ['delete', remove, 0.3],
  ['delete and make again', makeAgain, 0.4],
  ['subscribe', subscribeMore, 0.5],
  ['tidy up', tidyUp, 0.5],
  ['crash of one', crashOne, 0.7],
  ['crash', crash, 0.7],
  ['crash and restart', crashAndRestart, 0.7],
]
