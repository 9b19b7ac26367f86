/** What the statement leases that fairness rests on, asked directly. */
import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LeaseQuotaParameters } from '../../src/delivery-engine/fairness/lease-quotas.js'
import { type DueLeases, leaseDue, leaseDueOf } from '../../src/delivery-engine/scheduling/lease-due.js'
import { giveBackLeases } from '../../src/delivery-engine/scheduling/scheduler.js'
import type { Database } from '../../src/platform/postgres/database.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createTestDatabase, openDatabase, type TestDatabase } from '../support/database.js'

let resources: Resources
let tables: TestDatabase
let database: Database

beforeEach(async () => {
  resources = createResources()
  tables = resources.use(await createTestDatabase())
  database = resources.use(openDatabase(tables))
})
afterEach(() => resources[Symbol.asyncDispose]())

const allowing = (usual: number): LeaseQuotaParameters => [[], [], usual]

async function subscribe(maxRequestsPerSecond: number | null = null): Promise<string> {
  const id = randomUUID()
  await tables.query(
    `insert into subscriptions (id, "endpointUrl", "eventTypes", "maxRequestsPerSecond", secret, fingerprint)
     values ($1, 'http://127.0.0.1:9/', '{a}', $2, 'a secret', uuid_send($1))`,
    [id, maxRequestsPerSecond],
  )
  return id
}

async function wait(subscriptionId: string, status: 'PENDING' | 'FAILED', count: number, dueInSeconds = 0) {
  await tables.query(
    `with made as (
       insert into events (id, type, data, status, "createdAt")
       select uuid_v7(), 'a', '{}', 'PROCESSING', now() from generate_series(1, $3) returning id
     )
     insert into deliveries (id, "eventId", "subscriptionId", status, "nextRunAt")
     select uuid_v7(), id, $1, $2::"DeliveryStatus", now() + $4 * interval '1 second' from made`,
    [subscriptionId, status, count, dueInSeconds],
  )
}

const countOf = ({ leases }: DueLeases, which: { isRetry?: boolean; subscriptionId?: string } = {}) =>
  leases.filter((lease) => Object.entries(which).every(([name, value]) => lease[name as 'isRetry'] === value))
    .length

describe('first attempts and retries', () => {
  it('gives an eighth to retries while both wait', async () => {
    const id = await subscribe()
    await wait(id, 'FAILED', 100)
    await wait(id, 'PENDING', 100)
    const found = await leaseDue(database, allowing(80))
    expect([countOf(found, { isRetry: false }), countOf(found, { isRetry: true })]).toEqual([70, 10])
  })

  it('lets retries come through where room is made for one at a time', async () => {
    const id = await subscribe()
    await wait(id, 'FAILED', 1)
    await wait(id, 'PENDING', 500)
    const isTaken = async () => {
      const found = await leaseDue(database, allowing(1))
      await giveBackLeases(database, found.leases)
      return countOf(found, { isRetry: true }) === 1
    }
    await expect.poll(isTaken, { timeout: 20_000, interval: 1 }).toBe(true)
  })

  it('keeps half of the room free of retries, for new events', async () => {
    const id = await subscribe()
    await wait(id, 'FAILED', 100)
    expect(countOf(await leaseDue(database, allowing(80)))).toBe(40)
    expect(countOf(await leaseDue(database, allowing(80)))).toBe(0)
    await wait(id, 'PENDING', 100)
    expect(countOf(await leaseDue(database, allowing(80)), { isRetry: false })).toBe(35)
  })

  it('takes retries even where the quota is one', async () => {
    await wait(await subscribe(), 'FAILED', 2)
    expect(countOf(await leaseDue(database, allowing(1)))).toBe(1)
  })
})

