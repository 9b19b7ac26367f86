/**
 * Composes the service. A start opens resources in the order in which they depend on each other; a stop closes them in
 * the opposite order: the service accepts no new work, finishes and records the work in flight, and closes connections.
 */
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { createAuthentication } from './api-keys/authentication.js'
import { createKeyStore } from './api-keys/key-store.js'
import { DATABASE_MS, OTHER_MS, QUEUE_MS, RECORD_MS, UNDER_WAY_MS } from './budgets.js'
import { type Config, publicApiKey } from './config.js'
import { loadDeliveries } from './delivery-engine/attempt/loader.js'
import { recordAttempts } from './delivery-engine/attempt/recorder.js'
import { createEgressGuard, type EgressGuard } from './delivery-engine/egress/egress-guard.js'
import { describeProxies } from './delivery-engine/egress/egress-settings.js'
import { type DeliveryEngine, startDeliveryEngine } from './delivery-engine/engine.js'
import type { DeliveryJob } from './delivery-engine/scheduling/lease.js'
import { readOutbox } from './delivery-engine/scheduling/outbox-size.js'
import { createWakeUps } from './delivery-engine/scheduling/wake-ups.js'
import { acceptStatements } from './events/accept.js'
import { createPublisher } from './events/publish.js'
import { broadcastServiceEvents, createLiveUpdates } from './graphql/live-updates.js'
import { type AppOptions, createApp } from './http/app.js'
import { createHttpStop, type HttpStop } from './http/stop-http.js'
import { type AddressOf, createAddressOf } from './platform/client-address.js'
import { createDatabaseClock } from './platform/clock.js'
import { createDatabase } from './platform/postgres/database.js'
import { readInstallationId } from './platform/postgres/installation.js'
import type { Pooling } from './platform/postgres/pooler.js'
import { createWriteCheck } from './platform/postgres/write-check.js'
import { createPubSub } from './platform/pubsub.js'
import { createJobQueue } from './platform/queue/job-queue.js'
import { connectToRedis } from './platform/redis/redis.js'
import { createResources, type Resource, type Resources } from './platform/resources.js'
import { createIdSource } from './platform/uuid.js'
import { createRetention } from './retention/sweeper.js'
import { createSecretCipher } from './secrets/cipher.js'
import { createSigningKeys } from './secrets/signing-keys.js'
import { prepareStoredSecrets } from './secrets/stored-secrets.js'
import { logServiceEvents } from './telemetry/logging.js'
import { createMetrics } from './telemetry/metrics.js'
import { createServiceEvents, type ServiceEvents } from './telemetry/service-events.js'

export interface Service extends Resource {
  /** The address on which the service listens: `http://127.0.0.1:3000`. */
  url: string
  /** Makes the next stop close the listener at once, because no load balancer has to notice the stop first. */
  skipGrace(): void
}

/** The database must have been migrated. */
export interface ServiceConfig extends Config {
  databaseUrl: string
  /** Leads to the database past a pooler. The default is `databaseUrl`. */
  directUrl?: string
  /** The mode of the pooler that `databaseUrl` leads through. The default is `none`. */
  pooling?: Pooling
  /** The number of connections in the pool of the hot path. */
  poolSize?: number
}

/** @param stopSignal gives up the start between two of its steps */
export async function startService(
  config: ServiceConfig,
  logger: Logger,
  stopSignal?: AbortSignal,
): Promise<Service> {
  const resources = createResources()
  try {
    const started = await start(config, logger, resources, stopSignal)
    return Object.assign(resources, started)
  } catch (error) {
    await Promise.resolve(resources[Symbol.asyncDispose]()).catch(() => {})
    throw error
  }
}

/** What every step of a start uses. */
interface StartContext {
  config: ServiceConfig
  logger: Logger
  /** A step adds what it opens. */
  resources: Resources
  serviceEvents: ServiceEvents
  stopSignal: AbortSignal | undefined
  cutOff: CutOffCounts
  /** Returns a handler that reports errors of the named resource as the service event `trouble`. */
  reportTrouble(where: string): (error: unknown) => void
}

/** The work that a stop cut off at the end of its time. */
interface CutOffCounts {
  connections?: number
  attempts?: number
}

