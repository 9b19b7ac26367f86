import { once } from 'node:events'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { retryDelivery, retryEvent } from '../../src/deliveries/retry.js'
import type { DeliveryStatus, EventStatus } from '../../src/generated/prisma/enums.js'
import type { Database } from '../../src/platform/postgres/database.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { erasePayloads } from '../../src/retention/erase-payloads.js'
import { removeFinished } from '../../src/retention/remove.js'
import { createRetention } from '../../src/retention/sweeper.js'
import { walk } from '../../src/retention/walk.js'
import { createServiceEvents } from '../../src/telemetry/service-events.js'
import { createTestDatabase, openDatabase, type TestDatabase } from '../support/database.js'
import { insertPastEvent, readTotals } from '../support/finished-events.js'
import { startOn } from '../support/service.js'
import { everythingIn } from '../support/viewers.js'

const DAYS = 30
const old = { ageDays: DAYS + 1 }
const wholeBatch = { days: DAYS, after: undefined, limit: 500 }

let resources: Resources
let tables: TestDatabase
let database: Database

beforeEach(async () => {
  resources = createResources()
  tables = resources.use(await createTestDatabase())
  database = resources.use(openDatabase(tables))
})
afterEach(() => resources[Symbol.asyncDispose]())

const eventIds = async () =>
  (await tables.query<{ id: string }>('select id from events order by id')).map(({ id }) => id)

async function rowCounts() {
  const [row] = await tables.query(
    `select (select count(*)::int from events) as events, (select count(*)::int from deliveries) as deliveries,
            (select count(*)::int from "deliveryLogs") as logs`,
  )
  return row
}

async function insertMany(count: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () =>
    insertPastEvent(tables, { status: 'DELIVERED', deliveries: ['SENT'], ...old }),
  )
  return Promise.all(ids)
}

const finished: [EventStatus, DeliveryStatus[]][] = [
  ['DELIVERED', ['SENT', 'SENT']],
  ['PARTIALLY_DELIVERED', ['SENT', 'DEAD']],
  ['DEAD', ['DEAD']],
  ['UNMATCHED', []],
]
const unfinished: [EventStatus, DeliveryStatus[]][] = [
  ['PENDING', []],
  ['PROCESSING', ['PENDING']],
  ['PROCESSING', ['SENT', 'FAILED']],
]

