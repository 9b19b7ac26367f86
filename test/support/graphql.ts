/** Users of GraphQL: operations over HTTP, live ones over SSE and over WebSocket. */
import { once } from 'node:events'
import { createClient as createSseClient } from 'graphql-sse'
import { createClient as createWebSocketClient } from 'graphql-ws'
import { expect } from 'vitest'
import { WebSocket } from 'ws'
import { type Answered, createClient, TEST_KEY } from './client.js'

export interface Result {
  // biome-ignore lint/suspicious/noExplicitAny: a test knows what it asked for
  data?: any
  errors?: { message: string; path?: (string | number)[]; extensions: { code: string } }[]
}

interface Target {
  url: string
}

/** One operation by POST, with what HTTP has to say about it. */
export const post = (
  { url }: Target,
  query: string,
  variables: object = {},
  apiKey = TEST_KEY,
): Promise<Answered<Result>> => createClient(url, apiKey).post('/graphql', { query, variables })

/** What an operation answers with. @throws Error when there are errors */
export async function ask(target: Target, query: string, variables: object = {}) {
  const { body } = await post(target, query, variables)
  if (body.errors) throw new Error(JSON.stringify(body.errors))
  return body.data
}

export interface Watcher extends AsyncDisposable {
  /** What has come so far. */
  results: Result[]
  /** How the stream ended, once it has. */
  end: { error?: unknown } | undefined
}

/** Called with each result as it comes, if a test wants to do something at that moment. */
type OnResult = (result: Result) => void

export type Watch = (target: Target, query: string, variables?: object, onResult?: OnResult) => Watcher

interface Sink {
  next(result: unknown): void
  error(error: unknown): void
  complete(): void
}

function watcher(start: (sink: Sink) => () => void, dispose: () => unknown, onResult?: OnResult): Watcher {
  const results: Result[] = []
  const watching: Watcher = {
    results,
    end: undefined,
    async [Symbol.asyncDispose]() {
      stop()
      await dispose()
    },
  }
  const stop = start({
    next(result) {
      results.push(result as Result)
      onResult?.(result as Result)
    },
    error: (error) => {
      watching.end = { error }
    },
    complete: () => {
      watching.end ??= {}
    },
  })
  return watching
}

export const watchOverSse: Watch = ({ url }, query, variables = {}, onResult) => {
  const client = createSseClient({
    url: `${url}/graphql`,
    headers: { 'x-api-key': TEST_KEY },
    retryAttempts: 0,
  })
  return watcher(
    (sink) => client.subscribe({ query, variables: { ...variables } }, sink),
    client.dispose,
    onResult,
  )
}

export const webSocketUrl = ({ url }: Target): string => `${url.replace('http', 'ws')}/graphql`

export const watchOverWebSocket: Watch = (target, query, variables = {}, onResult) => {
  const client = createWebSocketClient({
    url: webSocketUrl(target),
    webSocketImpl: WebSocket,
    connectionParams: { apiKey: TEST_KEY },
    retryAttempts: 0,
  })
  return watcher(
    (sink) => client.subscribe({ query, variables: { ...variables } }, sink),
    client.dispose,
    onResult,
  )
}

export const watches: [string, Watch][] = [
  ['SSE', watchOverSse],
  ['WebSocket', watchOverWebSocket],
]

/** In time for a slow machine. */
const LIVE_WITHIN_MS = 20_000

/**
 * Publishes events until each watcher has seen an update. The service does not say when a subscription has begun, and
 * an update before that moment is missed.
 */
export async function untilLive(watchers: Watcher[], publish: () => Promise<unknown>): Promise<void> {
  await expect
    .poll(
      async () => {
        await publish()
        return watchers.filter(({ results }) => results.length === 0).length
      },
      { timeout: LIVE_WITHIN_MS, interval: 300 },
    )
    .toBe(0)
}

export interface Socket {
  /** What has come over it. */
  messages: { type: string; id?: string; payload?: unknown }[]
  send(message: unknown): void
  close(): void
  /** Resolves with the code that it was closed with. */
  closed: Promise<number>
  /** Resolves with the reason that it was closed for. */
  closeReason: Promise<string>
}

/**
 * A bare WebSocket of the protocol `graphql-transport-ws`; with a key, one that is let in already.
 *
 * @param headers of the handshake
 */
export async function openSocket(
  target: Target,
  apiKey?: string,
  headers: Record<string, string> = {},
): Promise<Socket> {
  const webSocket = new WebSocket(webSocketUrl(target), 'graphql-transport-ws', { headers })
  const closed = once(webSocket, 'close')
  const messages: Socket['messages'] = []
  const socket: Socket = {
    messages,
    send: (message) => webSocket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    close: () => webSocket.close(),
    closed: closed.then(([code]) => code as number),
    closeReason: closed.then(([, reason]) => String(reason)),
  }
  webSocket.on('message', (data) => messages.push(JSON.parse(String(data))))
  await once(webSocket, 'open')
  if (apiKey !== undefined) {
    socket.send({ type: 'connection_init', payload: { apiKey } })
    await once(webSocket, 'message')
  }
  return socket
}
