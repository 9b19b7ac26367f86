/** All that a run of faults plays in: the processes of the service, and all they stand on, each breakable. */
import { join } from 'node:path'
import { applyMigrations } from '../../src/platform/migrations/index.js'
import { createResources } from '../../src/platform/resources.js'
import { createClient } from '../support/client.js'
import type { PostgresPrograms } from '../support/postgres-server.js'
import { temporaryDirectory } from '../support/process.js'
import { keepTurns } from './breaker-turns.js'
import { type Endpoints, SECRET, startEndpoints } from './endpoints.js'
import {
  type Clock,
  createClock,
  createNetwork,
  type Disk,
  mountSmallDisk,
  type Need,
  type Network,
  SMALL_DISK_SETTINGS,
} from './equipment.js'
import { createNames, type Names } from './names.js'
import { type BreakablePostgres, startBreakablePostgres } from './postgres.js'
import { buildQuickBreaker } from './quick-breaker.js'
import type { Random } from './random.js'
import { type BreakableRedis, startBreakableRedis } from './redis.js'
import { findSteadyPort } from './steady-port.js'
import { type Supervised, supervise, type UncausedExit } from './supervisor.js'

/**
 * Two API processes and two workers; two services that do all, and send from their own commits; or one service of two
 * processes (`PROCESSES=2`).
 */
export const layouts = ['apart', 'one', 'processes'] as const
export type Layout = (typeof layouts)[number]

export interface World extends AsyncDisposable {
  layout: Layout
  postgres: BreakablePostgres
  redis: BreakableRedis
  apis: Supervised[]
  /** Where each process does all, the same ones. */
  workers: Supervised[]
  endpoints: Endpoints
  /** The name of the endpoint that a subscription belongs to, by its id. */
  subscriptions: Map<string, string>
  uncausedExits: UncausedExit[]
  /** Empty unless a fault needs them. */
  networks: Network[]
  /** Of PostgreSQL and of each process. They can not be set unless a fault needs that. */
  clocks: Clock[]
  /** PostgreSQL's, if a fault needs a small one. */
  disk: Disk | undefined
  /** Of endpoints, if a fault needs them to have names. */
  names: Names | undefined
  apiKey: string
}

export interface WorldOptions {
  layout?: Layout
  needs?: Set<Need>
  /** PostgreSQL's; those of the npm package unless given. */
  programs?: PostgresPrograms | undefined
}

export const MAX_ATTEMPTS = 9
/** Of an attempt. */
export const TIMEOUT_MS = 5000

const API_KEY = 'key-of-the-fault-suite'
const PROCESSES_PER_ROLE = 2

const waits = { backoffBaseSeconds: 0.2, backoffMaxSeconds: 1.5 }

/** As in production, but for waits that a test can sit through. */
const settings = {
  NODE_ENV: 'production',
  API_KEYS: API_KEY,
  LOG_LEVEL: 'error',
  DELIVERY_ALLOWED_CIDRS: '127.0.0.0/8',
  DELIVERY_MAX_ATTEMPTS: String(MAX_ATTEMPTS),
  DELIVERY_BACKOFF_BASE_SECONDS: String(waits.backoffBaseSeconds),
  DELIVERY_BACKOFF_MAX_SECONDS: String(waits.backoffMaxSeconds),
  DELIVERY_TIMEOUT_MS: String(TIMEOUT_MS),
  // The endpoints share the machine: more at once would only wait for each other.
  DELIVERY_CONCURRENCY: '128',
}

export async function createWorld(random: Random, options: WorldOptions = {}): Promise<World> {
  const resources = createResources()
  try {
    return await fill(resources, random, options)
  } catch (error) {
    await resources[Symbol.asyncDispose]()
    throw error
  }
}

async function fill(
  resources: ReturnType<typeof createResources>,
  random: Random,
  { layout = 'apart', needs = new Set(), programs }: WorldOptions,
): Promise<World> {
  const directory = resources.use(temporaryDirectory()).path
  const newClock = (name: string) => createClock(name, directory, needs.has('clocks'))
  const clocks = [newClock('PostgreSQL')]
  const disk = needs.has('small disk') ? resources.use(mountSmallDisk(join(directory, 'disk'))) : undefined
  const postgres = resources.use(
    await startBreakablePostgres({
      ...{ directory: join(disk?.directory ?? directory, 'postgres'), programs },
      environment: clocks[0]?.settings ?? {},
      settings: disk && SMALL_DISK_SETTINGS,
    }),
  )
  const redis = resources.use(await startBreakableRedis(join(directory, 'redis')))
  const names = needs.has('names') ? resources.use(await createNames(directory)) : undefined
  const endpoints = resources.use(await startEndpoints(random, names?.hostOf))
  await applyMigrations({ databaseUrl: postgres.url })
  await keepTurns(postgres)
  const { main } = resources.use(await buildQuickBreaker())

  const uncausedExits: UncausedExit[] = []
  const networks: Network[] = []
  async function urlOf(name: string, server: Network['server'], url: string): Promise<string> {
    if (!needs.has('networks')) return url
    const network = await createNetwork(name, server, url)
    resources.use(network.proxy)
    networks.push(network)
    return network.proxy.url
  }
  async function start(role: string, index: number): Promise<Supervised> {
    const name = `${role} ${index + 1}`
    const clock = newClock(name)
    clocks.push(clock)
    return resources.use(
      await supervise({
        ...{
          name,
          directory,
          port: await findSteadyPort(),
          onUncausedExit: (exit) => uncausedExits.push(exit),
        },
        command: [...(names?.command ?? []), process.execPath, main],
        settings: {
          ...settings,
          ...clock.settings,
          ROLE: role,
          DATABASE_URL: await urlOf(name, 'PostgreSQL', postgres.url),
          REDIS_URL: await urlOf(name, 'Redis', redis.url),
          ...(layout === 'processes' && { PROCESSES: '2' }),
        },
      }),
    )
  }
  const startRole = (role: string, count = PROCESSES_PER_ROLE) =>
    Promise.all(Array.from({ length: count }, (_, index) => start(role, index)))
  const apis = await startRole(layout === 'apart' ? 'api' : 'all', layout === 'processes' ? 1 : undefined)
  const workers = layout === 'apart' ? await startRole('worker') : apis

  const subscriptions = await subscribe(endpoints, (apis[0] as Supervised).url)
  return {
    ...{ layout, postgres, redis, endpoints, apis, workers, subscriptions, uncausedExits },
    ...{ networks, clocks, disk, names },
    apiKey: API_KEY,
    [Symbol.asyncDispose]: resources[Symbol.asyncDispose],
  }
}

async function subscribe({ all }: Endpoints, apiUrl: string): Promise<Map<string, string>> {
  const api = createClient(apiUrl, API_KEY)
  const subscriptions = new Map<string, string>()
  for (const { name, url, eventTypes, maxAttempts, isOrdered } of all) {
    const retryPolicy = maxAttempts && { ...waits, maxAttempts }
    const subscription = {
      ...{ endpointUrl: url, eventTypes, secret: SECRET, isOrdered },
      ...(retryPolicy && { retryPolicy }),
    }
    const { status, body } = await api.post('/v1/subscriptions', subscription)
    if (status !== 201) throw new Error(`The endpoint ${name} was not subscribed: ${JSON.stringify(body)}`)
    subscriptions.set(body.id, name)
  }
  return subscriptions
}
