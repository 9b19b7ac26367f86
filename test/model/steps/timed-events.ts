/** Events have a time of their own: they wait for it, are cancelled before, and expire. */
import { expect } from 'vitest'
import { takeScheduled } from '../../../src/delivery-engine/scheduling/scheduled-events.js'
import { cancelEvent } from '../../../src/events/cancel.js'
import { sqlNow } from '../../../src/platform/postgres/sql-now.js'
import * as pictured from '../reference-model.js'
import { MOST_EVENTS, newEvent, plain, types } from './publishing.js'
import { step, userContextOf } from './step.js'

const HOUR_MS = 3_600_000

const later = (hours: number) => new Date(Date.now() + hours * HOUR_MS)

const publishTimed = (deliverAt: () => Date | null, isScheduled: boolean) =>
  step(
    ({ model }) =>
      model.events.length < MOST_EVENTS
        ? types.flatMap((type) => [null, 'k'].map((orderingKey) => ({ type, orderingKey })))
        : [],
    async ({ model, engine }, { type, orderingKey }) => {
      const times = { deliverAt: deliverAt(), expiresAt: later(2) }
      const publication = { ...plain, type, orderingKey, idempotencyKey: null, ...times }
      const published = await engine.publishers.direct.publish(publication)
      expect(published.status).toBe(isScheduled ? 'SCHEDULED' : 'PENDING')
      const event = { ...newEvent(published.eventId, publication), isScheduled, canExpire: true }
      model.events.push(event)
      if (!isScheduled) pictured.takePlace(model, event)
    },
  )

export const schedule = publishTimed(() => later(1), true)
export const publishExpiring = publishTimed(() => null, false)

/** Of all events that wait for it. */
export const theirTimeComes = step(
  ({ model }) => model.events.filter(({ isScheduled }) => isScheduled),
  async ({ model, tables, database, engine }) => {
    await tables.query(`update "scheduledEvents" set "deliverAt" = ${sqlNow}`)
    await takeScheduled(database, engine.serviceEvents)
    for (const event of model.events.filter(({ isScheduled }) => isScheduled)) {
      event.isScheduled = false
      pictured.takePlace(model, event)
    }
  },
)

export const cancelScheduled = step(
  ({ model }) => model.events,
  async (world, event) => {
    const asked = cancelEvent(userContextOf(world), event.id)
    if (pictured.cancelEvent(event)) await asked
    else await expect(asked).rejects.toMatchObject({ code: 'CONFLICT' })
  },
)

/** Nobody notices before the scheduler looks, or an attempt is about to be made. */
export const expire = step(
  ({ model }) =>
    model.events.filter(
      ({ canExpire, hasExpired, isScheduled, isCancelled }) =>
        canExpire && !hasExpired && !isScheduled && !isCancelled,
    ),
  async ({ tables }, event) => {
    await tables.query(`update "expiringEvents" set "expiresAt" = ${sqlNow} where "eventId" = $1`, [event.id])
    await tables.query(`update events set "expiresAt" = ${sqlNow} where id = $1`, [event.id])
    event.hasExpired = true
  },
)