async function start(
  config: ServiceConfig,
  logger: Logger,
  resources: Resources,
  stopSignal?: AbortSignal,
): Promise<Pick<Service, 'url' | 'skipGrace'>> {
  stopSignal?.throwIfAborted()
  const serviceEvents = createServiceEvents()
  logServiceEvents(serviceEvents, logger)
  const context: StartContext = {
    ...{ config, logger, resources, serviceEvents, stopSignal },
    cutOff: logCutOffWork(resources, logger),
    reportTrouble: (where) => (error) => void serviceEvents.emit('failed', { where, error }),
  }
  const storage = await openDatabase(context)
  const messaging = await openMessaging(context, storage)
  const guard = createEgressGuard(config.delivery)
  const work = config.role === 'api' ? noWork : await startWork(context, storage, messaging, guard)

  const httpStop = createHttpStop({
    graceMs: config.shutdownGraceMs,
    onCutOff: (connections) => Object.assign(context.cutOff, { connections }),
  })
  const addressOf = createAddressOf(config.trustedProxies)
  const app = await createApp({
    ...{ stop: httpStop, addressOf, clock: storage.clock, logger },
    maxBodyBytes: config.eventMaxBytes,
    connections: config,
    ...createMonitoring(context, storage, messaging, work.engine),
    ...(config.role !== 'worker' && {
      api: createApi(context, storage, messaging, guard, work.engine, addressOf),
    }),
  })
  stopHttpBeforeTheRest(context, app, httpStop, work)
  stopSignal?.throwIfAborted()
  return { url: await listen(app, config), skipGrace: httpStop.skipGrace }
}

/** The first resource, so that it is closed last, when all counts are known. */
function logCutOffWork(resources: Resources, logger: Logger): CutOffCounts {
  const cutOff: CutOffCounts = {}
  resources.use({
    async [Symbol.asyncDispose]() {
      if (Object.keys(cutOff).length > 0)
        logger.warn(cutOff, 'the stop cut off what did not end in its time; attempts are made again')
    },
  })
  return cutOff
}

type Storage = Awaited<ReturnType<typeof openDatabase>>

/** Connects to PostgreSQL and prepares everything that depends on it alone. */
async function openDatabase({ config, logger, resources, stopSignal, ...context }: StartContext) {
  const { directUrl = config.databaseUrl, pooling = 'none' } = config
  const database = resources.use(
    createDatabase({
      ...{ url: config.databaseUrl, directUrl, pooling, onError: context.reportTrouble('database') },
      ...(config.poolSize !== undefined && { poolSize: config.poolSize }),
    }),
    'connections to the database',
    DATABASE_MS,
  )
  const clock = resources.use(
    await createDatabaseClock({
      database,
      onChange: (state) => void context.serviceEvents.emit('clock', state),
    }),
    'clock',
    OTHER_MS,
  )
  const newId = createIdSource(clock)
  const secretCipher = createSecretCipher(config.secretEncryptionKeys)
  await prepareStoredSecrets(database, secretCipher, logger)
  stopSignal?.throwIfAborted()
  await database.warmUp([...acceptStatements, recordAttempts, loadDeliveries])
  stopSignal?.throwIfAborted()
  return { database, directUrl, clock, newId, secretCipher }
}

type Messaging = Awaited<ReturnType<typeof openMessaging>>

/** Opens the job queue and pub/sub, on Redis or without it. */
async function openMessaging(
  { config, logger, resources, serviceEvents, reportTrouble }: StartContext,
  { database, directUrl }: Storage,
) {
  const redis =
    config.redis &&
    resources.use(
      await connectToRedis({
        settings: config.redis,
        installationId: await readInstallationId(database),
        logger,
        onError: reportTrouble('Redis'),
      }),
      'connections to Redis',
      OTHER_MS,
    )
  const queue = resources.use(
    createJobQueue<DeliveryJob>({
      name: 'deliveries',
      redis,
      databaseUrl: directUrl,
      onError: reportTrouble('queue'),
    }),
    'queue',
    QUEUE_MS,
  )
  const pubSub = resources.use(createPubSub(redis), 'pub/sub', OTHER_MS)
  broadcastServiceEvents(serviceEvents, pubSub)
  return { usesRedis: redis !== undefined, queue, pubSub, wakeUps: createWakeUps(pubSub) }
}

interface Work {
  /** Undefined in a process that delivers nothing (ROLE=api). */
  engine: DeliveryEngine | undefined
  /** Resources that begin to stop together with HTTP, rather than after it. */
  resources: AsyncDisposable[]
}

const noWork: Work = { engine: undefined, resources: [] }

/** How long HTTP and attempts in flight may go on during a stop. */
const underWayMs = ({ shutdownGraceMs }: Config): number => shutdownGraceMs + UNDER_WAY_MS

