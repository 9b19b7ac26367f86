/** The HTTP server of a process: the parts for its routes, the listener and the stop. */
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { createApiKeyStore } from '../api-keys/api-key-store.js'
import { createAuthentication } from '../api-keys/authentication.js'
import { OTHER_MS, QUEUE_MS, RECORD_MS } from '../budgets.js'
import { createCheckingPublisher } from '../catalogue/checking-publisher.js'
import { type Config, publicApiKey } from '../config.js'
import { createEndpointValidation } from '../delivery-engine/attempt/endpoint-validation.js'
import type { EgressGuard } from '../delivery-engine/egress/egress-guard.js'
import { readOutbox } from '../delivery-engine/scheduling/outbox-size.js'
import { countPaused } from '../delivery-engine/scheduling/paused-endpoints.js'
import { createQueuePath } from '../delivery-engine/scheduling/queue-path.js'
import { createTestEvents } from '../delivery-engine/test-events/test-events.js'
import { createPublisher } from '../events/publish.js'
import { createKeptFrames } from '../graphql/frames.js'
import { createLiveUpdates } from '../graphql/live-updates.js'
import { createSharedUpdates } from '../graphql/shared-updates.js'
import { createStatsUpdates } from '../graphql/stats-updates.js'
import { type AppOptions, createApp } from '../http/app.js'
import { createHttpShutdown, type HttpShutdown } from '../http/http-shutdown.js'
import { type AddressOf, createAddressOf } from '../platform/client-address.js'
import { createWriteCheck } from '../platform/postgres/write-check.js'
import { createTurns } from '../platform/turns.js'
import { createMetrics } from '../telemetry/metrics.js'
import { createTenantLimits } from '../tenants/limits.js'
import { tokenKeys } from '../tenants/token-text.js'
import { createTenantTokens } from '../tenants/tokens.js'
import { createVisibleTo } from '../tenants/visible-database.js'
import { type BackgroundWork, underWayMs } from './background-work.js'
import { openCatalogue } from './catalogue.js'
import type { StartContext } from './context.js'
import type { Messaging } from './messaging.js'
import type { Pull } from './pull.js'
import type { Storage } from './storage.js'

/** The parts of a service for its routes. */
export interface Parts {
  storage: Storage
  messaging: Messaging
  guard: EgressGuard
  pull: Pull
  work: BackgroundWork
}

export interface HttpServer {
  /** @returns the URL */
  listen(): Promise<string>
  skipGrace(): void
}

export async function createHttpServer(context: StartContext, parts: Parts): Promise<HttpServer> {
  const { config, logger } = context
  const stop = createHttpShutdown({
    graceMs: config.shutdownGraceMs,
    onCutOff: (connections) => Object.assign(context.cutOff, { connections }),
  })
  const addressOf = createAddressOf(config.trustedProxies)
  const app = await createApp({
    ...{ stop, addressOf, clock: parts.storage.clock, logger },
    maxBodyBytes: config.eventMaxBytes,
    connections: config,
    ...createMonitoring(context, parts),
    ...(config.role !== 'worker' && { api: await createApi(context, parts, addressOf) }),
  })
  stopHttpBeforeTheRest(context, app, stop, parts.work)
  return { listen: () => listen(app, config), skipGrace: stop.skipGrace }
}