describe('removeFinished', () => {
  it.each(finished)(
    'removes what is %s with deliveries %j and was long ago, with its logs',
    async (...what) => {
      const [status, deliveries] = what
      await insertPastEvent(tables, { status, deliveries, logsPerDelivery: 3, ...old })
      expect(await removeFinished(database, wholeBatch)).toMatchObject({
        events: 1,
        deliveries: deliveries.length,
        logs: 3 * deliveries.length,
        isEnd: true,
      })
      expect(await rowCounts()).toEqual({ events: 0, deliveries: 0, logs: 0 })
    },
  )

  it.each(finished)(
    'keeps what is %s with deliveries %j and young, or changed not long ago',
    async (...what) => {
      const [status, deliveries] = what
      await insertPastEvent(tables, { status, deliveries, ageDays: DAYS - 1 })
      await insertPastEvent(tables, { status, deliveries, ...old, changedDaysAgo: DAYS - 1 })
      const before = await rowCounts()
      expect(await removeFinished(database, wholeBatch)).toMatchObject({ events: 0, deliveries: 0, logs: 0 })
      expect(await rowCounts()).toEqual(before)
    },
  )

  it.each(unfinished)('keeps what is %s with deliveries %j, however old', async (status, deliveries) => {
    await insertPastEvent(tables, { status, deliveries, ageDays: 10 * DAYS })
    const before = await rowCounts()
    expect(await removeFinished(database, wholeBatch)).toMatchObject({ events: 0, isEnd: true })
    expect(await rowCounts()).toEqual(before)
  })

  it('believes neither a status nor a count over the outbox and the deliveries themselves', async () => {
    const kept = [
      await insertPastEvent(tables, { status: 'UNMATCHED', isInOutbox: true, ...old }),
      await insertPastEvent(tables, { status: 'DELIVERED', deliveries: ['SENT', 'PENDING'], ...old }),
    ]
    expect(await removeFinished(database, wholeBatch)).toMatchObject({ events: 0, isEnd: true })
    expect(await eventIds()).toEqual(kept.toSorted())
  })

  it('removes every child itself, where no foreign key would', async () => {
    for (const [table, constraint] of [
      ['outbox', 'outbox_eventId_fkey'],
      ['deliveries', 'deliveries_eventId_fkey'],
      ['"deliveryLogs"', 'deliveryLogs_deliveryId_fkey'],
    ]) {
      await tables.query(`alter table ${table} drop constraint if exists "${constraint}"`)
    }
    await insertPastEvent(tables, { status: 'DELIVERED', deliveries: ['SENT', 'SENT'], ...old })
    await removeFinished(database, wholeBatch)
    expect(await rowCounts()).toEqual({ events: 0, deliveries: 0, logs: 0 })
  })

  it('keeps the tallies equal to the counts', async () => {
    for (const [status, deliveries] of [...finished, ...unfinished]) {
      await insertPastEvent(tables, { status, deliveries, ...old })
    }
    await removeFinished(database, wholeBatch)
    const { counted, tallied } = await readTotals(tables)
    expect(counted).toEqual({ events: 3, pending: 1, sent: 1, failed: 1, dead: 0 })
    expect(tallied).toEqual(counted)
  })

  it('gets past what stays, batch by batch', async () => {
    const stays = await insertPastEvent(tables, { status: 'PROCESSING', deliveries: ['FAILED'], ageDays: 99 })
    await insertMany(4)
    const first = await removeFinished(database, { ...wholeBatch, limit: 2 })
    expect(first).toMatchObject({ events: 1, isEnd: false })
    const second = await removeFinished(database, { ...wholeBatch, limit: 2, after: first?.last })
    expect(second).toMatchObject({ events: 2, isEnd: false })
    const third = await removeFinished(database, { ...wholeBatch, limit: 2, after: second?.last })
    expect(third).toMatchObject({ events: 1, isEnd: true })
    expect(await eventIds()).toEqual([stays])
  })

  it('ends a batch early where events have many deliveries', async () => {
    const wide = { status: 'DELIVERED', deliveries: Array(1500).fill('SENT'), logsPerDelivery: 0 } as const
    await insertPastEvent(tables, { ...wide, ageDays: DAYS + 3 })
    await insertPastEvent(tables, { ...wide, ageDays: DAYS + 2 })
    await insertPastEvent(tables, { ...wide, ageDays: DAYS + 1 })
    expect(await removeFinished(database, wholeBatch)).toMatchObject({ deliveries: 3000, isEnd: false })
    expect(await removeFinished(database, wholeBatch)).toMatchObject({ deliveries: 1500, isEnd: true })
  })
})

describe('beside others', () => {
  /** A transaction that holds what it has locked until it is told. */
  async function begin(statement: string, values: unknown[] = []): Promise<pg.Client> {
    const client = new pg.Client(tables.url)
    await client.connect()
    resources.use({ [Symbol.asyncDispose]: () => client.end() })
    await client.query('begin')
    await client.query(statement, values)
    return client
  }

  it('leaves an event alone, and waits for nothing, while one of its deliveries is locked', async () => {
    const id = await insertPastEvent(tables, { status: 'DEAD', deliveries: ['DEAD', 'DEAD'], ...old })
    const other = await begin(
      `select from deliveries where id = (select min(id::text)::uuid from deliveries) for update`,
    )
    expect(await removeFinished(database, wholeBatch)).toMatchObject({ events: 0, deliveries: 0, logs: 0 })
    await other.query('rollback')
    expect(await eventIds()).toEqual([id])
    expect(await removeFinished(database, wholeBatch)).toMatchObject({ events: 1, deliveries: 2 })
  })

  it('leaves an event alone while it is locked itself', async () => {
    const id = await insertPastEvent(tables, { status: 'DEAD', deliveries: ['DEAD'], ...old })
    const other = await begin('select from events where id = $1 for no key update', [id])
    expect(await removeFinished(database, wholeBatch)).toMatchObject({ events: 0 })
    await other.query('rollback')
  })

  it('says so when another process is at it', async () => {
    await insertMany(1)
    const other = await begin(`select pg_advisory_xact_lock(x'6e657372'::int)`)
    expect(await removeFinished(database, wholeBatch)).toBeUndefined()
    await other.query('rollback')
    expect(await removeFinished(database, wholeBatch)).toMatchObject({ events: 1 })
  })

  it('loses to retries, or they find nothing; nothing that was retried is lost, and nobody is blocked', async () => {
    const context = {
      database: everythingIn(database),
      serviceEvents: createServiceEvents(),
      onDue: () => {},
    }
    const ids = await Promise.all(
      Array.from({ length: 60 }, () =>
        insertPastEvent(tables, { status: 'DEAD', deliveries: ['DEAD', 'DEAD', 'DEAD'], ...old }),
      ),
    )
    const retried = new Set<string>()
    const retrying = ids
      .toSorted()
      .toReversed()
      .map(async (id) => {
        const result = await retryEvent(context, id).catch((error: { code?: string }) => {
          expect(error.code).toBe('NOT_FOUND')
          return { retried: 0 }
        })
        expect([0, 3]).toContain(result.retried)
        if (result.retried > 0) retried.add(id)
      })
    const removing = Promise.all([walkInBatchesOf(5), walkInBatchesOf(5)])
    await Promise.all([...retrying, removing])

    expect(await eventIds()).toEqual([...retried].toSorted())
    const deliveries = await tables.query('select status from deliveries')
    expect(deliveries).toEqual(Array(3 * retried.size).fill({ status: 'PENDING' }))
    const { counted, tallied } = await readTotals(tables)
    expect(tallied).toEqual(counted)
  })

  it('tells a retry that came too late that the delivery is gone', async () => {
    await insertPastEvent(tables, { status: 'DEAD', deliveries: ['DEAD'], ...old })
    const [delivery] = await tables.query<{ id: string }>('select id from deliveries')
    const holder = await begin(`delete from deliveries`)
    const late = retryDelivery(
      { database: everythingIn(database), serviceEvents: createServiceEvents(), onDue: () => {} },
      delivery?.id ?? '',
    )
    const answer = expect(late).rejects.toMatchObject({ code: 'NOT_FOUND' })
    const waiting = `select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`
    await expect.poll(() => tables.query(waiting), { timeout: 10_000 }).toHaveLength(1)
    await holder.query('commit')
    await answer
  })
})

