/** Attempts and response times, as a console draws them. */

import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { removeExpired } from '../../src/delivery-metrics/expire.js'
import { findDeliveryMetrics, type MetricsRequest } from '../../src/delivery-metrics/find.js'
import { ALL_SUBSCRIPTIONS, ALL_TYPES, mergeMetricsDeltas } from '../../src/delivery-metrics/merge.js'
import { createDatabase, type Database } from '../../src/platform/postgres/database.js'
import { createResources } from '../../src/platform/resources.js'
import { explainBuffers, type SentStatement } from '../support/buffers.js'
import { createTestDatabase, type TestDatabase } from '../support/database.js'
import { subscribe } from '../support/delivering.js'
import { ask, post, watches } from '../support/graphql.js'
import { startReceiver } from '../support/receiver.js'
import { startTestService, type TestService } from '../support/service.js'
import { TIMER_EARLY_MS } from '../support/timed.js'
import { everythingIn } from '../support/viewers.js'

const resources = createResources()
let service: TestService
let good: string
let bad: string

const DAY_MS = 86_400_000
/** Wide enough, whenever the test runs. */
const period = () => ({
  from: new Date(Date.now() - DAY_MS).toISOString(),
  to: new Date(Date.now() + DAY_MS).toISOString(),
})

const METRICS = `query ($from: DateTime!, $to: DateTime, $interval: MetricsInterval, $groupBy: [MetricsGroup!],
                        $subscriptionId: ID, $type: String) {
  deliveryMetrics(from: $from, to: $to, interval: $interval, groupBy: $groupBy, subscriptionId: $subscriptionId,
                  type: $type) {
    startsAt subscriptionId type attempts sent failed dead latencyP50Ms latencyP95Ms latencyP99Ms
  }
}`

const metrics = async (variables: object = {}) =>
  (await ask(service, METRICS, { ...period(), interval: 'DAY', ...variables })).deliveryMetrics

/** Days, because a test may run across the end of an hour; the sums of two where it runs across midnight. */
const total = async (variables: object = {}) => {
  const rows: Record<string, number>[] = await metrics(variables)
  const sum = (name: string) => rows.reduce((total, row) => total + (row[name] ?? 0), 0)
  return { attempts: sum('attempts'), sent: sum('sent'), failed: sum('failed'), dead: sum('dead') }
}

const publishTyped = (type: string) => service.api.post('/v1/events', { type, data: {} })

beforeAll(async () => {
  service = resources.use(await startTestService('redis', { DELIVERY_MAX_ATTEMPTS: '3' }))
  const answers = resources.use(await startReceiver((response) => void pause(50).then(() => response.end())))
  const refuses = resources.use(await startReceiver(500))
  good = await subscribe(service, answers.url, ['*'])
  bad = await subscribe(service, refuses.url, ['*'])
  for (const type of ['order.paid', 'order.paid', 'order.sent']) await publishTyped(type)
  await vi.waitFor(async () => expect((await total()).attempts).toBe(12), { timeout: 20_000, interval: 200 })
})
afterAll(() => resources[Symbol.asyncDispose]())

