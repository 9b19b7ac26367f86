/** The engine and its model, side by side, and what is known of leases and requests that are under way. */

import { expect } from 'vitest'
import type { Lease } from '../../src/delivery-engine/scheduling/lease.js'
import type { Database } from '../../src/platform/postgres/database.js'
import { createSecretCipher } from '../../src/secrets/cipher.js'
import { createSubscription, type SubscriptionContext } from '../../src/subscriptions/create.js'
import { createServiceEvents } from '../../src/telemetry/service-events.js'
import { machineClock, newId } from '../support/clock.js'
import type { TestDatabase } from '../support/database.js'
import { everythingIn } from '../support/viewers.js'
import { allowedBy } from './breaker.js'
import { createEngine, type Engine, type Request } from './engine.js'
import { countEarlier, leaveLine, predecessorsOf } from './ordering.js'
import {
  deliveriesOf,
  isOpen,
  type PicturedDelivery,
  type PicturedSubscription,
  type ReferenceModel,
  type Seen,
} from './reference-model.js'

export interface World {
  model: ReferenceModel
  engine: Engine
  /** What each request that was made has seen of its delivery. */
  underWay: Map<Request, Seen>
  tables: TestDatabase
  database: Database
  /** How often a delivery had its turn after another of its line. */
  orders: number
}

const MAX_ATTEMPTS = 3

/** An empty one, with an endpoint for each type and one for all; two of them want events in order. */
export async function createWorld(tables: TestDatabase, database: Database): Promise<World> {
  await tables.query(
    'truncate events, outbox, "scheduledEvents", "expiringEvents", deliveries, "deliveryLogs", subscriptions, tallies, "deliveryMetrics", "deliveryMetricsDeltas", "endpointHealth"',
  )
  const model: ReferenceModel = {
    ...{ maxAttempts: MAX_ATTEMPTS, subscriptions: [], events: [] },
    ...{ isMatchCurrent: true, lastPlace: 0 },
  }
  const engine = await createEngine(database, MAX_ATTEMPTS)
  const world: World = { model, engine, underWay: new Map(), tables, database, orders: 0 }
  for (const type of ['a', 'b', '*']) await subscribe(world, type, type !== 'a')
  return world
}

/** As of another process: the matcher of the engine's does not learn of the change. */
export const subscriptionContext = ({ database, model }: World): SubscriptionContext => ({
  database: everythingIn(database),
  secretCipher: createSecretCipher([]),
  ...{ clock: machineClock, newId, serviceEvents: createServiceEvents() },
  refuseUrl: () => undefined,
  refusalOfEndpoint: async () => undefined,
  onDue: () => {},
  async onChanged() {
    model.isMatchCurrent = false
  },
})

export const newUrl = () => `https://example.com/${newId()}`

export async function subscribe(
  world: World,
  type: string,
  isOrdered: boolean,
  url = newUrl(),
): Promise<void> {
  const { subscriptions } = world.model
  const created = { endpointUrl: url, eventTypes: [type], isOrdered }
  const { id, secret } = await createSubscription(subscriptionContext(world), created)
  subscriptions.push({
    id,
    type,
    url,
    secrets: [secret],
    isEnabled: true,
    isDeleted: false,
    isOrdered,
    version: 0,
    health: undefined,
  })
}

/** Does what may lease deliveries, and checks that each of them was to be had. */
export async function leasing(world: World, act: () => Promise<unknown>): Promise<void> {
  const { model, engine, tables } = world
  const before = engine.queue.length
  await act()
  await learnIds(model, tables)
  for (const lease of engine.queue.slice(before)) {
    const delivery = find(model, lease)
    expect(delivery).toMatchObject({ token: null, isDue: true, subscription: { isEnabled: true } })
    expect(isOpen(delivery)).toBe(true)
    expect(predecessorsOf(model, delivery)).toEqual([])
    if (delivery.isInLine) world.orders += countEarlier(model, delivery)
    leaveLine(delivery)
    delivery.token = lease.queuedUntil
    delivery.hasRunOut = false
    // Only probes go to a paused endpoint, and to one that recovers no more than its pace.
    expect(leasedOf(model, delivery.subscription)).toBeLessThanOrEqual(allowedBy(delivery.subscription))
  }
}

export const leasedOf = (model: ReferenceModel, subscription: PicturedSubscription): number =>
  deliveriesOf(model).filter((delivery) => delivery.subscription === subscription && delivery.token !== null)
    .length

async function learnIds(model: ReferenceModel, tables: TestDatabase): Promise<void> {
  const unknown = deliveriesOf(model).filter(({ id }) => id === undefined)
  if (unknown.length === 0) return
  const rows = await tables.query<{ id: string; eventId: string; subscriptionId: string }>(
    'select id, "eventId", "subscriptionId" from deliveries',
  )
  for (const delivery of unknown) {
    const { event, subscription } = delivery
    const row = rows.find(
      ({ eventId, subscriptionId }) => eventId === event.id && subscriptionId === subscription.id,
    )
    if (row !== undefined) delivery.id = row.id
  }
}

export function find(model: ReferenceModel, { deliveryId }: Lease): PicturedDelivery {
  const found = deliveriesOf(model).find(({ id }) => id === deliveryId)
  if (found === undefined) throw new Error(`There should be no delivery ${deliveryId}.`)
  return found
}

/** Whether whoever holds it may attempt the delivery. */
export const isGood = (lease: Lease, delivery: PicturedDelivery): boolean =>
  delivery.token === lease.queuedUntil && isOpen(delivery)