const walkInBatchesOf = (batchSize: number, isDryRun = false) =>
  walk({ database, days: DAYS, isDryRun, batchSize })

describe('walk', () => {
  it('counts in a dry run exactly what then goes, and removes nothing', async () => {
    for (const [status, deliveries] of [...finished, ...unfinished]) {
      await insertPastEvent(tables, { status, deliveries, logsPerDelivery: 2, ...old })
      await insertPastEvent(tables, { status, deliveries, ageDays: 1 })
    }
    const oldest = await insertPastEvent(tables, { status: 'UNMATCHED', ageDays: 400 })
    const before = await rowCounts()
    const expected = { events: 5, deliveries: 5, logs: 10 }
    expect(await walkInBatchesOf(2, true)).toEqual({ ...expected, oldest })
    expect(await rowCounts()).toEqual(before)
    expect(await walkInBatchesOf(2)).toMatchObject(expected)
    expect(await walkInBatchesOf(2, true)).toEqual({ events: 0, deliveries: 0, logs: 0, oldest: undefined })
  })

  it('removes each once, when two walk at once', async () => {
    await insertMany(30)
    const totals = await Promise.all([walkInBatchesOf(3), walkInBatchesOf(3)])
    expect(totals[0].events + totals[1].events).toBe(30)
    expect(await rowCounts()).toEqual({ events: 0, deliveries: 0, logs: 0 })
  })
})

describe('createRetention', () => {
  it('goes on batch by batch, and walks again later', async () => {
    await insertMany(5)
    const serviceEvents = createServiceEvents()
    const batches: number[] = []
    serviceEvents.on('removed', ({ events }) => batches.push(events))
    const retention = resources.use(
      createRetention({
        ...{ database, serviceEvents, days: DAYS, batchSize: 2, intervalMs: 50 },
        onError: (error) => expect.fail(String(error)),
      }),
    )
    retention.start()
    await expect.poll(() => batches, { timeout: 10_000 }).toEqual([2, 2, 1])
    const late = once(serviceEvents, 'removed')
    await insertMany(1)
    expect(await late).toEqual([expect.objectContaining({ events: 1, deliveries: 1, logs: 1 })])
  })

  it('runs in the service where RETENTION_DAYS is set, and is counted in its metrics', async () => {
    await insertMany(3)
    const keeping = await startOn(tables, undefined)
    await keeping[Symbol.asyncDispose]()
    expect(await eventIds()).toHaveLength(3)

    const service = resources.use(await startOn(tables, undefined, { RETENTION_DAYS: String(DAYS) }))
    const removed = async () => {
      const metrics = await (await fetch(`${service.url}/v1/metrics`)).text()
      return metrics.match(/^node_event_service_retention_removed_total.*$/gm)
    }
    const name = 'node_event_service_retention_removed_total'
    await expect
      .poll(removed, { timeout: 10_000 })
      .toEqual(
        Object.entries({ events: 3, deliveries: 3, logs: 3, payloads: 0 }).map(
          ([kind, count]) => `${name}{kind="${kind}"} ${count}`,
        ),
      )
    expect(await eventIds()).toEqual([])
  })
})

