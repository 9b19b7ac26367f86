/**
 * What statements and lists cost on full tables: `tsx bench/flat-cost.ts [deliveries]`. It fills the tables of a
 * PostgreSQL of its own, lets the service work off what waits there, asks for every list, and prints what took how
 * long.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { loadConfig } from '../src/config.js'
import { createResources } from '../src/platform/resources.js'
import { startService } from '../src/service.js'
import { type Client, createClient } from '../test/support/client.js'
import {
  type Explained,
  type ExplainedPostgres,
  startExplainedPostgres,
} from '../test/support/explained-postgres.js'
import { handledBy } from '../test/support/plans.js'
import { startReceiver } from '../test/support/receiver.js'
import { fillTables } from './full-tables.js'
import { type Known, listRequests } from './lists.js'

const API_KEY = 'bench-key'
/** How often each request is made. The first one may have to read pages from the disk. */
const ASKED = 3

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0
const round = (ms: number): string => (ms < 10 ? ms.toFixed(1) : ms.toFixed(0))
const print = (...cells: (string | number)[]) => console.info(`| ${cells.join(' | ')} |`)

function groupBy<Item>(items: Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>()
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item])
  return groups
}

async function untilWorkedOff(postgres: ExplainedPostgres): Promise<void> {
  const sql = `select from deliveries where status = 'PENDING' union all select from outbox limit 1`
  while ((await postgres.query(sql)).length > 0) await sleep(500)
}

function printStatements(ran: Explained[]): void {
  print('statement', 'ran', 'rows at most', 'median ms', 'slowest ms')
  for (const [name, runs] of groupBy(
    ran.filter(({ isNamed }) => isNamed),
    ({ name }) => name,
  )) {
    const times = runs.map(({ durationMs }) => durationMs)
    const rows = Math.round(Math.max(...runs.map(({ plan }) => handledBy(plan))))
    print(name, runs.length, rows, round(median(times)), round(Math.max(...times)))
  }
}

async function printLists(api: Client, known: Known): Promise<void> {
  const lists: { group: string; name: string; ms: number }[] = []
  for (const { name, path, body } of listRequests(known)) {
    const times: number[] = []
    for (let count = 0; count < ASKED; count++) {
      const startedAt = performance.now()
      const answer = await (body === undefined ? api.get(path) : api.post(path, body))
      times.push(performance.now() - startedAt)
      if (answer.status !== 200 || answer.body.errors) console.error(name, JSON.stringify(answer.body))
    }
    const [group = ''] = name.split(':')
    lists.push({ group, name, ms: median(times) })
  }
  print('list', 'filters', 'median ms', 'slowest ms', 'which')
  for (const [group, ofGroup] of groupBy(lists, ({ group }) => group)) {
    const [slowest] = ofGroup.toSorted((a, b) => b.ms - a.ms)
    const which = slowest?.name.slice(group.length + 2) ?? ''
    print(group, ofGroup.length, round(median(ofGroup.map(({ ms }) => ms))), round(slowest?.ms ?? 0), which)
  }
}

async function findKnown(postgres: ExplainedPostgres): Promise<Known> {
  const find = async (sql: string) => (await postgres.query<{ id: string }>(sql))[0]?.id ?? ''
  return {
    eventId: await find('select id from events order by id desc offset 10000 limit 1'),
    busySubscriptionId: await find(`select id from subscriptions where 'type.7' = any ("eventTypes")`),
    quietSubscriptionId: await find(`select id from subscriptions where 'type.1' = any ("eventTypes")`),
  }
}

const deliveries = Number(process.argv[2] ?? 10_000_000)
const resources = createResources()
try {
  const postgres = resources.use(await startExplainedPostgres())
  const { url: endpointUrl } = resources.use(await startReceiver(200))
  const waiting = { pending: 2000, failed: 20_000, outbox: 5000, dueIn: '0 seconds', endpointUrl }
  await fillTables(postgres.url, { deliveries, subscriptions: 50, ...waiting })
  await postgres.query('vacuum analyze')
  await postgres.query('checkpoint')

  const settings = { API_KEYS: API_KEY, PORT: '0', DELIVERY_ALLOWED_CIDRS: '127.0.0.0/8' }
  let url = ''
  const ran = await postgres.watch(async () => {
    const config = { ...loadConfig(settings), databaseUrl: postgres.url }
    url = resources.use(await startService(config, pino({ level: 'warn' }))).url
    await untilWorkedOff(postgres)
  })
  printStatements(ran)
  await printLists(createClient(url, API_KEY), await findKnown(postgres))
} finally {
  await resources[Symbol.asyncDispose]()
}