/** Starts the delivery engine, and retention where RETENTION_DAYS is set. */
async function startWork(
  context: StartContext,
  { database, clock, secretCipher }: Storage,
  { queue, wakeUps }: Messaging,
  guard: EgressGuard,
): Promise<Work> {
  const { config, logger, resources, serviceEvents } = context
  logProxies(config, logger)
  const signingKeys = createSigningKeys(secretCipher)
  const engine = resources.use(
    await startDeliveryEngine({
      ...{ config, database, queue, wakeUps, serviceEvents, clock, guard, signingKeys },
      onCutOff: (attempts) => Object.assign(context.cutOff, { attempts }),
    }),
    'delivery engine',
    underWayMs(config) + RECORD_MS,
  )
  const days = config.retentionDays
  if (days === undefined) return { engine, resources: [engine] }
  const onError = context.reportTrouble('retention')
  const retention = createRetention({ database, serviceEvents, days, onError })
  return { engine, resources: [engine, resources.use(retention, 'retention', underWayMs(config))] }
}

function logProxies({ egress }: ServiceConfig, logger: Logger): void {
  const proxies = describeProxies(egress)
  if (Object.keys(proxies).length > 0) logger.info({ proxies }, 'deliveries go through an outgoing proxy')
  if (egress.ignored.length === 0) return
  const how = 'EGRESS_PROXY_FROM_ENVIRONMENT=true makes them count'
  logger.info({ variables: egress.ignored }, `proxies of the environment don't count for deliveries: ${how}`)
}

/** Metrics and health checks. */
function createMonitoring(
  { serviceEvents }: StartContext,
  { database, clock }: Storage,
  { usesRedis, queue }: Messaging,
  engine: DeliveryEngine | undefined,
): Pick<AppOptions, 'metrics' | 'healthChecks'> {
  return {
    metrics: createMetrics(serviceEvents, {
      outbox: () => readOutbox(database, clock),
      queueJobs: () => queue.counts(),
      deliveriesInFlight: () => engine?.inFlight ?? 0,
      clockOffsetMs: () => clock.state.offsetMs,
    }),
    healthChecks: {
      database: createWriteCheck(database),
      engine: () => (engine === undefined ? 'disabled' : engine.isHealthy ? 'ok' : 'error'),
      clock: () => clock.state,
      ...(usesRedis && { redis: queue.check }),
    },
  }
}

/** What the routes of REST and GraphQL use. */
function createApi(
  { config, resources, serviceEvents, reportTrouble }: StartContext,
  { database, clock, newId, secretCipher }: Storage,
  { pubSub, wakeUps }: Messaging,
  guard: EgressGuard,
  engine: DeliveryEngine | undefined,
  addressOf: AddressOf,
): NonNullable<AppOptions['api']> {
  const apiKeys = resources.use(
    createKeyStore({ ...config.apiKeys, onError: reportTrouble('API keys') }),
    'API keys',
    OTHER_MS,
  )
  return {
    ...{ database, secretCipher, serviceEvents, clock, newId },
    authentication: createAuthentication(apiKeys, serviceEvents, addressOf),
    publisher: createPublisher({
      ...{ database, serviceEvents, clock, newId, fastPath: engine?.fastPath },
      onCommitted: () => wakeUps.send('outbox'),
    }),
    refuseUrl: guard.checkUrl,
    onDue: () => wakeUps.send('due'),
    live: createLiveUpdates(pubSub),
    graphql: {
      allowIntrospection: config.graphql.introspection,
      corsOrigins: config.corsOrigins,
      graphiql: config.graphql.graphiql ? { apiKey: publicApiKey(config) } : undefined,
      requireLocalHost: config.environment !== 'production',
    },
  }
}

/** The last resource, so that a stop begins with it. */
function stopHttpBeforeTheRest(
  { config, resources }: StartContext,
  app: FastifyInstance,
  httpStop: HttpStop,
  work: Work,
): void {
  resources.use(
    {
      async [Symbol.asyncDispose]() {
        httpStop.begin()
        for (const resource of work.resources) void resource[Symbol.asyncDispose]()
        await httpStop.drain()
        await app.close()
      },
    },
    'HTTP',
    underWayMs(config) + OTHER_MS,
  )
}

/** How many connections the system may hold before the process accepts them. The system may allow fewer. */
const LISTEN_BACKLOG = 4096

async function listen(app: FastifyInstance, { host, port: wantedPort }: Config): Promise<string> {
  await app.listen({ host, port: wantedPort, backlog: LISTEN_BACKLOG })
  const { address, family, port } = app.server.address() as AddressInfo
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}
