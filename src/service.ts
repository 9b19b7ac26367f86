/**
 * The service, put together: settings in, resources made in the order in which they need each other, and a stop
 * that takes them apart in the opposite one: no new work, what is under way ends and is recorded, then exit.
 */
import type { AddressInfo } from 'node:net'
import type { Logger } from 'pino'
import { createAuthentication } from './api-keys/authentication.js'
import { createKeyStore } from './api-keys/key-store.js'
import { DATABASE_MS, OTHER_MS, QUEUE_MS, RECORD_MS, UNDER_WAY_MS } from './budgets.js'
import { type Config, publicApiKey } from './config.js'
import { loadStatement } from './delivery-engine/attempt/loader.js'
import { recordStatement } from './delivery-engine/attempt/recorder.js'
import { createEgressGuard } from './delivery-engine/egress/egress-guard.js'
import { describeProxies } from './delivery-engine/egress/egress-settings.js'
import { type DeliveryEngine, startDeliveryEngine } from './delivery-engine/engine.js'
import type { DeliveryJob } from './delivery-engine/scheduling/lease.js'
import { readOutbox } from './delivery-engine/scheduling/outbox-size.js'
import { createSignals } from './delivery-engine/scheduling/wake-ups.js'
import { acceptStatements } from './events/accept.js'
import { createPublisher } from './events/publish.js'
import { broadcastServiceEvents, createLiveUpdates } from './graphql/live-updates.js'
import { createApp } from './http/app.js'
import { createHttpStop } from './http/stop-http.js'
import { createAddressOf } from './platform/client-address.js'
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
import { createServiceEvents } from './telemetry/service-events.js'

export interface Service extends Resource {
  /** Where it listens: `http://127.0.0.1:3000`. */
  url: string
  /** For a stop that nobody needs to be told of beforehand. */
  skipGrace(): void
}

/** The database must have been migrated. */
export interface ServiceConfig extends Config {
  databaseUrl: string
  /** The way past a pooler; `databaseUrl` unless given. */
  directUrl?: string
  /** How `databaseUrl` leads through a pooler; `none` unless given. */
  pooling?: Pooling
  /** Connections of the hot path. */
  poolSize?: number
}

/** @param asked ends the start between two of its steps */
export async function startService(
  config: ServiceConfig,
  logger: Logger,
  asked?: AbortSignal,
): Promise<Service> {
  const resources = createResources()
  try {
    const started = await start(config, logger, resources, asked)
    return Object.assign(resources, started)
  } catch (error) {
    await Promise.resolve(resources[Symbol.asyncDispose]()).catch(() => {})
    throw error
  }
}

/** Connections that may come in one moment before they are accepted; the system may allow fewer. */
const CONNECTIONS_WAITING = 4096