describe('erasePayloads', () => {
  /** What the tables hold of the payload of each event, in the order of their ids. */
  const payloads = () =>
    tables.query<{ id: string; data: object; metadata: object | null; isErased: boolean; isKept: boolean }>(
      `select id, data, metadata, "erasedAt" is not null as "isErased",
              exists (select from deliveries d join "deliveryLogs" l on l."deliveryId" = d.id where d."eventId" = e.id
                and (l.headers is not null or l."responseBody" is not null)) as "isKept"
       from events e order by id`,
    )
  const fill = () =>
    Promise.all([
      tables.query(`update events set data = '{"a":1}', metadata = '{"b":2}'`),
      tables.query(`update "deliveryLogs" set headers = 'a: b', "responseBody" = 'c'`),
    ])
  const kept = { data: { a: 1 }, metadata: { b: 2 }, isErased: false }
  const gone = { data: {}, metadata: null, isErased: true, isKept: false }

  it.each(finished)(
    'erases what is %s with deliveries %j and was long ago, and keeps its rows',
    async (...what) => {
      const [status, deliveries] = what
      await insertPastEvent(tables, { status, deliveries, logsPerDelivery: 2, ...old })
      await insertPastEvent(tables, { status, deliveries, ageDays: DAYS - 1 })
      await fill()
      const before = await rowCounts()
      expect(await erasePayloads(database, wholeBatch)).toMatchObject({ payloads: 1, events: 0, isEnd: true })
      const hasLogs = deliveries.length > 0
      expect(await payloads()).toMatchObject([gone, { ...kept, isKept: hasLogs }])
      expect(await rowCounts()).toEqual(before)
      expect(await erasePayloads(database, wholeBatch)).toMatchObject({ payloads: 0, isEnd: true })
    },
  )

  it.each(unfinished)('keeps what is %s with deliveries %j, however old', async (status, deliveries) => {
    await insertPastEvent(tables, { status, deliveries, ageDays: 10 * DAYS })
    await insertPastEvent(tables, { status: 'DELIVERED', deliveries: ['SENT', 'PENDING'], ...old })
    await insertPastEvent(tables, { status: 'UNMATCHED', isInOutbox: true, ...old })
    await fill()
    expect(await erasePayloads(database, wholeBatch)).toMatchObject({ payloads: 0, isEnd: true })
    expect(await payloads()).toMatchObject([kept, kept, kept])
  })

  it('waits for nobody, and does what was locked the next time', async () => {
    await insertPastEvent(tables, { status: 'DEAD', deliveries: ['DEAD', 'DEAD'], ...old })
    await insertPastEvent(tables, { status: 'DEAD', deliveries: ['DEAD'], ...old })
    const client = new pg.Client(tables.url)
    await client.connect()
    resources.use({ [Symbol.asyncDispose]: () => client.end() })
    await client.query('begin')
    await client.query(
      'select from deliveries where id = (select min(id::text)::uuid from deliveries) for update',
    )
    expect(await erasePayloads(database, wholeBatch)).toMatchObject({ payloads: 1 })
    await client.query(`select pg_advisory_xact_lock(x'6e657370'::int)`)
    expect(await erasePayloads(database, wholeBatch)).toBeUndefined()
    await client.query('rollback')
    expect(await erasePayloads(database, wholeBatch)).toMatchObject({ payloads: 1 })
  })

  it('runs in the service where RETENTION_PAYLOAD_DAYS is set, and is counted in its metrics', async () => {
    await insertMany(3)
    await fill()
    const service = resources.use(await startOn(tables, undefined, { RETENTION_PAYLOAD_DAYS: String(DAYS) }))
    const metrics = async () => (await fetch(`${service.url}/v1/metrics`)).text()
    await expect
      .poll(metrics, { timeout: 10_000 })
      .toContain('node_event_service_retention_removed_total{kind="payloads"} 3\n')
    expect(await payloads()).toMatchObject([gone, gone, gone])
  })
})