describe('the metrics of deliveries', () => {
  it('count each attempt by its outcome', async () =>
    expect(await total()).toEqual({ attempts: 12, sent: 3, failed: 6, dead: 3 }))

  it('are of each subscription and type, when they are grouped by them', async () => {
    const of = async (groupBy: string[]) =>
      (await metrics({ groupBy })).map(
        ({ subscriptionId, type, sent, failed, dead }: Record<string, unknown>) => ({
          ...{ subscriptionId, type, sent, failed, dead },
        }),
      )
    const bySubscription = await of(['SUBSCRIPTION'])
    expect(bySubscription).toContainEqual({ subscriptionId: good, type: null, sent: 3, failed: 0, dead: 0 })
    expect(bySubscription).toContainEqual({ subscriptionId: bad, type: null, sent: 0, failed: 6, dead: 3 })
    expect(await of(['TYPE'])).toContainEqual({
      ...{ subscriptionId: null, type: 'order.paid', sent: 2, failed: 4, dead: 2 },
    })
    expect(await of(['TYPE', 'SUBSCRIPTION'])).toHaveLength(4)
  })

  it('are of one subscription or type, when they are asked for', async () => {
    expect(await total({ subscriptionId: bad })).toEqual({ attempts: 9, sent: 0, failed: 6, dead: 3 })
    expect(await total({ type: 'order.sent' })).toEqual({ attempts: 4, sent: 1, failed: 2, dead: 1 })
    expect(await metrics({ type: 'order.lost' })).toEqual([])
  })

  it('say how long endpoints took', async () => {
    const [{ latencyP50Ms, latencyP95Ms, latencyP99Ms }] = await metrics({ subscriptionId: good })
    expect(latencyP50Ms).toBeGreaterThanOrEqual(50 - TIMER_EARLY_MS)
    expect(latencyP50Ms).toBeLessThan(10_000)
    expect(latencyP95Ms).toBeGreaterThanOrEqual(latencyP50Ms)
    expect(latencyP99Ms).toBeGreaterThanOrEqual(latencyP95Ms)
  })

  it.each(['MINUTE', 'HOUR', 'DAY'])('begin with the bucket that holds `from`: %s', async (interval) => {
    const now = Date.now()
    const rows = await metrics({
      from: new Date(now - 1000 * 60 * 20).toISOString(),
      to: undefined,
      interval,
    })
    expect(rows.length).toBeGreaterThan(0)
    const lengthMs = { MINUTE: 60_000, HOUR: 3_600_000, DAY: DAY_MS }[interval] ?? 0
    for (const { startsAt } of rows) expect(Date.parse(startsAt) % lengthMs).toBe(0)
  })

  it('are the same over REST', async () => {
    const { from, to } = period()
    const query = new URLSearchParams({ from, to, interval: 'DAY', groupBy: 'SUBSCRIPTION,TYPE' })
    const { status, body } = await service.api.get(`/v1/delivery-metrics?${query}`)
    expect(status).toBe(200)
    expect(body.items).toEqual(await metrics({ groupBy: ['SUBSCRIPTION', 'TYPE'] }))
  })

  it.each([
    ['more buckets than an answer may have', { from: '2020-01-01T00:00:00Z', interval: 'HOUR' }, 'from'],
    ['an end before the beginning', { from: '2026-01-02T00:00:00Z', to: '2026-01-01T00:00:00Z' }, 'to'],
    [
      'a subscription that has no id',
      { from: '2026-01-01T00:00:00Z', interval: 'DAY', subscriptionId: 'x' },
      'subscriptionId',
    ],
  ])('refuse %s', async (_what, given, path) => {
    const { body } = await post(service, METRICS, given)
    expect(body.errors?.[0]).toMatchObject({ extensions: { code: 'BAD_USER_INPUT' } })
    expect(JSON.stringify(body.errors)).toContain(path)
    const query = new URLSearchParams(given)
    const { status, body: problem } = await service.api.get(`/v1/delivery-metrics?${query}`)
    expect([status, problem.errors[0].path]).toEqual([400, path])
  })
})

describe('live totals', () => {
  const WATCH = `subscription { statsUpdated { at stats { eventsTotal deliveriesSent }
    rates { eventsPerSecond sentPerSecond failedPerSecond deadPerSecond } } }`

  it.each(watches)('come at once over %s, then with rates, at most once a second', async (_name, watch) => {
    await using watcher = watch(service, WATCH)
    const updates = () => watcher.results.map(({ data }) => data.statsUpdated)
    await expect.poll(() => updates().length, { timeout: 20_000 }).toBe(1)
    const before = updates()[0].stats.eventsTotal
    const startedAt = performance.now()
    for (let count = 0; count < 20; count++) await publishTyped('order.paid')
    await expect.poll(() => updates().at(-1).stats.eventsTotal, { timeout: 20_000 }).toBe(before + 20)
    // Idle again: one more update says that nothing happens, and then there are none.
    await expect
      .poll(() => updates().at(-1).rates, { timeout: 20_000 })
      .toEqual({ eventsPerSecond: 0, sentPerSecond: 0, failedPerSecond: 0, deadPerSecond: 0 })
    expect(Math.max(...updates().map(({ rates }) => rates?.eventsPerSecond ?? 0))).toBeGreaterThan(0)
    expect(updates().length).toBeLessThanOrEqual((performance.now() - startedAt) / 1000 + 2)
  })

  it('are the same for a second subscriber, at once', async () => {
    const [, watch] = watches[0] ?? []
    if (watch === undefined) throw new Error('No way to watch')
    await using first = watch(service, WATCH)
    await expect.poll(() => first.results.length, { timeout: 20_000 }).toBeGreaterThan(0)
    await using second = watch(service, WATCH)
    await expect.poll(() => second.results.length, { timeout: 20_000 }).toBeGreaterThan(0)
    expect(second.results[0]?.data.statsUpdated.stats).toEqual(first.results.at(-1)?.data.statsUpdated.stats)
  })
})

