/** The HTTP app: Fastify with the `/v1` routes, GraphQL, the documentation and one error handler. */
import Fastify, { type FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { labelOf } from '../api-keys/api-key.js'
import type { Authentication } from '../api-keys/authentication.js'
import type { CatalogueContext } from '../catalogue/register.js'
import type { AttemptContext } from '../deliveries/find-attempt.js'
import type { RetryContext } from '../deliveries/retry.js'
import type { ErasureContext } from '../erasures/create.js'
import type { Publisher } from '../events/publish.js'
import type { TestEvents } from '../events/test-event.js'
import type { LiveUpdates } from '../graphql/live-updates.js'
import type { AddressOf } from '../platform/client-address.js'
import type { Clock } from '../platform/clock.js'
import type { AnswerContext } from '../pull/answer.js'
import type { FeedContext } from '../pull/feed.js'
import type { ReplayContext } from '../replays/create.js'
import type { SubscriptionContext } from '../subscriptions/create.js'
import type { Metrics } from '../telemetry/metrics.js'
import type { TenantTokens } from '../tenants/tokens.js'
import type { VisibleTo } from '../tenants/visible-database.js'
import { refuseUnknownRoutes } from './allowed-methods.js'
import { guardRoutes } from './auth.js'
import { type ConnectionLimits, limitConnections } from './connection-limits.js'
import { type ConnectionShareOptions, shareConnections } from './connection-share.js'
import { decodeBodies } from './content-encoding.js'
import { sendDateHeader } from './date-header.js'
import { refuseBeforeRouting, refuseMalformedRequest } from './early-refusals.js'
import type { HttpShutdown } from './http-shutdown.js'
import { checkInputs, refuseUnreadInputs } from './input.js'
import { readJsonBodies } from './json-body.js'
import { describeRoutes } from './openapi.js'
import { sendProblem, toHttpError } from './problem.js'
import { attemptRoutes } from './routes/attempts.js'
import { bulkDeliveryRoutes } from './routes/bulk-deliveries.js'
import { catalogueRoutes } from './routes/catalogue.js'
import { deadLetterRoutes } from './routes/dead-letters.js'
import { deliveryRoutes } from './routes/deliveries.js'
import { deliveryMetricsRoutes } from './routes/delivery-metrics.js'
import { erasureRoutes } from './routes/erasures.js'
import { eventBatchRoutes } from './routes/event-batch.js'
import { eventImportRoutes } from './routes/event-import.js'
import { eventTypeRoutes } from './routes/event-types.js'
import { eventRoutes } from './routes/events.js'
import { feedRoutes } from './routes/feed.js'
import { filterRoutes } from './routes/filters.js'
import type { GraphQLRouteOptions } from './routes/graphql.js'
import { type HealthChecks, healthRoutes } from './routes/health.js'
import { metricsRoutes } from './routes/metrics.js'
import { replayRoutes } from './routes/replays.js'
import { statsRoutes } from './routes/stats.js'
import { subscriptionRoutes } from './routes/subscriptions.js'
import { tenantTokenRoutes } from './routes/tenant-tokens.js'
import { testEventRoutes } from './routes/test-events.js'

type GraphQLSettings = Pick<
  GraphQLRouteOptions,
  'allowIntrospection' | 'corsOrigins' | 'graphiql' | 'isSubgraph' | 'requireLocalHost' | 'trustedDocuments'
>

export interface AppOptions {
  maxBodyBytes: number
  connections: ConnectionLimits & ConnectionShareOptions
  /** Finds the address of a client for the log. */
  addressOf: AddressOf
  clock: Clock
  logger: Logger
  metrics: Metrics
  healthChecks: HealthChecks
  /** Must have drained before the app is closed. */
  stop: HttpShutdown
  /** The needs of the API. Absent in a worker process, which serves only health and metrics. */
  api?: Omit<
    AttemptContext &
      SubscriptionContext &
      RetryContext &
      CatalogueContext &
      ReplayContext &
      ErasureContext &
      FeedContext &
      AnswerContext,
    'database'
  > & {
    visibleTo: VisibleTo
    publisher: Publisher
    testEvents: TestEvents
    authentication: Authentication
    tenantTokens: TenantTokens
    liveUpdates: LiveUpdates
    graphql: GraphQLSettings
  }
}

/**
 * Each of these methods has its own time series. Every other method counts as `_OTHER`, the name from OpenTelemetry:
 * otherwise any client could create time series.
 */
const usualMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])
const methodLabel = (method: string): string => (usualMethods.has(method) ? method : '_OTHER')

