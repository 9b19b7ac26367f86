/**
 * Every statement costs the same on full tables as on empty ones: whatever the service sends to PostgreSQL, as it is
 * planned on the service's own connections, reads a bounded resource of the tables that grow.
 * On whichever server: a suite for each is made here.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fillTables } from '../../bench/full-tables.js'
import {
  deliveryFilters,
  eventFilters,
  type Known,
  listRequests,
  subscriptionFilters,
} from '../../bench/lists.js'
import { createDatabase } from '../../src/platform/postgres/database.js'
import { createResources } from '../../src/platform/resources.js'
import { createClient } from './client.js'
import { type Explained, type ExplainedPostgres, startExplainedPostgres } from './explained-postgres.js'
import { ask } from './graphql.js'
import { handledBy, pagesOf, readsOf } from './plans.js'
import { startReceiver } from './receiver.js'
import { startRedis } from './redis.js'
import { startOn } from './service.js'
import { runWorkload, type WorkloadTargets } from './workload.js'

const GROWING = ['events', 'deliveries', 'deliveryLogs', 'outbox', 'scheduledEvents', 'expiringEvents']
const ROWS = 200_000
/** A little more than the largest batch, of 2,000 leases. */
const MOST_ROWS = 2500
/**
 * Below each parent, or for each status, a list may read a stretch of time to its end and sort it, where that is the
 * least: not more than a twentieth.
 */
const MOST_ROWS_OF_A_LIST = ROWS / 20
/** Statements whose purpose is to count a table from end to end: what waits for the dispatcher, for a metric. */
const COUNTING = ['measure-outbox']
/** Of 8 kB, for each row that a statement handles: a change of one goes into every index of its table. */
const MOST_PAGES_PER_ROW = 100
/** What waited and was leased since leaves entries in indexes that nothing cleans up here; a few thousand did. */
const MOST_PAGES_BESIDES = 10_000