function createMonitoring(
  { serviceEvents }: StartContext,
  { storage: { database, clock }, messaging: { usesRedis, queue }, work: { engine } }: Parts,
): Pick<AppOptions, 'metrics' | 'healthChecks'> {
  return {
    metrics: createMetrics(serviceEvents, {
      outbox: () => readOutbox(database, clock),
      queueJobs: () => queue.counts(),
      pausedEndpoints: () => countPaused(database),
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

/** Creates the parts for the routes of REST and GraphQL. */
async function createApi(
  context: StartContext,
  { storage, messaging, guard, pull, work }: Parts,
  addressOf: AddressOf,
): Promise<NonNullable<AppOptions['api']>> {
  const { config, resources, serviceEvents, reportTrouble } = context
  const { database, matcher, clock, newId, secretCipher, bodyCipher, signingKeys } = storage
  const { pubSub, queue, wakeUps } = messaging
  const apiKeys = resources.use(
    createApiKeyStore({ ...config.apiKeys, onError: reportTrouble('API keys') }),
    'API keys',
    OTHER_MS,
  )
  const tenantTokens = createTenantTokens({
    ...{ apiKeys: apiKeys.all, clock },
    keys: tokenKeys(storage.installation.tokenSecret, config.secretEncryptionKeys),
  })
  const visibleTo = createVisibleTo(database)
  const { timeoutMs, requestOrigin } = config.delivery
  const validation = resources.use(
    createEndpointValidation({ guard, timeoutMs, origin: requestOrigin, egress: config.egress }),
    'validation of endpoints',
    OTHER_MS,
  )
  const fastPath =
    work.engine?.fastPath ??
    resources.use(
      createQueuePath({
        ...{ queue, database, serviceEvents, onError: reportTrouble('queue') },
        onDue: () => wakeUps.send('due'),
      }),
      'queue path',
      QUEUE_MS,
    )
  const testEvents = resources.use(
    createTestEvents({
      ...{ database, guard, bodyCipher, signingKeys, serviceEvents, clock, newId, timeoutMs, requestOrigin },
      egress: config.egress,
      responseBodies: config.logs.responseBodies,
    }),
    'test events',
    RECORD_MS,
  )
  const hasTenantLimits = Object.values(config.tenants).some((limit) => limit !== undefined)
  const publisher = createPublisher({
    ...{ database, matcher, serviceEvents, clock, newId, fastPath },
    tenantLimits: hasTenantLimits ? createTenantLimits(database, clock, config.tenants) : undefined,
    onError: reportTrouble('matcher'),
    onCommitted: () => wakeUps.send('outbox'),
  })
  const { onCatalogueChanged, ...checks } = await openCatalogue(context, storage, messaging)
  return {
    ...pull,
    ...{ visibleTo, secretCipher, bodyCipher, serviceEvents, clock, newId, testEvents, tenantTokens },
    authentication: createAuthentication(apiKeys, tenantTokens, serviceEvents, addressOf, clock),
    publisher: createCheckingPublisher(publisher, { ...checks, serviceEvents }),
    refuseUrl: guard.checkUrl,
    refusalOfEndpoint: validation.refusalOf,
    async onChanged() {
      wakeUps.send('subscriptions')
      await matcher.refresh().catch(reportTrouble('matcher'))
    },
    onCatalogueChanged,
    onDue: () => wakeUps.send('due'),
    onReplay: () => wakeUps.send('replays'),
    onErasure: () => wakeUps.send('erasures'),
    liveUpdates: createLiveUpdates(
      pubSub,
      createStatsUpdates(visibleTo, reportTrouble('live totals')),
      createSharedUpdates(createTurns(), createKeptFrames()),
    ),
    graphql: {
      allowIntrospection: config.graphql.introspection,
      isSubgraph: config.graphql.federation,
      trustedDocuments: config.graphql.trustedDocuments && {
        documents: config.graphql.trustedDocuments,
        refusesOthers: config.environment === 'production',
      },
      corsOrigins: config.corsOrigins,
      graphiql: config.graphql.graphiql ? { apiKey: publicApiKey(config) } : undefined,
      requireLocalHost: config.environment !== 'production',
    },
  }
}

/** Must be the last resource: a stop begins with the last one. */
function stopHttpBeforeTheRest(
  { config, resources }: StartContext,
  app: FastifyInstance,
  stop: HttpShutdown,
  work: BackgroundWork,
): void {
  resources.use(
    {
      async [Symbol.asyncDispose]() {
        stop.begin()
        for (const resource of work.resources) void resource[Symbol.asyncDispose]()
        await stop.drain()
        await app.close()
      },
    },
    'HTTP',
    underWayMs(config) + OTHER_MS,
  )
}

/** Maximum of connections the system holds until the process accepts them. The system may allow fewer. */
const LISTEN_BACKLOG = 4096

async function listen(app: FastifyInstance, { host, port: wantedPort }: Config): Promise<string> {
  await app.listen({ host, port: wantedPort, backlog: LISTEN_BACKLOG })
  const { address, family, port } = app.server.address() as AddressInfo
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`
}
