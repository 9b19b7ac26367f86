/** The GraphQL server: Yoga over HTTP and SSE, graphql-ws over WebSocket, both with the same plugins. */
import { NoSchemaIntrospectionCustomRule } from 'graphql'
import type { ServerOptions as WebSocketOptions } from 'graphql-ws'
import { createYoga, type Plugin } from 'graphql-yoga'
import type { GraphQLContext } from './context.js'
import { createRelatedDeliveries } from './delivery-pages.js'
import { createMaskError, useErrorCodes } from './errors.js'
import { limits, useLimits } from './limits.js'
import { schema } from './schema.js'

export const GRAPHQL_PATH = '/graphql'

export interface GraphQLServerOptions {
  context: Omit<GraphQLContext, 'related'>
  allowIntrospection: boolean
  /** Origins of pages that may use this service from a browser. */
  corsOrigins: string[]
  isKey(key: string | undefined): boolean
}

export function createGraphQLServer(options: GraphQLServerOptions) {
  const { context, allowIntrospection, corsOrigins, isKey } = options
  const yoga = createYoga({
    schema,
    context: (): GraphQLContext => ({ ...context, related: createRelatedDeliveries(context.database) }),
    graphqlEndpoint: GRAPHQL_PATH,
    plugins: [useLimits(), useErrorCodes(), ...(allowIntrospection ? [] : [withoutIntrospection])],
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
  const webSocket: WebSocketOptions = {
    onConnect: ({ connectionParams }) => {
      const key = connectionParams?.apiKey
      return isKey(typeof key === 'string' ? key : undefined)
    },
    async onSubscribe(_context, _id, { query, operationName, variables }) {
      const enveloped = yoga.getEnveloped({ params: { query, operationName, variables } } as never)
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

const withoutIntrospection: Plugin = {
  onValidate: ({ addValidationRule }) => addValidationRule(NoSchemaIntrospectionCustomRule),
}
