/** What meets a deadlock or a serialization failure is tried again within the request. */
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { accept } from '../../src/events/accept.js'
import type { RawJson } from '../../src/events/raw-json.js'
import { createMatcher } from '../../src/matching/matcher.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { fingerprint } from '../../src/subscriptions/subscription.js'
import { openDatabase } from '../support/database.js'
import { eventIn, publish, subscribe } from '../support/delivering.js'
import { ask } from '../support/graphql.js'
import { type Receiver, startReceiver } from '../support/receiver.js'
import { startTestService, type TestService } from '../support/service.js'

let resources: Resources
let service: TestService
let receiver: Receiver

beforeEach(async () => {
  resources = createResources()
  service = resources.use(await startTestService('postgres', { DELIVERY_MAX_ATTEMPTS: '1' }))
  receiver = resources.use(await startReceiver(500))
})
afterEach(() => resources[Symbol.asyncDispose]())

const body = (url: string) => ({ endpointUrl: url, eventTypes: ['user.created'] })
const unusedUrl = 'http://127.0.0.1:9/'

async function deadDelivery(): Promise<{ eventId: string; deliveryId: string }> {
  await subscribe(service, receiver.url)
  const eventId = await publish(service)
  const { deliveries } = await eventIn('DEAD', service, eventId)
  return { eventId, deliveryId: deliveries[0].id }
}

describe('a write that fails twice for another transaction', () => {
  const FAILURES = 2

  /**
   * A trigger fails the first writes of a kind. A sequence counts them: unlike a table, it keeps what was rolled back.
   */
  async function failFirst(write: string, sqlState: string): Promise<void> {
    await service.database.query('create sequence writes')
    await service.database.query(`
      create function fail_first() returns trigger language plpgsql as $$ begin
        if nextval('writes') <= ${FAILURES} then
          raise exception 'made to fail' using errcode = '${sqlState}';
        end if;
        return new;
      end $$`)
    await service.database.query(
      `create trigger fail_first before ${write} for each statement execute function fail_first()`,
    )
  }

  const writes = async (): Promise<number> => {
    const [row] = await service.database.query<{ count: string }>('select last_value as count from writes')
    return Number(row?.count)
  }

  const cases: [string, string, () => Promise<() => Promise<{ status: number }>>, number][] = [
    [
      'publishing',
      'insert on events',
      async () => () => service.api.post('/v1/events', { type: 'unwanted', data: {} }),
      202,
    ],
    [
      'creating a subscription',
      'insert on subscriptions',
      async () => () => service.api.post('/v1/subscriptions', body(unusedUrl)),
      201,
    ],
    [
      'changing a subscription',
      'update on subscriptions',
      async () => {
        const id = await subscribe(service, unusedUrl)
        return () => service.api.patch(`/v1/subscriptions/${id}`, { description: 'changed' })
      },
      200,
    ],
    [
      'retrying a delivery',
      'update on deliveries',
      async () => {
        const { deliveryId } = await deadDelivery()
        return () => service.api.post(`/v1/deliveries/${deliveryId}/retry`)
      },
      202,
    ],
    [
      'retrying an event',
      'update on deliveries',
      async () => {
        const { eventId } = await deadDelivery()
        return () => service.api.post(`/v1/deliveries/events/${eventId}/retry`)
      },
      202,
    ],
  ]

  it.each(cases.flatMap((each) => ['40001', '40P01'].map((sqlState) => [...each, sqlState] as const)))(
    'succeeds: %s, on %s',
    async (_, write, prepare, expected, sqlState) => {
      const request = await prepare()
      await failFirst(write, sqlState)
      expect((await request()).status).toBe(expected)
      expect(await writes()).toBeGreaterThan(FAILURES)
    },
  )

  it('succeeds: deleting a subscription', async () => {
    const id = await subscribe(service, unusedUrl)
    await failFirst('update on subscriptions', '40P01')
    const mutation = 'mutation ($id: ID!) { deleteSubscription(id: $id) { deletedId } }'
    expect((await ask(service, mutation, { id })).deleteSubscription.deletedId).toBe(id)
  })

  it('is given up when it fails every time', async () => {
    await failFirst('insert on events', '40P01')
    await service.database.query(`alter sequence writes increment by -1 minvalue -1000`)
    const { status } = await service.api.post('/v1/events', { type: 'unwanted', data: {} })
    expect(status).toBeGreaterThanOrEqual(500)
  })
})

