/** All that a run of faults plays in: the processes of the service, and all they stand on, each breakable. */
import { join } from 'node:path'
import { applyMigrations } from '../../src/platform/migrations/index.js'
import { createResources } from '../../src/platform/resources.js'
import { createClient } from '../support/client.js'
import { temporaryDirectory } from '../support/process.js'
import { type Endpoints, SECRET, startEndpoints } from './endpoints.js'
import { type BreakablePostgres, startBreakablePostgres } from './postgres.js'
import type { Random } from './random.js'
import { type BreakableRedis, startBreakableRedis } from './redis.js'
import { findSteadyPort } from './steady-port.js'
import { type Supervised, supervise, type UncausedExit } from './supervisor.js'

/** Two API processes and two workers; or two that do all, and send from their own commits. */
export const layouts = ['apart', 'one'] as const
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
  apiKey: string
}

export const MAX_ATTEMPTS = 9

const API_KEY = 'key-of-the-fault-suite'
const PROCESSES_PER_ROLE = 2

/** As in production, but for waits that a test can sit through. */
const settings = {
  NODE_ENV: 'production',
  API_KEYS: API_KEY,
  LOG_LEVEL: 'error',
  DELIVERY_ALLOWED_CIDRS: '127.0.0.0/8',
  DELIVERY_MAX_ATTEMPTS: String(MAX_ATTEMPTS),
  DELIVERY_BACKOFF_BASE_SECONDS: '0.2',
  DELIVERY_BACKOFF_MAX_SECONDS: '1.5',
  DELIVERY_TIMEOUT_MS: '5000',
  // The endpoints share the machine: more at once would only wait for each other.
  DELIVERY_CONCURRENCY: '128',
}

export async function createWorld(random: Random, layout: Layout = 'apart'): Promise<World> {
  const resources = createResources()
  try {
    return await fill(resources, random, layout)
  } catch (error) {
    await resources[Symbol.asyncDispose]()
    throw error
  }
}

async function fill(
  resources: ReturnType<typeof createResources>,
  random: Random,
  layout: Layout,
): Promise<World> {
  const directory = resources.use(temporaryDirectory()).path
  const postgres = resources.use(await startBreakablePostgres(join(directory, 'postgres')))
  const redis = resources.use(await startBreakableRedis(join(directory, 'redis')))
  const endpoints = resources.use(await startEndpoints(random))
  await applyMigrations({ databaseUrl: postgres.url })

  const uncausedExits: UncausedExit[] = []
  const start = async (role: string, index: number) =>
    resources.use(
      await supervise({
        name: `${role} ${index + 1}`,
        port: await findSteadyPort(),
        directory,
        settings: { ...settings, ROLE: role, DATABASE_URL: postgres.url, REDIS_URL: redis.url },
        onUncausedExit: (exit) => uncausedExits.push(exit),
      }),
    )
  const startRole = (role: string) =>
    Promise.all(Array.from({ length: PROCESSES_PER_ROLE }, (_, index) => start(role, index)))
  const apis = await startRole(layout === 'one' ? 'all' : 'api')
  const workers = layout === 'one' ? apis : await startRole('worker')

  const subscriptions = await subscribe(endpoints, (apis[0] as Supervised).url)
  return {
    ...{ layout, postgres, redis, endpoints, apis, workers, subscriptions, uncausedExits },
    apiKey: API_KEY,
    [Symbol.asyncDispose]: resources[Symbol.asyncDispose],
  }
}

async function subscribe({ all }: Endpoints, apiUrl: string): Promise<Map<string, string>> {
  const api = createClient(apiUrl, API_KEY)
  const subscriptions = new Map<string, string>()
  for (const { name, url, eventTypes } of all) {
    const subscription = { endpointUrl: url, eventTypes, secret: SECRET }
    const { status, body } = await api.post('/v1/subscriptions', subscription)
    if (status !== 201) throw new Error(`The endpoint ${name} was not subscribed: ${JSON.stringify(body)}`)
    subscriptions.set(body.id, name)
  }
  return subscriptions
}