/** @param bin answers, when it runs, with the folder of a server's programs; those of the embedded one without it */
export function provePlans(bin: () => string | undefined = () => undefined): void {
  const resources = createResources()
  /** What ran, by when: its name, or the beginning of its text. */
  const ran: Record<'stale' | 'fresh' | 'restart', Explained[]> = { stale: [], fresh: [], restart: [] }
  type Lists = { name: string; ran: Explained[] }[]
  let lists: Lists
  /** Asked for after the statistics were gathered, when nothing was left of what had gone wrong or waited. */
  let emptied: Lists
  let filterFields: Record<string, string[]>

  beforeAll(async () => {
    const postgres = resources.use(await startExplainedPostgres(bin()))
    const redis = resources.use(await startRedis())
    const settings = {
      ...{ DELIVERY_BACKOFF_BASE_SECONDS: '3600', DELIVERY_TIMEOUT_MS: '600000' },
      ...{ TENANT_MAX_EVENTS_PER_SECOND: '1000', TENANT_MAX_WAITING_DELIVERIES: '1000' },
    }
    const services = createResources()
    const all = services.use(await startOn(postgres, redis, settings))
    const apart = services.use(await startOn(postgres, redis, { ...settings, ROLE: 'api' }))
    const targets: WorkloadTargets = {
      postgres,
      database: resources.use(createDatabase({ url: postgres.url })),
      ...{ api: createClient(all.url), apart: createClient(apart.url) },
      good: resources.use(await startReceiver(200)),
      bad: resources.use(await startReceiver(500)),
      hanging: await startReceiver(() => {}),
    }

    // Plans that are made for tables that are known to be small, and nothing tells to be made anew.
    await runWorkload(targets)
    await postgres.query('analyze')
    await runWorkload(targets)
    const waiting = {
      pending: 2000,
      failed: 2000,
      outbox: 5000,
      dueIn: '-1 minute',
      endpointUrl: targets.good.url,
    }
    await fillTables(postgres.url, { deliveries: ROWS, subscriptions: 50, ...waiting })
    ran.stale = await postgres.watch(() => runWorkload(targets))
    await postgres.query('analyze')
    ran.fresh = await postgres.watch(() => runWorkload(targets))
    lists = await runLists(postgres, targets)
    await postgres.query(
      `update deliveries set status = 'SENT' where status <> 'SENT' and "queuedUntil" is null`,
    )
    await postgres.query(`update events set status = 'DELIVERED' where status <> 'DELIVERED'`)
    emptied = await runLists(postgres, targets)
    filterFields = await readFilterFields(all)

    ran.restart = await postgres.watch(async () => {
      const closed = services[Symbol.asyncDispose]()
      await targets.hanging[Symbol.asyncDispose]()
      await closed
      const key = Buffer.alloc(32, 'k').toString('base64')
      // As by somebody who emptied every table.
      await postgres.query('delete from installation')
      const again = await startOn(postgres, redis, { ...settings, SECRET_ENCRYPTION_KEY: key })
      await again[Symbol.asyncDispose]()
    })
  }, 600_000)
  afterAll(() => resources[Symbol.asyncDispose](), 60_000)

  async function runLists(postgres: ExplainedPostgres, { api }: WorkloadTargets): Promise<Lists> {
    const known = await findKnown(postgres)
    const done: Lists = []
    for (const { name, path, body } of listRequests(known)) {
      const ran = await postgres.watch(async () => {
        const answer = await (body === undefined ? api.get(path) : api.post(path, body))
        expect([name, answer.status, answer.body.errors]).toEqual([name, 200, undefined])
      })
      done.push({ name, ran })
    }
    return done
  }

  async function findKnown(postgres: ExplainedPostgres): Promise<Known> {
    const find = async (sql: string) => (await postgres.query<{ id: string }>(sql))[0]?.id ?? ''
    const subscribing = (type: string) =>
      find(`select id from subscriptions where '${type}' = any ("eventTypes")`)
    return {
      eventId: await find(`select id from events where "idempotencyKey" = 'key-${ROWS / 2}'`),
      busySubscriptionId: await subscribing('type.7'),
      quietSubscriptionId: await subscribing('type.1'),
    }
  }

  async function readFilterFields(service: { url: string }): Promise<Record<string, string[]>> {
    const names = ['DeliveryFilter', 'EventFilter', 'SubscriptionFilter']
    const query = names.map((name) => `${name}: __type(name: "${name}") { inputFields { name } }`).join(' ')
    const types: Record<string, { inputFields: { name: string }[] }> = await ask(service, `{ ${query} }`)
    return Object.fromEntries(
      Object.entries(types).map(([name, { inputFields }]) => [name, inputFields.map((field) => field.name)]),
    )
  }

  /** Tables that were read from end to end, or too much of: a line for each. */
  function readFaults(explained: Explained[], mostRows: number, count: 'rows' | 'rowsInALoop' = 'rows') {
    const judged = explained.filter(({ name }) => !COUNTING.includes(name))
    const faults = judged.flatMap(({ name, plan }) =>
      readsOf(plan, GROWING)
        .filter((read) => read.way === 'Seq Scan' || read[count] > mostRows)
        .map(
          ({ table, way, condition, [count]: rows }) =>
            `${name}: ${rows} rows of ${table}, ${way}, ${condition}`,
        ),
    )
    return [...new Set(faults)]
  }

  /**
   * Statements that touched more pages than what they have done explains: those of a bad way through an index. One that
   * found nothing may have met dead entries only, which autovacuum would have cleaned up.
   */
  function pageFaults(explained: Explained[]): string[] {
    return explained.flatMap(({ name, plan }) => {
      const handled = handledBy(plan)
      const most = MOST_PAGES_BESIDES + MOST_PAGES_PER_ROW * Math.min(MOST_ROWS, handled)
      return handled > 0 && pagesOf(plan) > most
        ? [`${name}: ${pagesOf(plan)} pages for ${handled} rows`]
        : []
    })
  }

  describe('statements of the hot path', () => {
    it('read no more than they handle, by plans that were made while the tables were small', () => {
      const named = ran.stale.filter(isNamed)
      expect([...readFaults(named, MOST_ROWS), ...pageFaults(named)]).toEqual([])
    })

    it('read no more than they handle, by plans that know the tables', () => {
      const named = ran.fresh.filter(isNamed)
      expect([...readFaults(named, MOST_ROWS), ...pageFaults(named)]).toEqual([])
    })

    it('read no more than they handle at a stop and at a start', () => {
      expect(readFaults(ran.restart, MOST_ROWS)).toEqual([])
    })

    it('all ran here', async () => {
      const seen = new Set(Object.values(ran).flatMap((explained) => explained.map(({ name }) => name)))
      expect((await namesInSource()).filter((name) => !seen.has(name))).toEqual([])
    })
  })

  describe('lists', () => {
    it('read little more than a page, whichever filters are given', () => {
      expect(faultsOf(lists)).toEqual([])
    })

    it('do so when there is nothing left of what the statistics tell of', () => {
      expect(faultsOf(emptied)).toEqual([])
    })

    it('were asked for with every filter that there is', () => {
      const known = { eventId: '', busySubscriptionId: '', quietSubscriptionId: '' }
      expect(filterFields).toEqual({
        DeliveryFilter: Object.keys(deliveryFilters(known)),
        EventFilter: Object.keys(eventFilters(known)),
        SubscriptionFilter: Object.keys(subscriptionFilters()),
      })
    })
  })

  const faultsOf = (lists: Lists): string[] =>
    lists.flatMap(({ name, ran }) =>
      readFaults(ran, MOST_ROWS_OF_A_LIST, 'rowsInALoop').map((fault) => `${name}: ${fault}`),
    )

  const isNamed = ({ isNamed }: Explained) => isNamed

  /** Of the statements that are written by hand: `name: '…', text: …`. */
  async function namesInSource(): Promise<string[]> {
    const files = (await readdir('src', { recursive: true })).filter((file) => file.endsWith('.ts'))
    const texts = await Promise.all(files.map((file) => readFile(join('src', file), 'utf8')))
    return texts.flatMap((text) =>
      [...text.matchAll(/name: '([a-z-]+)',\s*text:/g)].map(([, name = '']) => name),
    )
  }
}
