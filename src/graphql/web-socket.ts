/**
 * GraphQL over WebSocket: the protocol `graphql-transport-ws`, by graphql-ws, with the same Yoga plugins as over HTTP.
 */
import { getOperationAST } from 'graphql'
import type { ServerOptions } from 'graphql-ws'
import type { YogaServerInstance } from 'graphql-yoga'
import type { ApiKey } from '../api-keys/api-key.js'
import type { Authentication } from '../api-keys/authentication.js'
import type { Answers } from './answers.js'
import type { Reader, ServerContext } from './context.js'
import { withoutHttp } from './error-extensions.js'
import { limits } from './limits.js'
import { authenticateSocket, type SocketExtra } from './socket.js'
import { writeFrames } from './socket-frames.js'
import type { FindDocument } from './trusted-documents.js'
import { refusal } from './use-limits.js'

interface WebSocketParts {
  answers: Answers
  authentication: Authentication
  findDocument: FindDocument
  maskError(error: unknown): Error
}

export function createWebSocketOptions(
  yoga: YogaServerInstance<ServerContext, object>,
  { answers, authentication, findDocument, maskError }: WebSocketParts,
): ServerOptions<Record<string, unknown>, SocketExtra> {
  return {
    onConnect: ({ connectionParams, extra }) => authenticateSocket(authentication, connectionParams, extra),
    onClose({ extra }) {
      extra.forget?.()
      for (const answer of extra.answers?.values() ?? []) answer.close()
    },
    onComplete({ extra }, id) {
      extra.answers?.get(id)?.close()
      extra.answers?.delete(id)
    },
    async onSubscribe({ extra, subscriptions }, id, payload) {
      if (Object.keys(subscriptions).length > limits.operationsPerSocket) return [tooManyOperations()]
      const { operationName, variables } = payload
      const reader: Reader = { canStream: true, socket: extra.socket }
      const answer = answers.open(extra.apiKey as ApiKey)
      try {
        const query = findDocument(payload) ?? ''
        const params = { query, operationName, variables }
        const enveloped = yoga.getEnveloped({ apiKey: extra.apiKey, reader, answer, params } as never)
        const document = enveloped.parse(query)
        const errors = enveloped.validate(enveloped.schema, document)
        if (errors.length > 0) return errors
        if (getOperationAST(document, operationName) == null) return [unknownOperation()]
        extra.answers ??= new Map()
        extra.answers.set(id, answer)
        return {
          schema: enveloped.schema,
          document,
          operationName,
          variableValues: variables,
          contextValue: await enveloped.contextFactory(),
          rootValue: { execute: enveloped.execute, subscribe: subscribeBy(enveloped, reader, id, extra) },
        }
      } catch (error) {
        return [error as never]
      }
    },
    onNext: (_context, _id, _payload, _args, { errors, data = null }) =>
      errors && { data, errors: errors.map(withoutHttp) },
    onError: (_context, _id, _payload, errors) => errors.map(withoutHttp),
    execute: (args) => (args.rootValue as Enveloped).execute(args) as never,
    subscribe: (args) => (args.rootValue as Enveloped).subscribe(args) as never,
  }

  /** Of a live subscription, graphql-ws gets what writes its frames. */
  function subscribeBy(enveloped: Enveloped, reader: Reader, id: string, extra: SocketExtra) {
    return async (args: unknown) => {
      const result = await enveloped.subscribe(args)
      return reader.watch === undefined ? result : writeFrames(reader.watch, { id, extra, maskError })
    }
  }
}

/** The functions from `getEnveloped`, with Yoga's plugins around them. */
interface Enveloped {
  execute(args: unknown): unknown
  subscribe(args: unknown): unknown
}

/** graphql-ws would use other words than Yoga over HTTP. */
const unknownOperation = () => refusal('Could not determine what operation to execute.')

const tooManyOperations = () =>
  refusal(`More than ${limits.operationsPerSocket} operations of this WebSocket are under way.`)
