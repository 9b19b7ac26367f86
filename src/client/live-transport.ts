/**
 * Live operations: one connection after the other, for as long as the caller iterates.
 *
 * A live operation of this service never ends by itself. Every end, also by a restart of the service, counts as a
 * break. The client then connects again, and doubles the wait after each failure.
 */
import { ClientError, isPassing } from './client-errors.js'
import { readResults } from './event-stream.js'
import { type Document, dataOf, type Transport, unreachable } from './transport.js'

export interface LiveOptions {
  /** Ends the iteration without an error. */
  signal?: AbortSignal | undefined
  /** The first connection is open: the client receives every update from now on. */
  onConnect?: (() => void) | undefined
  /** The connection is lost; the client connects again after this wait. */
  onDisconnect?: ((error: ClientError, retryInMs: number) => void) | undefined
  /** The connection is open again. The client missed the updates in between: query for them now. */
  onReconnect?: (() => void) | undefined
}

export interface LiveOperation<Data, Variables extends object> extends LiveOptions {
  transport: Transport
  document: Document<Data, Variables>
  variables: Variables | undefined
  /** Its items come before the live ones on each connection. The time is by the service's clock, in whole seconds. */
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

/** Resolves once the service has begun the operation. The items end only with an error. */
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

/** Whether a new connection helps: the service was away, or ended the stream of a consumer for its slowness. */
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
