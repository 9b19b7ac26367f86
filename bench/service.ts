/**
 * The service as built, `node dist/main.js`, with the settings of production; only what it may deliver to is
 * opened to this machine, and its log tells of no more than warnings.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { findFreePort } from '../src/platform/free-port.js'
import { createResources } from '../src/platform/resources.js'
import { hasEnded } from '../test/support/child-process.js'
import type { BenchOptions } from './bench.js'
import type { Endpoint } from './relaying.js'
import type { Relay, RelayName, RelaySituation } from './relays.js'

export interface ServiceSituation extends RelaySituation {
  /** The checkout whose build runs. */
  directory: string
  /** The endpoints that answer. */
  wellEndpoints: Endpoint[]
  /** Absent: the queue is on PostgreSQL, too. */
  redisUrl: string | undefined
  /** One process is started for each role. The first serves the API. */
  roles: Role[]
  /** Override the settings that every run has. */
  settings: Record<string, string>
}

export type Role = 'all' | 'api' | 'worker'

const API_KEY = 'key-of-the-benchmark'
const START_TIMEOUT_MS = 60_000

/** @returns the checkout of a build: this one, or the one that `--base` names */
export const directoryOf = (name: RelayName, { base }: Pick<BenchOptions, 'base'>): string =>
  name === 'base' && base !== undefined ? resolve(base) : join(import.meta.dirname, '..')

export async function startService(situation: ServiceSituation): Promise<Relay> {
  const resources = createResources()
  try {
    const running = []
    for (const role of situation.roles) running.push(resources.use(await startProcess(role, situation)))
    const url = (running[0] as ServiceProcess).url
    const subscriptions = await subscribe(url, situation)
    const database = resources.use(await openDatabase(situation.databaseUrl))
    return {
      url,
      apiKey: API_KEY,
      processes: running.map(({ role, pid }) => ({ name: role === 'all' ? 'relay' : `relay, ${role}`, pid })),
      open: () => database.countOpen(subscriptions.well),
      kept: () => database.countDeliveries(subscriptions.ill),
      [Symbol.asyncDispose]: resources[Symbol.asyncDispose],
    }
  } catch (error) {
    await resources[Symbol.asyncDispose]()
    throw error
  }
}

export interface ServiceProcess extends AsyncDisposable {
  role: Role
  url: string
  pid: number
}

/** Resolves once it is healthy. */
export async function startProcess(
  role: Role,
  {
    directory,
    databaseUrl,
    redisUrl,
    settings,
  }: Pick<ServiceSituation, 'directory' | 'databaseUrl' | 'redisUrl' | 'settings'>,
): Promise<ServiceProcess> {
  const port = await findFreePort()
  const child = spawn(process.execPath, [join(directory, 'dist/main.js')], {
    cwd: directory,
    env: {
      NODE_ENV: 'production',
      LOG_LEVEL: 'warn',
      API_KEYS: API_KEY,
      DELIVERY_ALLOWED_CIDRS: '127.0.0.0/8',
      DATABASE_URL: databaseUrl,
      ...(redisUrl !== undefined && { REDIS_URL: redisUrl }),
      ROLE: role,
      PORT: String(port),
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // In a group of its own, so that Ctrl-C leaves it to be stopped in its turn.
    detached: true,
  })
  const said = listenTo(child)
  const url = `http://127.0.0.1:${port}`
  try {
    await healthy(url, child)
  } catch (error) {
    await killGroup(child)
    throw new Error(`The service did not start.\n${said.join('\n')}`, { cause: error })
  }
  return { role, url, pid: child.pid as number, [Symbol.asyncDispose]: () => killGroup(child) }
}

/** Kills the process and all processes that it started. */
async function killGroup(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return
  const exit = once(child, 'exit')
  process.kill(-(child.pid as number), 'SIGKILL')
  await exit
}

const LINES_SHOWN = 5
/** The beginning of a line that pino writes for a warning. */
const WARNING = '{"level":40,'

/** Trouble may explain a figure: the first lines are shown. That attempts fail at ill endpoints is none. */
function listenTo(child: ChildProcess): string[] {
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr] as NodeJS.ReadableStream[]) {
    createInterface(stream).on('line', (line) => {
      if (line.startsWith(WARNING)) return
      if (lines.push(line) <= LINES_SHOWN) console.error(`  service: ${line.slice(0, 300)}`)
    })
  }
  return lines
}

async function healthy(url: string, child: ChildProcess): Promise<void> {
  for (const deadlineMs = Date.now() + START_TIMEOUT_MS; Date.now() < deadlineMs; await pause(50)) {
    if (child.exitCode !== null) throw new Error(`It ended with code ${child.exitCode}.`)
    const response = await fetch(`${url}/v1/health`).catch(() => undefined)
    if (response?.ok) return
  }
  throw new Error(`It wasn't healthy after ${START_TIMEOUT_MS} ms.`)
}

const SUBSCRIBED_AT_ONCE = 16

/** @returns the ids of the subscriptions whose endpoints are well, and of the others */
async function subscribe(
  url: string,
  { endpoints, wellEndpoints }: Pick<ServiceSituation, 'endpoints' | 'wellEndpoints'>,
): Promise<{ well: string[]; ill: string[] }> {
  const ids = { well: [] as string[], ill: [] as string[] }
  const areWell = new Set(wellEndpoints)
  // One iterator for all, so that each endpoint is subscribed once.
  const waiting = endpoints.values()
  async function subscribeNext(): Promise<void> {
    for (const endpoint of waiting) await subscribeOne(endpoint)
  }
  async function subscribeOne(endpoint: Endpoint): Promise<void> {
    const { url: endpointUrl, eventTypes, tenant } = endpoint
    const response = await fetch(`${url}/v1/subscriptions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-api-key': API_KEY },
      body: JSON.stringify({ endpointUrl, eventTypes, tenant }),
    })
    if (response.status !== 201)
      throw new Error(`Not subscribed: ${response.status} ${await response.text()}`)
    const { id } = (await response.json()) as { id: string }
    ids[areWell.has(endpoint) ? 'well' : 'ill'].push(id)
  }
  await Promise.all(Array.from({ length: SUBSCRIBED_AT_ONCE }, subscribeNext))
  return ids
}

const countOpen = `
  select ((select count(*) from outbox) + (
    select count(*) from deliveries
    where status in ('PENDING', 'FAILED') and "subscriptionId" = any($1::uuid[])
  ))::int as count`

const countDeliveries = `select count(*)::int as count from deliveries where "subscriptionId" = any($1::uuid[])`

async function openDatabase(databaseUrl: string) {
  const client = new pg.Client(databaseUrl)
  // Dropping a database ends whoever is still connected to it.
  client.on('error', () => {})
  await client.connect()
  async function count(sql: string, subscriptionIds: string[]): Promise<number> {
    const { rows } = await client.query<{ count: number }>(sql, [subscriptionIds])
    return rows[0]?.count ?? 0
  }
  return {
    countOpen: (subscriptionIds: string[]) => count(countOpen, subscriptionIds),
    countDeliveries: (subscriptionIds: string[]) => count(countDeliveries, subscriptionIds),
    [Symbol.asyncDispose]: () => client.end(),
  }
}
