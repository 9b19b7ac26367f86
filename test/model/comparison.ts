/** The model beside the tables: every row, and everything that must follow from the rows. */

import { expect } from 'vitest'
import { countStats } from '../../src/deliveries/stats.js'
import type { DeliveryStatus } from '../../src/generated/prisma/enums.js'
import { sqlIsInLine } from '../../src/model/ordering.js'
import type { TestDatabase } from '../support/database.js'
import { everythingIn } from '../support/viewers.js'
import type { PicturedHealth } from './breaker.js'
import type { Told } from './engine.js'
import {
  deliveriesOf,
  isOpen,
  type PicturedDelivery,
  type ReferenceModel,
  statusOf,
} from './reference-model.js'
import type { World } from './world.js'

interface EventRow {
  id: string
  status: string
  counts: [deliveries: number, sent: number, dead: number]
}

interface DeliveryRow {
  eventId: string
  subscriptionId: string
  status: DeliveryStatus
  attempts: number
  budgetFrom: number
  isLeased: boolean
  /** Whether there is a next attempt, and whether its time has come. */
  isAhead: boolean
  isDue: boolean
  /** Whether it waits for its turn in the order of its key. */
  isInLine: boolean
  logs: string[]
}

const countOf = (deliveries: PicturedDelivery[], wanted: DeliveryStatus) =>
  deliveries.filter(({ status }) => status === wanted).length

const modelledEvents = ({ events }: ReferenceModel): EventRow[] =>
  events.map((event) => ({
    id: event.id,
    status: statusOf(event),
    counts: [event.deliveries.length, countOf(event.deliveries, 'SENT'), countOf(event.deliveries, 'DEAD')],
  }))

const modelledDeliveries = (model: ReferenceModel) =>
  deliveriesOf(model).map((delivery) => ({
    eventId: delivery.event.id,
    subscriptionId: delivery.subscription.id,
    status: delivery.status,
    attempts: delivery.logs.length,
    budgetFrom: delivery.budgetFrom,
    isLeased: delivery.token !== null,
    isAhead: isOpen(delivery) && !delivery.isInLine,
    isDue: isOpen(delivery) && delivery.isDue && !delivery.isInLine,
    isInLine: isOpen(delivery) && delivery.isInLine,
    logs: delivery.logs.map((status, index) => `${index + 1} ${status}`),
  }))

interface HealthRow extends Omit<PicturedHealth, 'version'> {
  id: string
}

const modelledHealth = ({ subscriptions }: ReferenceModel): HealthRow[] =>
  subscriptions.flatMap(({ id, health }) => {
    if (health === undefined) return []
    const { failures, probe, pace } = health
    return [{ id, failures, probe, pace }]
  })

const byIds = (one: { eventId: string; subscriptionId: string }, other: typeof one) =>
  `${one.eventId} ${one.subscriptionId}` < `${other.eventId} ${other.subscriptionId}` ? -1 : 1

export async function compare({ model, tables, database, engine }: World): Promise<void> {
  const events = await tables.query<EventRow>(
    `select id, status, array["deliveryCount", "sentCount", "deadCount"] as counts from events order by id`,
  )
  expect(events).toEqual(modelledEvents(model))

  const deliveries = await tables.query<DeliveryRow>(
    `select "eventId", "subscriptionId", status, attempts, "budgetFrom", "queuedUntil" is not null as "isLeased",
            "nextRunAt" is not null as "isAhead", coalesce("nextRunAt" <= now(), false) as "isDue",
            ${sqlIsInLine('d')} as "isInLine",
            array(select l.attempt || ' ' || l.status from "deliveryLogs" l
                  where l."deliveryId" = d.id order by l.attempt) as logs
     from deliveries d`,
  )
  expect(deliveries.toSorted(byIds)).toEqual(modelledDeliveries(model).toSorted(byIds))

  const health = await tables.query<HealthRow>(
    `select "subscriptionId" as id, "consecutiveFailures" as failures, pace,
            case when "probeAt" is null then 'none' when "probeAt" > now() then 'later' else 'due' end as probe
     from "endpointHealth"`,
  )
  const byId = (rows: HealthRow[]) => rows.toSorted((one, other) => (one.id < other.id ? -1 : 1))
  expect(byId(health)).toEqual(byId(modelledHealth(model)))

  const all = deliveriesOf(model)
  const shown = model.subscriptions.filter(({ isDeleted }) => !isDeleted)
  expect(await countStats(everythingIn(database))).toEqual({
    eventsTotal: model.events.length,
    deliveriesTotal: all.length,
    deliveriesPending: countOf(all, 'PENDING'),
    deliveriesSent: countOf(all, 'SENT'),
    deliveriesFailed: countOf(all, 'FAILED'),
    deliveriesDead: countOf(all, 'DEAD'),
    subscriptionsTotal: shown.length,
    subscriptionsEnabled: shown.filter(({ isEnabled }) => isEnabled).length,
  })
  await compareTold(engine.told, tables)
}

/** Live updates have shown every delivery as it is, and every event that has come to its end. */
async function compareTold(told: Told, tables: TestDatabase): Promise<void> {
  const deliveries = await tables.query<{ id: string; nextRunAt: Date | null }>(
    `select id, "eventId", "subscriptionId", tenant, status, attempts, "nextRunAt", "lastError", "lastStatusCode", "discardedAt",
            "createdAt", "updatedAt" from deliveries`,
  )
  // When a next attempt is due is changed by the passing of time here, of which nobody tells. Nor is a lease told,
  // which ends the wait in a line.
  const withoutTime = (delivery: { status?: unknown; nextRunAt?: unknown }) => ({
    ...delivery,
    nextRunAt: delivery.status === 'PENDING' || delivery.nextRunAt !== null,
  })
  expect(deliveries.map(({ id }) => withoutTime(told.deliveries.get(id) ?? {}))).toEqual(
    deliveries.map(withoutTime),
  )

  const events = await tables.query<{ id: string }>(
    `select id, type, tenant, status, "idempotencyKey", "deliveryCount", "sentCount", "deadCount", "isTest",
            "orderingKey", "createdAt", "updatedAt"
     from events where status not in ('PENDING', 'PROCESSING')`,
  )
  // A step of the test makes an event expire.
  const withoutTimes = (event: object = {}) => ({
    ...event,
    deliverAt: null,
    expiresAt: null,
    erasedAt: null,
  })
  expect(events.map(({ id }) => withoutTimes(told.events.get(id)))).toEqual(events.map(withoutTimes))
}
