/** Mounts GraphQL: as a route for HTTP and SSE, and on the server's upgrades for WebSocket. */
import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import { useServer } from 'graphql-ws/use/ws'
import { WebSocketServer } from 'ws'
import type { ApiKey } from '../../api-keys/api-key.js'
import type { Authentication } from '../../api-keys/authentication.js'
import { badInput, errorCatalogue, type ServiceError } from '../../errors.js'
import { extensionsOf } from '../../graphql/error-extensions.js'
import { limits } from '../../graphql/limits.js'
import { createGraphQLServer, GRAPHQL_PATH, type GraphQLServerOptions } from '../../graphql/server.js'
import { createStreamPosition } from '../../graphql/stream-position.js'
import { authenticate } from '../auth.js'
import { createGraphiQLPage } from '../graphiql-page.js'
import { isLocalHost, originRefusal } from '../origins.js'
import { toHttpError } from '../problem.js'
import { acceptUpgrades } from '../upgrades.js'

export interface GraphQLRouteOptions extends GraphQLServerOptions {
  /** If set, a browser gets GraphiQL at the path. GraphiQL starts with `apiKey`. */
  graphiql: { apiKey: string | undefined } | undefined
  /** Whether the service's own pages work only under an address or a loopback name. */
  requireLocalHost: boolean
  maxBodyBytes: number
  /** Receives a function that ends the WebSockets, so that a stop need not wait for subscribers. */
  onEndLive(endSockets: () => Promise<void>): void
}

export const graphqlRoutes = (options: GraphQLRouteOptions): FastifyPluginAsync => {
  const { graphiql, requireLocalHost, corsOrigins, authentication, maxBodyBytes, onEndLive } = options
  const { logger } = options.context
  const { yoga, webSocket, answers } = createGraphQLServer(options)
  const origins = { corsOrigins, requireLocalHost }
  const page = createGraphiQLPage(graphiql?.apiKey)
  const isVisit = ({ method, headers }: FastifyRequest) =>
    graphiql !== undefined &&
    method === 'GET' &&
    (headers.accept ?? '').includes('text/html') &&
    (!requireLocalHost || isLocalHost(headers.host ?? ''))
  const positionOf = ({ headers }: FastifyRequest) =>
    createStreamPosition([headers['last-event-id']].flat()[0], () => options.context.clock.now())
  const isPreflight = ({ method }: FastifyRequest) => method === 'OPTIONS'

  return async (app) => {
    app.setErrorHandler((error, _request, reply) => {
      const serviceError = toHttpError(error)
      if (serviceError.cause !== undefined)
        logger.error({ err: serviceError.cause, route: GRAPHQL_PATH }, 'request failed')
      return sendError(reply, serviceError)
    })
    app.route({
      url: GRAPHQL_PATH,
      method: corsOrigins.length > 0 ? ['GET', 'POST', 'OPTIONS'] : ['GET', 'POST'],
      bodyLimit: maxBodyBytes,
      schema: { hide: true },
      onRequest: async (request, reply) => {
        if (!isVisit(request) && !isPreflight(request))
          endWithKey(authentication, authenticate(authentication, request), reply)
      },
      handler: async (request, reply) => {
        if (isVisit(request)) return page.send(request, reply)
        checkQueryString(request.query as Record<string, unknown>)
        checkBody(request.body)
        const apiKey = request.apiKey as ApiKey
        const answer = answers.open(apiKey)
        reply.raw.once('close', answer.close)
        const response = await yoga.handleNodeRequestAndResponse(asGet(request), reply, {
          apiKey,
          reader: { canStream: canStream(request), position: positionOf(request) },
          answer,
        })
        if (!isStream(response.headers.get('content-type'))) endUnread(reply)
        for (const [name, value] of response.headers) reply.header(name, value)
        return reply.code(response.status).send(response.body)
      },
    })
    serveWebSockets()

    function serveWebSockets(): void {
      const sockets = new WebSocketServer({ noServer: true, maxPayload: maxBodyBytes })
      const server = useServer(webSocket, sockets)
      // A malformed or too large message closes its socket. graphql-ws would print it as an error of this service.
      sockets.on('connection', (client) => client.removeAllListeners('error').on('error', () => {}))
      acceptUpgrades(app.server, {
        path: GRAPHQL_PATH,
        refusal: (request) => originRefusal(request, origins),
        open: (request, socket, head) =>
          sockets.handleUpgrade(request, socket, head, (client) =>
            sockets.emit('connection', client, request),
          ),
      })
      // Closes with 1001, going away (RFC 6455 §7.4.1). The client connects again, and reaches another process.
      onEndLive(async () => server.dispose())
    }
  }
}

/** Yoga takes HEAD for no method of GraphQL. Fastify leaves out the body. */
const asGet = (request: FastifyRequest): FastifyRequest =>
  request.method === 'HEAD' ? Object.create(request, { method: { value: 'GET' } }) : request

/** Ends an SSE stream when its key is removed. The client then connects again, and the refusal gives the reason. */
function endWithKey(authentication: Authentication, key: ApiKey, reply: FastifyReply): void {
  const forget = authentication.onRemoved(key, () => reply.raw.destroy())
  reply.raw.once('close', forget)
}

const isStream = (type: string | null): boolean => type?.startsWith('text/event-stream') === true

/**
 * From now on only sent bytes reset the idle timeout. Node.js sets its own timeout again for the next request.
 */
function endUnread({ raw }: FastifyReply): void {
  raw.setTimeout(limits.unreadSeconds * 1000, () => raw.destroy())
}

/** Whether an answer may be an event stream: a batch has one answer, and HEAD has none. */
function canStream({ method, headers, body }: FastifyRequest): boolean {
  if (method === 'HEAD' || Array.isArray(body)) return false
  // For Yoga, a request without the header accepts anything. Yoga ignores weights.
  const accepted = (headers.accept || '*/*').toLowerCase().split(',')
  return accepted.some((type) =>
    ['text/event-stream', 'text/*', '*/*'].includes(type.split(';')[0]?.trim() ?? ''),
  )
}

/** With GET, variables are JSON text. For invalid JSON, Yoga would report an internal failure. */
function checkQueryString(query: Record<string, unknown>): void {
  for (const path of ['variables', 'extensions']) {
    if (query[path] === undefined || isJsonObject(query[path])) continue
    throw badInput([{ path, message: 'must be a JSON object' }])
  }
}

/** Yoga treats an object with a member `then` as a promise. It refuses other unknown fields itself. */
function checkBody(body: unknown): void {
  for (const operation of [body].flat()) {
    if (typeof operation === 'object' && operation !== null && 'then' in operation)
      throw badInput([{ path: 'then', message: 'is not a known field' }])
  }
}

function isJsonObject(text: unknown): boolean {
  try {
    const value: unknown = JSON.parse(String(text))
    return typeof value === 'object' && !Array.isArray(value)
  } catch {
    return false
  }
}

/** Sends an error from before the operation ran, in the form GraphQL clients read. */
function sendError(reply: FastifyReply, error: ServiceError): FastifyReply {
  const { status } = errorCatalogue[error.code]
  const { errors: _, ...extensions } = extensionsOf(error)
  if (error.retryAfterSeconds !== undefined) reply.header('retry-after', String(error.retryAfterSeconds))
  return reply
    .code(status)
    .type('application/json; charset=utf-8')
    .send({
      errors: [{ message: error.message, extensions }],
    })
}
