/** An operational event is committed with the change that it reports, and once, however often that is recorded. */
import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  type AttemptResult,
  createRecorder,
  type Recorder,
} from '../../src/delivery-engine/attempt/recorder.js'
import type { BreakerBounds } from '../../src/model/breaker.js'
import type { Database } from '../../src/platform/postgres/database.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createServiceEvents } from '../../src/telemetry/service-events.js'
import { createTestDatabase, openDatabase, type TestDatabase } from '../support/database.js'

/** The second failure pauses. */
const breaker: BreakerBounds = {
  ...{ pauseAfterFailures: 2, pauseAfterMs: 0, probeWaitMs: 60_000, maxProbeWaitMs: 60_000 },
  ...{ fullPace: 2, pauseAgainAfterFailures: 2 },
}

let resources: Resources
let tables: TestDatabase
let database: Database

beforeEach(async () => {
  resources = createResources()
  tables = resources.use(await createTestDatabase())
  database = resources.use(openDatabase(tables))
  await addSubscription('service.*')
})
afterEach(() => resources[Symbol.asyncDispose]())

async function addSubscription(type: string): Promise<string> {
  const id = randomUUID()
  await tables.query(
    `insert into subscriptions (id, "endpointUrl", "eventTypes", secret, fingerprint)
     values ($1, 'http://127.0.0.1:9/', array[$2], 'a secret', convert_to($2, 'UTF8'))`,
    [id, type],
  )
  return id
}

/** An open delivery of a new event, and the result of its first attempt. */
async function failedAttempt(subscriptionId: string, type: string, isLast: boolean): Promise<AttemptResult> {
  const [eventId, deliveryId] = [randomUUID(), randomUUID()]
  await tables.query(
    `insert into events (id, type, data, "deliveryCount", status, "createdAt")
     values ($1, $2, '{}', 1, 'PROCESSING', now())`,
    [eventId, type],
  )
  await tables.query(
    `insert into deliveries (id, "eventId", "subscriptionId", "nextRunAt") values ($1, $2, $3, now())`,
    [deliveryId, eventId, subscriptionId],
  )
  const times = { createdAt: new Date(), deliverAt: null, expiresAt: null }
  return {
    ...{ deliveryId, endpointVersion: 0, attempt: 1, budgetFrom: 0, statusCode: 500, responseTimeMs: 1 },
    subject: {
      ...{ eventId, subscriptionId, tenant: null, createdAt: times.createdAt },
      event: { type, tenant: null, idempotencyKey: null, orderingKey: null, ...times },
    },
    outcome: {
      ...{ status: isLast ? 'DEAD' : 'FAILED', error: 'failed', isGone: false },
      delayMs: isLast ? null : 60_000,
    },
    columns: { connection: '{}', headers: '{}', responseBody: null },
  }
}

const newRecorder = (): Recorder => createRecorder(database, createServiceEvents(), { breaker })

const reported = async () =>
  (
    await tables.query<{ type: string }>(
      `select e.type from events e join outbox o on o."eventId" = e.id where starts_with(e.type, 'service.') order by 1`,
    )
  ).map(({ type }) => type)

it('is made once, by whichever process records the result first', async () => {
  const result = await failedAttempt(await addSubscription('a'), 'a', true)
  const both = await Promise.all([newRecorder().record(result), newRecorder().record(result)])
  expect(both.filter((one) => one !== undefined)).toHaveLength(1)
  expect(await newRecorder().record(result)).toBeUndefined()
  expect(await reported()).toEqual(['service.delivery.dead'])
})

it('is not lost, and nothing is recorded, when its commit fails', async () => {
  const result = await failedAttempt(await addSubscription('a'), 'a', true)
  await tables.query(
    `create function refuse() returns trigger language plpgsql as $$ begin raise 'the disk is full'; end $$`,
  )
  await tables.query(`create trigger refuse before insert on outbox for each row execute function refuse()`)
  await expect(newRecorder().record(result)).rejects.toThrow('the disk is full')
  expect(await tables.query('select status from deliveries')).toEqual([{ status: 'PENDING' }])
  await tables.query('drop trigger refuse on outbox')
  expect(await newRecorder().record(result)).toMatchObject({ status: 'DEAD' })
  expect(await reported()).toEqual(['service.delivery.dead'])
})

it('of an endpoint is made once, though several processes record the failures that pause it', async () => {
  const subscriptionId = await addSubscription('a')
  const results = []
  for (let count = 0; count < 6; count++) results.push(await failedAttempt(subscriptionId, 'a', false))
  const [first, ...others] = results as [AttemptResult, ...AttemptResult[]]
  await newRecorder().record(first)
  await Promise.all(others.map((one) => newRecorder().record(one)))
  await Promise.all(results.map((one) => newRecorder().record(one)))
  expect(await reported()).toEqual(['service.endpoint.failing'])
})

it('is made for none of its own kind: a delivery of one that dies, or that pauses its endpoint', async () => {
  const subscriptionId = await addSubscription('service.delivery.dead')
  for (let count = 0; count < 4; count++)
    await newRecorder().record(await failedAttempt(subscriptionId, 'service.delivery.dead', true))
  expect(await tables.query('select from "endpointHealth" where "probeAt" is not null')).toHaveLength(1)
  expect(await reported()).toEqual([])
  await newRecorder().record(await failedAttempt(subscriptionId, 'a', true))
  expect(await reported()).toEqual(['service.delivery.dead', 'service.endpoint.failing'])
})