/** Room in a GraphQL request beside an event of the largest size. */
const ROOM_AROUND_AN_EVENT_BYTES = 64 * 1024

export async function createApp({
  maxBodyBytes,
  connections,
  addressOf,
  clock,
  logger,
  metrics,
  healthChecks,
  stop,
  api,
}: AppOptions): Promise<FastifyInstance> {
  const app = Fastify({
    ...limitConnections(connections),
    bodyLimit: maxBodyBytes,
    // The error handler logs errors, and the metrics count requests. A log line for each request would cost the most.
    logger: false,
    frameworkErrors: (error, _request, reply) => sendProblem(reply, toHttpError(error)),
    clientErrorHandler: refuseMalformedRequest,
  })
  shareConnections(app, connections)
  sendDateHeader(app, clock)
  refuseBeforeRouting(app)
  app.decorateRequest('apiKey', undefined)
  decodeBodies(app)
  readJsonBodies(app)
  checkInputs(app)
  app.setSerializerCompiler(() => JSON.stringify)

  app.setErrorHandler((error, request, reply) => {
    const serviceError = toHttpError(error)
    if (serviceError.cause !== undefined) {
      const apiKey = request.apiKey && labelOf(request.apiKey)
      const address = addressOf(request.raw)
      logger.error(
        { err: serviceError.cause, route: request.routeOptions.url, apiKey, address },
        'request failed',
      )
    }
    return sendProblem(reply, serviceError)
  })
  refuseUnknownRoutes(app)
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown'
    metrics.observeRequest(methodLabel(request.method), route, reply.statusCode, reply.elapsedTime / 1000)
    done()
  })

  stop.attach(app)

  await describeRoutes(app)
  await app.register(
    async (v1) => {
      refuseUnreadInputs(v1)
      await v1.register(healthRoutes(healthChecks, stop))
      await v1.register(metricsRoutes(metrics))
      if (api === undefined) return
      await v1.register(async (guarded) => {
        guardRoutes(guarded, api.authentication, api.visibleTo)
        await guarded.register(statsRoutes)
        await guarded.register(eventRoutes(api))
        await guarded.register(eventBatchRoutes({ ...api, eventMaxBytes: maxBodyBytes }))
        await guarded.register(eventImportRoutes({ ...api, eventMaxBytes: maxBodyBytes }))
        await guarded.register(subscriptionRoutes(api))
        await guarded.register(testEventRoutes(api))
        await guarded.register(filterRoutes(api))
        await guarded.register(tenantTokenRoutes(api))
        await guarded.register(eventTypeRoutes(api))
        await guarded.register(catalogueRoutes(api))
        await guarded.register(deliveryRoutes(api))
        await guarded.register(feedRoutes(api, stop))
        await guarded.register(deadLetterRoutes)
        await guarded.register(bulkDeliveryRoutes(api))
        await guarded.register(attemptRoutes(api))
        await guarded.register(replayRoutes(api))
        await guarded.register(erasureRoutes(api))
        await guarded.register(deliveryMetricsRoutes)
      })
    },
    { prefix: '/v1' },
  )
  if (api !== undefined) {
    // A third of the code, which a worker's process never loads.
    const { graphqlRoutes } = await import('./routes/graphql.js')
    await app.register(
      graphqlRoutes({
        ...api.graphql,
        context: { ...api, logger },
        visibleTo: api.visibleTo,
        authentication: api.authentication,
        eventMaxBytes: maxBodyBytes,
        maxBodyBytes: maxBodyBytes + ROOM_AROUND_AN_EVENT_BYTES,
        onEndLive: (endSockets) =>
          stop.endStreamsBy(async () => {
            api.liveUpdates.endAll()
            await endSockets()
          }),
      }),
    )
  }
  return app
}