async function start(
  config: ServiceConfig,
  logger: Logger,
  resources: Resources,
  asked?: AbortSignal,
): Promise<Pick<Service, 'url' | 'skipGrace'>> {
  asked?.throwIfAborted()
  const trouble = (where: string) => (error: unknown) => void serviceEvents.emit('trouble', { where, error })

  const { directUrl = config.databaseUrl, pooling = 'none' } = config
  const serviceEvents = createServiceEvents()
  logServiceEvents(serviceEvents, logger)
  const cutOff: { connections?: number; attempts?: number } = {}
  resources.use({
    async [Symbol.asyncDispose]() {
      if (Object.keys(cutOff).length > 0)
        logger.warn(cutOff, 'the stop cut off what did not end in its time; attempts are made again')
    },
  })
  const database = resources.use(
    createDatabase({
      ...{ url: config.databaseUrl, directUrl, pooling, onError: trouble('database') },
      ...(config.poolSize !== undefined && { poolSize: config.poolSize }),
    }),
    'connections to the database',
    DATABASE_MS,
  )
  const clock = resources.use(
    await createDatabaseClock({ database, onChange: (state) => void serviceEvents.emit('clock', state) }),
    'clock',
    OTHER_MS,
  )
  const newId = createIdSource(clock)
  const secretCipher = createSecretCipher(config.secretEncryptionKeys)
  await prepareStoredSecrets(database, secretCipher, logger)
  asked?.throwIfAborted()
  await database.warmUp([...acceptStatements, recordStatement, loadStatement])
  asked?.throwIfAborted()
  const redis =
    config.redis &&
    resources.use(
      await connectToRedis({
        settings: config.redis,
        installationId: await readInstallationId(database),
        logger,
        onError: trouble('Redis'),
      }),
      'connections to Redis',
      OTHER_MS,
    )
  const queue = resources.use(
    createJobQueue<DeliveryJob>({
      name: 'deliveries',
      redis,
      databaseUrl: directUrl,
      onError: trouble('queue'),
    }),
    'queue',
    QUEUE_MS,
  )
  const pubSub = resources.use(createPubSub(redis), 'pub/sub', OTHER_MS)
  broadcastServiceEvents(serviceEvents, pubSub)
  const signals = createSignals(pubSub)
  const guard = createEgressGuard(config.delivery)

  const underWayMs = config.shutdownGraceMs + UNDER_WAY_MS
  /** What begins to stop together with HTTP, rather than after it. */
  const works: AsyncDisposable[] = []
  let engine: DeliveryEngine | undefined
  if (config.role !== 'api') {
    tellWaysOut(config, logger)
    const signingKeys = createSigningKeys(secretCipher)
    engine = resources.use(
      await startDeliveryEngine({
        ...{ config, database, queue, signals, serviceEvents, clock, guard, signingKeys },
        onCutOff: (attempts) => Object.assign(cutOff, { attempts }),
      }),
      'delivery engine',
      underWayMs + RECORD_MS,
    )
    works.push(engine)
    const days = config.retentionDays
    if (days !== undefined) {
      const retention = createRetention({ database, serviceEvents, days, onError: trouble('retention') })
      works.push(resources.use(retention, 'retention', underWayMs))
    }
  }

  const stop = createHttpStop({
    graceMs: config.shutdownGraceMs,
    onCutOff: (connections) => Object.assign(cutOff, { connections }),
  })
  const addressOf = createAddressOf(config.trustedProxies)
  const app = await createApp({
    stop,
    addressOf,
    maxBodyBytes: config.eventMaxBytes,
    clock,
    connections: { maxConnections: config.maxConnections },
    logger,
    metrics: createMetrics(serviceEvents, {
      outbox: () => readOutbox(database, clock),
      queueJobs: () => queue.counts(),
      deliveriesInFlight: () => engine?.inFlight ?? 0,
      clockOffsetMs: () => clock.state.offsetMs,
    }),
    healthChecks: {
      database: createWriteCheck(database),
      engine: () => (engine === undefined ? 'disabled' : engine.isAtWork ? 'ok' : 'error'),
      clock: () => clock.state,
      ...(redis && { redis: queue.check }),
    },
    ...(config.role !== 'worker' && {
      api: {
        database,
        secretCipher,
        serviceEvents,
        clock,
        newId,
        authentication: createAuthentication(
          resources.use(
            createKeyStore({ ...config.apiKeys, onError: trouble('API keys') }),
            'API keys',
            OTHER_MS,
          ),
          serviceEvents,
          addressOf,
        ),
        publisher: createPublisher({
          ...{ database, serviceEvents, clock, newId, fastPath: engine?.fastPath },
          onCommitted: () => signals.send('outbox'),
        }),
        refuseUrl: guard.checkUrl,
        onDue: () => signals.send('due'),
        live: createLiveUpdates(pubSub),
        graphql: {
          allowIntrospection: config.graphql.introspection,
          corsOrigins: config.corsOrigins,
          // A key that everybody knows may as well be filled in; another one never is.
          graphiql: config.graphql.graphiql ? { apiKey: publicApiKey(config) } : undefined,
        },
      },
    }),
  })
  resources.use(
    {
      async [Symbol.asyncDispose]() {
        stop.begin()
        for (const work of works) void work[Symbol.asyncDispose]()
        await stop.drain()
        await app.close()
      },
    },
    'HTTP',
    underWayMs + OTHER_MS,
  )
  asked?.throwIfAborted()
  await app.listen({ host: config.host, port: config.port, backlog: CONNECTIONS_WAITING })
  const { address, family, port } = app.server.address() as AddressInfo
  return { url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`, skipGrace: stop.skipGrace }
}

function tellWaysOut({ egress }: ServiceConfig, logger: Logger): void {
  const proxies = describeProxies(egress)
  if (Object.keys(proxies).length > 0) logger.info({ proxies }, 'deliveries go through an outgoing proxy')
  if (egress.ignored.length === 0) return
  const how = 'EGRESS_PROXY_FROM_ENVIRONMENT=true makes them count'
  logger.info({ variables: egress.ignored }, `proxies of the environment don't count for deliveries: ${how}`)
}