describe('leaseQuotas', () => {
  it('leases as many of each as it may, and tells who has more', async () => {
    const [usual, reduced, short] = [await subscribe(), await subscribe(), await subscribe()]
    for (const id of [usual, reduced]) await wait(id, 'PENDING', 100)
    await wait(short, 'PENDING', 3)
    const found = await leaseDue(database, [[reduced], [4], 50])
    const counts = [usual, reduced, short].map((subscriptionId) => countOf(found, { subscriptionId }))
    expect(counts).toEqual([50, 4, 3])
    const next = await leaseDue(database, [[reduced], [4], 50])
    expect([next.leases, next.backlogged]).toEqual([[], new Set([usual, reduced])])
  })

  it('looks only at whom it is asked to look at', async () => {
    const [asked, other] = [await subscribe(), await subscribe()]
    for (const id of [asked, other]) await wait(id, 'PENDING', 5)
    const found = await leaseDueOf(database, allowing(50), [asked, randomUUID()])
    expect([countOf(found), countOf(found, { subscriptionId: asked })]).toEqual([5, 5])
    expect(found.backlogged).toEqual(new Set([asked]))
  })

  it('leaves what is not due yet, and tells when it will be', async () => {
    const [later, disabled] = [await subscribe(), await subscribe()]
    await wait(later, 'FAILED', 5, 60)
    await wait(disabled, 'FAILED', 5)
    await tables.query('update subscriptions set "isEnabled" = false where id = $1', [disabled])
    const found = await leaseDue(database, allowing(50))
    expect([found.leases, found.backlogged]).toEqual([[], new Set()])
    expect(found.nextDueInMs).toBeGreaterThan(1000)
    expect(found.nextDueInMs).toBeLessThanOrEqual(60_000)
  })

  it('sees the retry that is due behind a first attempt that is not', async () => {
    const id = await subscribe()
    await wait(id, 'PENDING', 1, 60)
    await wait(id, 'FAILED', 1)
    expect(countOf(await leaseDue(database, allowing(50)))).toBe(1)
  })
})

describe('a limit of requests a second', () => {
  /** The first look only makes the row that the limit is counted in. */
  async function limited(rate: number): Promise<string> {
    const id = await subscribe(rate)
    await wait(id, 'PENDING', 200)
    const { leases, pacedInMs } = await leaseDue(database, allowing(500))
    expect([leases, pacedInMs.get(id)]).toEqual([[], 1000 / rate])
    return id
  }

  it('allows a tenth of it at once, then tells when there is the next', async () => {
    const id = await limited(200)
    const { leases, pacedInMs } = await leaseDue(database, allowing(500))
    expect([leases.length, new Set(leases.map(({ isPaced }) => isPaced))]).toEqual([20, new Set([true])])
    expect(pacedInMs.get(id)).toBeCloseTo(5, 3)
  })

  it('never saves up more than that', async () => {
    const id = await limited(200)
    await leaseDue(database, allowing(500))
    await tables.query(`update "rateLimits" set "spentUntil" = now() - interval '1 hour'`)
    expect(countOf(await leaseDue(database, allowing(500)), { subscriptionId: id })).toBe(20)
  })

  it('allows one at once where a tenth would be less', async () => {
    await limited(1)
    expect(countOf(await leaseDue(database, allowing(500)))).toBe(1)
    const { leases, pacedInMs } = await leaseDue(database, allowing(500))
    expect(leases).toEqual([])
    expect([...pacedInMs.values()][0]).toBeGreaterThan(0)
  })

  it('holds for all who lease at the same time', async () => {
    await limited(100)
    const looks = Array.from({ length: 20 }, () => leaseDue(database, allowing(500)))
    const startedAt = performance.now()
    const leased = (await Promise.all(looks)).map((found) => countOf(found))
    const elapsedSeconds = (performance.now() - startedAt) / 1000
    const total = leased.reduce((sum, count) => sum + count)
    expect(total).toBeGreaterThanOrEqual(10)
    expect(total).toBeLessThanOrEqual(10 + Math.ceil((elapsedSeconds + 0.1) * 100))
  })

  it('goes on when the clock of the database was set back', async () => {
    await limited(100)
    await tables.query(`update "rateLimits" set "spentUntil" = now() + interval '1 hour'`)
    expect(countOf(await leaseDue(database, allowing(500)))).toBe(10)
  })
})
