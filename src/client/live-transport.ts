/**
 * Live operations: one connection after the other, for as long as somebody iterates.
 *
 * A live operation of this service has no end of its own. Whatever ends it, a restart of the service included,
 * is a break, and the next connection is tried after waits that double.
 */
import { ClientError, isPassing } from './client-errors.js'
import { readResults } from './event-stream.js'
import { type Document, dataOf, type Transport, unreachable } from './transport.js'

export interface LiveOptions {
  /** Ends the iteration, quietly. */
  signal?: AbortSignal | undefined
  /** The first connection stands: what happens from now on is heard. */
  onConnect?: (() => void) | undefined
  /** The connection is lost; it is tried again after this wait. */
  onDisconnect?: ((error: ClientError, retryInMs: number) => void) | undefined
  /** The connection is there again. What happened in between was missed: query for it now. */
  onReconnect?: (() => void) | undefined
}

export interface LiveOperation<Data, Variables extends object> extends LiveOptions {
  transport: Transport
  document: Document<Data, Variables>
  variables: Variables | undefined
  /** What comes before anything live on each connection; the time is the service's own, in whole seconds. */
  catchUp?: (connectedAt: Date) => AsyncIterable<Data>
}

const FIRST_WAIT_MS = 100
const LONGEST_WAIT_MS = 5_000

/** @throws ClientError when the first connection can't be made, or the service refuses the operation */
export async function* followLive<Data, Variables extends object>(
  operation: LiveOperation<Data, Variables>,
): AsyncGenerator<Data, void, undefined> {
  const { signal, onConnect, onDisconnect, onReconnect, catchUp } = operation
  let failures = 0
  let wasConnected = false
  while (!signal?.aborted) {
    try {
      const { connectedAt, items } = await connect(operation)
      const tellConnected = wasConnected ? onReconnect : onConnect
      tellConnected?.()
      if (catchUp !== undefined) yield* catchUp(connectedAt)
      wasConnected = true
      failures = 0
      yield* items
    } catch (error) {
      if (signal?.aborted) return
      if (!wasConnected || !isBreak(error)) throw error
      const retryInMs = Math.min(FIRST_WAIT_MS * 2 ** failures, LONGEST_WAIT_MS) * (0.5 + Math.random() / 2)
      failures += 1
      onDisconnect?.(error, retryInMs)
      await wait(retryInMs, signal)
    }
  }
}

/** Resolves once the service listens on this operation's behalf. The items end by an error only. */
async function connect<Data, Variables extends object>(operation: LiveOperation<Data, Variables>) {
  const { transport, document, variables, signal } = operation
  const response = await transport.post({ document, variables, accept: 'text/event-stream', signal })
  const { body, headers, url } = response
  if (body === null) throw unreachable(url, new Error('the answer has no body'))

  async function* items(): AsyncGenerator<Data, void, undefined> {
    try {
      for await (const result of readResults<Data>(body as ReadableStream<Uint8Array>)) yield dataOf(result)
    } catch (error) {
      throw error instanceof ClientError ? error : unreachable(url, error)
    }
    throw unreachable(url, new Error('the service has ended the stream'))
  }
  return { connectedAt: new Date(headers.get('date') ?? Date.now()), items: items() }
}

/** What a new connection mends: a service that is away, or that gave up on a consumer that was too slow. */
const isBreak = (error: unknown): error is ClientError =>
  isPassing(error) || (error instanceof ClientError && error.code === 'CONFLICT')

/** Resolves early when the signal is aborted. */
const wait = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(finish, ms)
    signal?.addEventListener('abort', finish)
    function finish() {
      clearTimeout(timer)
      signal?.removeEventListener('abort', finish)
      resolve()
    }
  })
