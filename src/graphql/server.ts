/** The GraphQL server: Yoga over HTTP and SSE; over WebSocket see `web-socket.ts`. */
import { GraphQLError, NoSchemaIntrospectionCustomRule } from 'graphql'
import { createYoga, type Plugin } from 'graphql-yoga'
import type { Authentication } from '../api-keys/authentication.js'
import { countDeliveries } from '../deliveries/count.js'
import { findWaitingFor } from '../deliveries/waiting-for.js'
import { errorCatalogue } from '../errors.js'
import { findHealth } from '../subscriptions/health.js'
import type { VisibleTo } from '../tenants/visible-database.js'
import { createAnswers } from './answers.js'
import { createExchanges, createWebhookBodies } from './attempt-exchanges.js'
import { createBatchedLoader } from './batched-loader.js'
import type { GraphQLContext, ServerContext } from './context.js'
import { createDeliveryLogs } from './delivery-logs.js'
import { createMaskError, extensionsOf, useErrorCodes } from './error-extensions.js'
import { createSubgraphSchema } from './federation.js'
import { limits } from './limits.js'
import { createPayloads } from './payloads.js'
import { createRelatedDeliveries } from './related-deliveries.js'
import { schema as ownSchema } from './schema.js'
import { useScopes } from './scopes.js'
import { useEventStream } from './sse.js'
import {
  createFindDocument,
  hashParameters,
  type TrustedDocumentsOptions,
  usePersistedDocuments,
} from './trusted-documents.js'
import { refusal, useLimits } from './use-limits.js'
import { useSharedUpdates } from './use-shared-updates.js'
import { createWebSocketOptions } from './web-socket.js'

export const GRAPHQL_PATH = '/graphql'

export interface GraphQLServerOptions {
  context: Omit<
    GraphQLContext,
    | 'database'
    | 'related'
    | 'payloads'
    | 'logs'
    | 'waitingFor'
    | 'health'
    | 'deliveryCounts'
    | 'exchanges'
    | 'webhookBodies'
    | 'answer'
    | 'apiKey'
    | 'reader'
    | 'eventMaxBytes'
  >
  visibleTo: VisibleTo
  allowIntrospection: boolean
  /** Whether the schema is a subgraph of Apollo Federation. */
  isSubgraph: boolean
  /** Without it, every operation is taken, and only as text. */
  trustedDocuments?: TrustedDocumentsOptions | undefined
  /** Pages from these origins may use this service from a browser. */
  corsOrigins: string[]
  authentication: Authentication
  /** The size of the largest event. */
  eventMaxBytes: number
}

export function createGraphQLServer(options: GraphQLServerOptions) {
  const { context, allowIntrospection, corsOrigins, authentication, eventMaxBytes, trustedDocuments } =
    options
  const disclosure = { suggestsNames: allowIntrospection }
  const answerBytes = Math.max(limits.answerMegabytes * 1_000_000, eventMaxBytes)
  const answers = createAnswers({
    answerBytes,
    keyBytes: limits.fullAnswersPerKey * answerBytes,
    processBytes: limits.fullAnswers * answerBytes,
  })
  const schema = options.isSubgraph ? createSubgraphSchema(ownSchema) : ownSchema
  const findDocument = createFindDocument(schema, trustedDocuments)
  const maskError = createMaskError(context.logger, disclosure)
  const createContext = ({ apiKey, reader, answer }: ServerContext): GraphQLContext => {
    const database = options.visibleTo(apiKey)
    return {
      ...context,
      ...{ database, apiKey, reader, answer, eventMaxBytes },
      related: createRelatedDeliveries(database),
      payloads: createPayloads(database, answer),
      logs: createDeliveryLogs(database, answer),
      waitingFor: createBatchedLoader((deliveries) => findWaitingFor(database, deliveries)),
      health: createBatchedLoader((subscriptions) => findHealth(database, idsOf(subscriptions))),
      deliveryCounts: createBatchedLoader((events) => countDeliveries(database, idsOf(events))),
      exchanges: createExchanges(database, context.bodyCipher, answer),
      webhookBodies: createWebhookBodies(database, answer),
    }
  }
  const yoga = createYoga<ServerContext>({
    schema,
    context: createContext,
    graphqlEndpoint: GRAPHQL_PATH,
    plugins: [
      usePersistedDocuments(findDocument),
      refuseUnreadableSubscriptions,
      useLimits(disclosure),
      useScopes(),
      useErrorCodes(disclosure),
      refuseOversizedAnswers,
      useSharedUpdates({ answers, createContext, maskError }),
      useEventStream((error) => ({ errors: [maskError(error) as GraphQLError] })),
      ...(allowIntrospection ? [] : [withoutIntrospection]),
    ],
    maskedErrors: { maskError },
    extraParamNames: hashParameters,
    batching: { limit: limits.batchedOperations },
    // Every request needs a key in a header, and a foreign page can't send one unless its origin is allowed. This, and
    // the refusal of multipart, guards against forged requests (CSRF).
    cors:
      corsOrigins.length > 0
        ? { origin: corsOrigins, allowedHeaders: ['content-type', 'x-api-key', 'last-event-id'] }
        : false,
    multipart: false,
    graphiql: false,
    landingPage: false,
    logging: false,
  })

  const webSocket = createWebSocketOptions(yoga, { answers, authentication, findDocument, maskError })
  return { yoga, webSocket, answers }
}

const idsOf = (rows: { id: string }[]): string[] => rows.map(({ id }) => id)

const contextOf = ({ contextValue }: { contextValue?: unknown }) => contextValue as GraphQLContext

/** Refuses an oversized answer once, and not at each of its fields. */
const refuseOversizedAnswers: Plugin = {
  onExecute: ({ args }) => ({
    onExecuteDone({ setResult }) {
      const refusal = contextOf(args).answer.refusal()
      if (refusal === undefined) return
      const extensions = { ...extensionsOf(refusal), http: { status: errorCatalogue[refusal.code].status } }
      setResult({ errors: [new GraphQLError(refusal.message, { extensions })] })
    },
  }),
}

/** Refuses a subscription before it follows anything when the client can't read its answers. */
const refuseUnreadableSubscriptions: Plugin = {
  onSubscribe({ args, setResultAndStopExecution }) {
    const { reader } = contextOf(args)
    if (!reader.canStream) setResultAndStopExecution({ errors: [unreadable()] })
  },
}

const unreadable = () =>
  refusal(
    'A subscription has many answers: send it as the only operation of a POST or GET with `accept: text/event-stream`, or over WebSocket.',
  )

const withoutIntrospection: Plugin = {
  onValidate: ({ addValidationRule }) => addValidationRule(NoSchemaIntrospectionCustomRule),
}