describe('rows of metrics', () => {
  let tables: TestDatabase
  let database: Database

  beforeAll(async () => {
    tables = resources.use(await createTestDatabase())
    database = resources.use(createDatabase({ url: tables.url }))
  })

  const addDeltas = (count: number, minute = 'now()') =>
    tables.query(
      `insert into "deliveryMetricsDeltas" (minute, "subscriptionId", "eventType", sent, failed, dead, "responseTimesMs")
       select date_trunc('minute', ${minute}), ('00000000-0000-7000-8000-' || lpad((n % 7)::text, 12, '0'))::uuid,
              'type', 1, 1, 0, array[n % 100, 1000]
       from generate_series(1, ${count}) as n`,
    )
  /** Each attempt stands in four: of its subscription and type, of all of either, and of all of both. */
  const readRows = () =>
    tables.query<{ interval: string; sent: number; measured: number }>(
      `select "interval", sum(sent)::int as sent,
              sum((select sum(c) from unnest("latencyCounts") as c))::int as measured
       from "deliveryMetrics" group by "interval" order by "interval"`,
    )

  describe('of 400 subscriptions over a day of minutes', () => {
    const MINUTES = 1440
    const SUBSCRIPTIONS = 400
    const from = new Date('2026-01-31T00:00:00Z')
    const to = new Date('2026-02-01T00:00:00Z')
    const anId = (number: string) => `('10000000-0000-7000-8000-' || lpad(${number}, 12, '0'))::uuid`

    beforeAll(async () => {
      await tables.query(
        `insert into "deliveryMetrics"
         select 'MINUTE', s.id, t.type, $1::timestamptz + n * interval '1 minute', 1, 0, 0, '{30}', '{1}'
         from generate_series(0, ${MINUTES - 1}) as n,
           lateral (select ${anId('k::text')} as id from generate_series(1, ${SUBSCRIPTIONS}) as k
                    union all select '${ALL_SUBSCRIPTIONS}') as s,
           unnest(array['a', '${ALL_TYPES}']) as t (type)`,
        [from],
      )
      await tables.query('analyze "deliveryMetrics"')
    }, 60_000)
    afterAll(() => tables.query('truncate "deliveryMetrics"'))

    /** How many pages of memory the statement touches. */
    async function pagesOf(find: (database: Database) => Promise<unknown>): Promise<number> {
      const asked: SentStatement[] = []
      await using watched = createDatabase({
        url: tables.url,
        onQuery: (sql, parameters) => asked.push({ sql, parameters }),
      })
      await find(watched)
      expect(asked).toHaveLength(1)
      return (await explainBuffers(tables, asked[0] as SentStatement)).buffers
    }

    it.each<[string, Partial<MetricsRequest>, number]>([
      ['of all', { groupBy: [] }, 1440],
      ['of each type', { groupBy: ['TYPE'] }, 1440],
      ['of one subscription', { groupBy: [], subscriptionId: '10000000-0000-7000-8000-000000000007' }, 1440],
      [
        'of each subscription in ten minutes',
        { groupBy: ['SUBSCRIPTION'], to: new Date(+from + 600_000) },
        4000,
      ],
      ['of both in ten minutes', { groupBy: ['SUBSCRIPTION', 'TYPE'], to: new Date(+from + 600_000) }, 4000],
    ])('are found without reading the others: %s', async (_what, given, rows) => {
      let found = 0
      const pages = await pagesOf(async (watched) => {
        const request = { from, to, interval: 'MINUTE' as const, groupBy: [], ...given }
        found = (await findDeliveryMetrics(everythingIn(watched), request)).length
      })
      expect(found).toBe(rows)
      // The whole table has more than a million rows. Each row found may lie on a page of its own.
      expect(pages).toBeLessThan(2.5 * rows + 200)
    })

    it('are too many for one answer, of each subscription in a day', async () => {
      const request = { from, to, interval: 'MINUTE' as const, groupBy: ['SUBSCRIPTION' as const] }
      await expect(findDeliveryMetrics(everythingIn(database), request)).rejects.toThrow(/5000 rows/)
    })
  })

  it('hold every attempt once, however many processes merge at the same time', async () => {
    await addDeltas(2500)
    const mergeAll = async () => {
      while (await mergeMetricsDeltas(database));
    }
    await Promise.all([mergeAll(), mergeAll(), mergeAll(), mergeAll()])
    // A batch that another process held is taken in the next round.
    await mergeAll()
    expect(await readRows()).toEqual([
      { interval: 'MINUTE', sent: 4 * 2500, measured: 4 * 5000 },
      { interval: 'HOUR', sent: 4 * 2500, measured: 4 * 5000 },
      { interval: 'DAY', sent: 4 * 2500, measured: 4 * 5000 },
    ])
  })

  it('expire: minutes after two days, hours after the days of the setting', async () => {
    await tables.query('truncate "deliveryMetrics"')
    for (const age of ['1 day', '3 days', '40 days']) await addDeltas(1, `now() - interval '${age}'`)
    await mergeMetricsDeltas(database)
    await removeExpired(database, 30)
    expect((await readRows()).map(({ interval, sent }) => [interval, sent])).toEqual([
      ['MINUTE', 4],
      ['HOUR', 8],
      ['DAY', 8],
    ])
  })
})
