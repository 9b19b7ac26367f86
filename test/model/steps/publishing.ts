/** Events are published, in each way that the service has, and dispatched. */
import { expect } from 'vitest'
import type { RawJson } from '../../../src/events/raw-json.js'
import { allowedBy } from '../breaker.js'
import { type PublishWay, QUEUE_QUOTA } from '../engine.js'
import { closeGate, stopping, untilWaiting } from '../gate.js'
import * as pictured from '../reference-model.js'
import { deliveriesOf, type PicturedEvent } from '../reference-model.js'
import { leasing, type World } from '../world.js'
import { step } from './step.js'

/** Few, so that much happens to each. Nobody wants the last of the types but whoever wants all. */
export const MOST_EVENTS = 4
export const types = ['a', 'b', 'c']

export const plain = {
  ...{ data: '{}' as RawJson, tenant: null, metadata: null, createdAt: null },
  ...{ orderingKey: null, deliverAt: null, expiresAt: null },
}

export const newEvent = (
  id: string,
  { type, idempotencyKey, orderingKey }: Pick<PicturedEvent, 'type' | 'idempotencyKey' | 'orderingKey'>,
): PicturedEvent => ({
  ...{ id, type, idempotencyKey, orderingKey, place: 0, deliveries: [] },
  ...{ isScheduled: false, isCancelled: false, canExpire: false, hasExpired: false, isDispatched: false },
})

export const publish = (way: PublishWay, idempotencyKey: string | null) =>
  step(
    ({ model }) => (model.events.length < MOST_EVENTS ? types : []),
    async (world, type) => {
      const { model, engine } = world
      const publication = { ...plain, type, idempotencyKey }
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
          const event = newEvent(id, { type, idempotencyKey, orderingKey: null })
          model.events.push(event)
          // Otherwise it is in the outbox, and the matcher is refreshed.
          if (takesAtOnce(world, way, type)) pictured.dispatch(model, event)
        })
      }
      if (way !== 'outbox') await refresh(world)
    },
  )

/** More than of the others, so that there are lines. */
const MOST_ORDERED = 9
const orderingKeys = ['k', 'k', 'l']

export const publishInOrder = step(
  ({ model }) =>
    model.events.length < MOST_ORDERED
      ? types.flatMap((type) => orderingKeys.map((orderingKey) => ({ type, orderingKey })))
      : [],
  async (world, { type, orderingKey }) => {
    const { model, engine } = world
    const publication = { ...plain, type, orderingKey, idempotencyKey: null }
    const { eventId } = await engine.publishers.direct.publish(publication)
    const event = newEvent(eventId, publication)
    model.events.push(event)
    pictured.takePlace(model, event)
    await refresh(world)
  },
)

/** Two of a key at once, by two processes. The first has its place and is not committed: the second must not pass. */
export const publishTwoInOrder = step(
  ({ model }) => (model.events.length < MOST_ORDERED - 1 ? types : []),
  async (world, type) => {
    const { model, engine, tables, database } = world
    const publication = { ...plain, type, orderingKey: 'k', idempotencyKey: null }
    const openGate = await closeGate(database)
    const first = engine.publishers.direct.publish({ ...publication, data: stopping })
    await untilWaiting(tables, 1)
    let hasPassed = false
    const second = engine.publishers.outbox.publish(publication).then((published) => {
      hasPassed = true
      return published
    })
    await untilWaiting(tables, 2, () => hasPassed)
    // The order is that of the commits.
    const inOrder = hasPassed ? [second, first] : [first, second]
    await openGate()
    const events = (await Promise.all(inOrder)).map(({ eventId }) => newEvent(eventId, publication))
    for (const event of events) pictured.takePlace(model, event)
    model.events.push(...events.toSorted((one, other) => (one.id < other.id ? -1 : 1)))
    await refresh(world)
  },
)

function takesAtOnce({ model }: World, way: PublishWay, type: string): boolean {
  if (way === 'outbox' || !model.isMatchCurrent) return false
  const leased = deliveriesOf(model).filter(({ token }) => token !== null)
  return (
    way === 'direct' ||
    pictured
      .wanting(model, type)
      .every(
        (wanting) =>
          allowedBy(wanting) === Number.POSITIVE_INFINITY &&
          leased.filter(({ subscription }) => subscription.id === wanting.id).length < QUEUE_QUOTA,
      )
  )
}

async function refresh({ model, engine }: World): Promise<void> {
  await engine.matcher.refresh()
  model.isMatchCurrent = true
}

export const refreshMatcher = step(({ model }) => (model.isMatchCurrent ? [] : ['matcher']), refresh)

export const dispatch = step(
  ({ model }) => model.events.filter(pictured.isInOutbox),
  async (world) => {
    for (const event of world.model.events)
      if (pictured.isInOutbox(event)) pictured.dispatch(world.model, event)
    await leasing(world, world.engine.dispatch)
    world.model.isMatchCurrent = true
  },
)
