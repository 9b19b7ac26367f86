/** The service under test, whole, in this process: on a database and, in one of the queue modes, a Redis of its own. */
import { type Logger, pino } from 'pino'
import { type Config, loadConfig } from '../../src/config.js'
import type { BreakerBounds } from '../../src/model/breaker.js'
import { createResources } from '../../src/platform/resources.js'
import { type Service, type ServiceConfig, startService } from '../../src/service.js'
import { type Client, createClient, TEST_KEY } from './client.js'
import { createTestDatabase, type TestDatabase } from './database.js'
import { startRedis, type TestRedis } from './redis.js'

export type QueueMode = 'postgres' | 'redis'
export const queueModes: QueueMode[] = ['postgres', 'redis']

/** The last has the worker beside the API, so nothing goes out but through the outbox and the queue. */
export type Layout = QueueMode | 'redis, api and worker apart'
export const layouts: Layout[] = [...queueModes, 'redis, api and worker apart']

export interface TestService extends AsyncDisposable {
  url: string
  api: Client
  database: TestDatabase
  /** Asks the process that delivers, for its health and metrics; the same as `api` where the two are one. */
  worker: Client
  /** Present unless the queue is on PostgreSQL. */
  redis: TestRedis | undefined
}

/** Settings in the way of the environment: `{ DELIVERY_MAX_ATTEMPTS: '3' }`. */
export type Settings = Record<string, string>

/** Waits that a test can sit through; endpoints on this machine are allowed. */
const quick: Settings = {
  NODE_ENV: 'test',
  API_KEYS: TEST_KEY,
  PORT: '0',
  SHUTDOWN_GRACE_SECONDS: '0',
  DELIVERY_BACKOFF_BASE_SECONDS: '0.05',
  DELIVERY_ALLOWED_CIDRS: '127.0.0.0/8',
  OUTBOX_DISPATCH_INTERVAL_MS: '500',
}

export async function startTestService(
  layout: Layout,
  settings: Settings = {},
  breaker?: BreakerBounds,
): Promise<TestService> {
  const resources = createResources()
  const database = resources.use(await createTestDatabase())
  const way = { url: database.url, ...(breaker && { breaker }) }
  const redis = layout === 'postgres' ? undefined : resources.use(await startRedis())
  const { api, worker } =
    layout === 'redis, api and worker apart'
      ? resources.use(await startApart(way, redis, settings))
      : await startTogether()
  async function startTogether() {
    const service = resources.use(await startOn(way, redis, settings))
    return { api: service, worker: service }
  }
  return {
    ...{ database, redis },
    url: api.url,
    api: createClient(api.url),
    worker: createClient(worker.url),
    [Symbol.asyncDispose]: resources[Symbol.asyncDispose],
  }
}

export interface ServicesApart extends AsyncDisposable {
  api: Service
  worker: Service
}

/** What a service is given beside its settings. */
type ServiceWay = { url: string } & Pick<ServiceConfig, 'directUrl' | 'pooling' | 'breaker'>

/** API and worker as two processes have them, so that every event takes the way over the queue. */
export async function startApart(
  database: ServiceWay,
  redis: TestRedis | undefined,
  settings: Settings = {},
  logger?: Logger,
): Promise<ServicesApart> {
  const resources = createResources()
  const start = async (role: 'api' | 'worker') =>
    resources.use(await startOn(database, redis, { ...settings, ROLE: role }, logger))
  try {
    const worker = await start('worker')
    return { worker, api: await start('api'), [Symbol.asyncDispose]: resources[Symbol.asyncDispose] }
  } catch (error) {
    await resources[Symbol.asyncDispose]()
    throw error
  }
}

/** One process's worth of the service, on resources that exist already. */
export function startOn(
  { url, ...way }: ServiceWay,
  redis: TestRedis | undefined,
  settings: Settings = {},
  logger: Logger = pino({ level: 'silent' }),
) {
  return startService({ ...testConfig(redis, settings), databaseUrl: url, ...way }, logger)
}

function testConfig(redis: TestRedis | undefined, settings: Settings): Config {
  return loadConfig({ ...quick, ...(redis && { REDIS_URL: redis.url }), ...settings })
}