it.each([
  ['through the outbox', undefined],
  ['on the fast path', { saturated: [], quota: undefined }],
  ['on the queue path', { saturated: [], quota: 500 }],
])('idempotency keys are inserted in their order, which prevents deadlocks: %s', async (_, room) => {
  await subscribe(service, receiver.url)
  const keys = Array.from({ length: 20 }, (_, index) => `key-${String(index).padStart(2, '0')}`)
  const candidates = keys.map((idempotencyKey, index) => ({
    id: randomUUID(),
    publication: {
      ...{ type: index % 3 === 0 ? 'user.created' : `unwanted.${index % 3}`, data: '{}' as RawJson },
      ...{
        tenant: null,
        metadata: null,
        createdAt: null,
        orderingKey: null,
        deliverAt: null,
        expiresAt: null,
        idempotencyKey,
      },
    },
    ...{ contentHash: null, createdAt: new Date() },
  }))
  const database = resources.use(openDatabase(service.database))
  const matcher = await createMatcher(database)
  await accept({ database, matcher }, candidates, room)
  const rows = await service.database.query<{ idempotencyKey: string }>(
    'select "idempotencyKey" from events order by ctid',
  )
  expect(rows.map(({ idempotencyKey }) => idempotencyKey)).toEqual(keys)
})

describe('in a real deadlock', () => {
  /** A session that PostgreSQL doesn't choose to fail: the other one looks for the deadlock first. */
  async function openRival(): Promise<pg.Client> {
    const client = new pg.Client(service.database.url)
    await client.connect()
    resources.use({ [Symbol.asyncDispose]: () => client.end() })
    await client.query("set deadlock_timeout = '1min'")
    await client.query('begin')
    return client
  }

  const isServiceWaiting = async () => {
    const rows = await service.database.query(
      `select from pg_stat_activity
       where wait_event_type = 'Lock' and datname = current_database() and application_name like 'node-event-service%'`,
    )
    return rows.length > 0
  }

  const deadlocks = async () => {
    const [row] = await service.database.query<{ count: string }>(
      'select deadlocks as count from pg_stat_database where datname = current_database()',
    )
    return Number(row?.count)
  }

  /** Lets the rival close the circle once the service waits for it, and looks that there was a deadlock. */
  async function meet<Answer>(rival: pg.Client, request: Promise<Answer>, close: string): Promise<Answer> {
    await expect.poll(isServiceWaiting, { timeout: 10_000, interval: 10 }).toBe(true)
    await rival.query(close)
    await rival.query('rollback')
    const answer = await request
    await expect.poll(deadlocks, { timeout: 10_000 }).toBeGreaterThan(0)
    return answer
  }

  it('publishing succeeds', async () => {
    const rival = await openRival()
    const insert = (key: string) =>
      `insert into events (id, type, data, "idempotencyKey", "createdAt")
       values (gen_random_uuid(), 'a', '{}', '${key}', now())`
    await rival.query(insert('key-2'))
    const inputs = ['key-1', 'key-2'].map((idempotencyKey) => ({ type: 'a', data: {}, idempotencyKey }))
    const mutation = `mutation ($inputs: [PublishEventInput!]!) {
      publishEvents(inputs: $inputs) { event { idempotencyKey } errors { code } } }`
    const { publishEvents } = await meet(rival, ask(service, mutation, { inputs }), insert('key-1'))
    expect(publishEvents).toEqual(
      inputs.map(({ idempotencyKey }) => ({ event: { idempotencyKey }, errors: [] })),
    )
  })

  it('changing a subscription succeeds', async () => {
    const id = await subscribe(service, unusedUrl)
    const rival = await openRival()
    await rival.query(
      `insert into subscriptions (id, "endpointUrl", "eventTypes", secret, fingerprint)
       select gen_random_uuid(), $1, '{user.created}', 'a secret', $2`,
      [
        `${unusedUrl}other`,
        fingerprint({ id: '', endpointUrl: `${unusedUrl}other`, eventTypes: ['user.created'], tenant: null }),
      ],
    )
    const request = service.api.patch(`/v1/subscriptions/${id}`, { endpointUrl: `${unusedUrl}other` })
    const { status } = await meet(rival, request, `select from subscriptions where id = '${id}' for update`)
    expect(status).toBe(200)
  })

  it('retrying an event succeeds', async () => {
    const { eventId, deliveryId } = await deadDelivery()
    const rival = await openRival()
    await rival.query(`select from events where id = '${eventId}' for update`)
    const request = service.api.post(`/v1/deliveries/events/${eventId}/retry`)
    const { status, body } = await meet(
      rival,
      request,
      `select from deliveries where id = '${deliveryId}' for update`,
    )
    expect([status, body.retried]).toEqual([202, 1])
  })
})
