/** The GraphQL server: Yoga over HTTP and SSE, graphql-ws over WebSocket, both with the same plugins. */
import { NoSchemaIntrospectionCustomRule } from 'graphql'
import type { ServerOptions as WebSocketOptions } from 'graphql-ws'
import { createYoga, type Plugin } from 'graphql-yoga'
import type { ApiKey } from '../api-keys/api-key.js'
import type { Authentication } from '../api-keys/authentication.js'
import type { GraphQLContext, Reader } from './context.js'
import { createMaskError, useErrorCodes } from './error-extensions.js'
import { limits } from './limits.js'
import { createRelatedDeliveries } from './related-deliveries.js'
import { schema } from './schema.js'
import { useScopes } from './scopes.js'
import { admitSocket, type SocketExtra } from './socket.js'
import { refusal, useLimits } from './use-limits.js'

export const GRAPHQL_PATH = '/graphql'

export interface GraphQLServerOptions {
  context: Omit<GraphQLContext, 'related' | 'apiKey' | 'reader'>
  allowIntrospection: boolean
  /** Origins of pages that may use this service from a browser. */
  corsOrigins: string[]
  authentication: Authentication
}

/** What comes with each operation. */
interface ServerContext {
  apiKey: ApiKey
  reader: Reader
}

export function createGraphQLServer(options: GraphQLServerOptions) {
  const { context, allowIntrospection, corsOrigins, authentication } = options
  const yoga = createYoga<ServerContext>({
    schema,
    context: ({ apiKey, reader }): GraphQLContext => ({
      ...context,
      apiKey,
      reader,
      related: createRelatedDeliveries(context.database),
    }),
    graphqlEndpoint: GRAPHQL_PATH,
    plugins: [
      forReadersOnly,
      useLimits(),
      useScopes(),
      useErrorCodes(),
      ...(allowIntrospection ? [] : [withoutIntrospection]),
    ],
    maskedErrors: { maskError: createMaskError(context.logger) },
    batching: { limit: limits.batchedOperations },
    // A key in a header is what every request needs, and no foreign page can send one unless it is let: that,
    // and no multipart, is the guard against forged requests (CSRF).
    cors:
      corsOrigins.length > 0 ? { origin: corsOrigins, allowedHeaders: ['content-type', 'x-api-key'] } : false,
    multipart: false,
    graphiql: false,
    landingPage: false,
    logging: false,
  })

  /** The protocol `graphql-transport-ws`. */
  const webSocket: WebSocketOptions<Record<string, unknown>, SocketExtra> = {
    onConnect: ({ connectionParams, extra }) => admitSocket(authentication, connectionParams?.apiKey, extra),
    onClose: ({ extra }) => extra.forget?.(),
    async onSubscribe({ extra, subscriptions }, _id, { query, operationName, variables }) {
      if (Object.keys(subscriptions).length > limits.operationsPerSocket) return [tooManyOperations()]
      const params = { query, operationName, variables }
      const reader: Reader = { canFollow: true, socket: extra.socket }
      const enveloped = yoga.getEnveloped({ apiKey: extra.apiKey, reader, params } as never)
      try {
        const document = enveloped.parse(query)
        const errors = enveloped.validate(enveloped.schema, document)
        if (errors.length > 0) return errors
        return {
          schema: enveloped.schema,
          document,
          operationName,
          variableValues: variables,
          contextValue: await enveloped.contextFactory(),
          rootValue: { execute: enveloped.execute, subscribe: enveloped.subscribe },
        }
      } catch (error) {
        return [error as never]
      }
    },
    execute: (args) => (args.rootValue as Enveloped).execute(args) as never,
    subscribe: (args) => (args.rootValue as Enveloped).subscribe(args) as never,
  }
  return { yoga, webSocket }
}

interface Enveloped {
  execute(args: unknown): unknown
  subscribe(args: unknown): unknown
}

/** A subscription whose answers nobody can read is refused before anything is followed. */
const forReadersOnly: Plugin = {
  onSubscribe({ args, setResultAndStopExecution }) {
    const { reader } = args.contextValue as GraphQLContext
    if (!reader.canFollow) setResultAndStopExecution({ errors: [unreadable()] })
  },
}

const unreadable = () =>
  refusal(
    'A subscription has many answers: send it as the only operation of a POST or GET with `accept: text/event-stream`, or over WebSocket.',
  )
const tooManyOperations = () =>
  refusal(`More than ${limits.operationsPerSocket} operations of this WebSocket are under way.`)

const withoutIntrospection: Plugin = {
  onValidate: ({ addValidationRule }) => addValidationRule(NoSchemaIntrospectionCustomRule),
}
