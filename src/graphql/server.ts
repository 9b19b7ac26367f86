/** The GraphQL server: Yoga over HTTP and SSE, graphql-ws over WebSocket, both with the same plugins. */
import { GraphQLError, NoSchemaIntrospectionCustomRule } from 'graphql'
import type { ServerOptions as WebSocketOptions } from 'graphql-ws'
import { createYoga, type Plugin } from 'graphql-yoga'
import type { ApiKey } from '../api-keys/api-key.js'
import type { Authentication } from '../api-keys/authentication.js'
import { errorCatalogue } from '../errors.js'
import { type Answer, createAnswers } from './answers.js'
import type { GraphQLContext, Reader } from './context.js'
import { createMaskError, extensionsOf, useErrorCodes } from './error-extensions.js'
import { limits } from './limits.js'
import { createPayloads } from './payloads.js'
import { createRelatedDeliveries } from './related-deliveries.js'
import { schema } from './schema.js'
import { useScopes } from './scopes.js'
import { admitSocket, type SocketExtra } from './socket.js'
import { refusal, useLimits } from './use-limits.js'

export const GRAPHQL_PATH = '/graphql'

export interface GraphQLServerOptions {
  context: Omit<GraphQLContext, 'related' | 'payloads' | 'answer' | 'apiKey' | 'reader' | 'eventMaxBytes'>
  allowIntrospection: boolean
  /** Origins of pages that may use this service from a browser. */
  corsOrigins: string[]
  authentication: Authentication
  /** The largest event. */
  eventMaxBytes: number
}

/** What comes with each operation. */
interface ServerContext {
  apiKey: ApiKey
  reader: Reader
  answer: Answer
}

export function createGraphQLServer(options: GraphQLServerOptions) {
  const { context, allowIntrospection, corsOrigins, authentication, eventMaxBytes } = options
  const telling = { suggestsNames: allowIntrospection }
  const answerBytes = Math.max(limits.answerMegabytes * 1_000_000, eventMaxBytes)
  const answers = createAnswers({ answerBytes, processBytes: limits.fullAnswers * answerBytes })
  const yoga = createYoga<ServerContext>({
    schema,
    context: ({ apiKey, reader, answer }): GraphQLContext => ({
      ...context,
      ...{ apiKey, reader, answer, eventMaxBytes },
      related: createRelatedDeliveries(context.database),
      payloads: createPayloads(context.database, answer),
    }),
    graphqlEndpoint: GRAPHQL_PATH,
    plugins: [
      forReadersOnly,
      useLimits(telling),
      useScopes(),
      useErrorCodes(telling),
      refusedWhole,
      ...(allowIntrospection ? [] : [withoutIntrospection]),
    ],
    maskedErrors: { maskError: createMaskError(context.logger, telling) },
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
    onClose({ extra }) {
      extra.forget?.()
      for (const answer of extra.answers?.values() ?? []) answer.close()
    },
    onComplete({ extra }, id) {
      extra.answers?.get(id)?.close()
      extra.answers?.delete(id)
    },
    async onSubscribe({ extra, subscriptions }, id, { query, operationName, variables }) {
      if (Object.keys(subscriptions).length > limits.operationsPerSocket) return [tooManyOperations()]
      const params = { query, operationName, variables }
      const reader: Reader = { canFollow: true, socket: extra.socket }
      const answer = answers.open()
      const enveloped = yoga.getEnveloped({ apiKey: extra.apiKey, reader, answer, params } as never)
      try {
        const document = enveloped.parse(query)
        const errors = enveloped.validate(enveloped.schema, document)
        if (errors.length > 0) return errors
        extra.answers ??= new Map()
        extra.answers.set(id, answer)
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
  return { yoga, webSocket, answers }
}

interface Enveloped {
  execute(args: unknown): unknown
  subscribe(args: unknown): unknown
}

const contextOf = ({ contextValue }: { contextValue?: unknown }) => contextValue as GraphQLContext

/** An answer that would be too large is refused once, and not at each of its fields. */
const refusedWhole: Plugin = {
  onExecute: ({ args }) => ({
    onExecuteDone({ setResult }) {
      const refusal = contextOf(args).answer.refusal()
      if (refusal === undefined) return
      const extensions = { ...extensionsOf(refusal), http: { status: errorCatalogue[refusal.code].status } }
      setResult({ errors: [new GraphQLError(refusal.message, { extensions })] })
    },
  }),
}

/** A subscription whose answers nobody can read is refused before anything is followed. */
const forReadersOnly: Plugin = {
  onSubscribe({ args, setResultAndStopExecution }) {
    const { reader } = contextOf(args)
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
