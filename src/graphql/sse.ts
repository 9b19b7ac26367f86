/**
 * Writes a subscription as server-sent events, in the form of the GraphQL over SSE protocol, distinct connections mode
 * (https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md). Yoga does the same without ids, and breaks the
 * connection for an error where this writes the error.
 */
import type { ExecutionResult } from 'graphql'
import { isAsyncIterable, type Plugin } from 'graphql-yoga'
import type { ServerContext } from './context.js'
import { withoutHttp } from './error-extensions.js'
import type { StreamPosition } from './stream-position.js'

/** Between two pings of a stream. Proxies close a connection that is silent for longer, most often after 60 s. */
const PING_MS = 12_000

const HEADERS = {
  'content-type': 'text/event-stream',
  connection: 'keep-alive',
  'cache-control': 'no-cache',
  'content-encoding': 'none',
}

export interface EventStreamOptions {
  position: StreamPosition | undefined
  /** @returns what the client gets of an error that ended the subscription */
  toResult(error: unknown): ExecutionResult
  pingMs?: number
}

export function createEventStream(
  results: AsyncIterable<ExecutionResult>,
  { position, toResult, pingMs = PING_MS }: EventStreamOptions,
): ReadableStream<Uint8Array> {
  const iterator = results[Symbol.asyncIterator]()
  const encoder = new TextEncoder()
  let pings: NodeJS.Timeout | undefined
  const idLine = (id: string | undefined) => (id === undefined ? '' : `id: ${id}\n`)

  return new ReadableStream({
    start(controller) {
      const ping = (id: string | undefined) => controller.enqueue(encoder.encode(`${idLine(id)}:\n\n`))
      // Some browsers hold the answer back until its first bytes have come.
      ping(position?.id)
      pings = setInterval(() => {
        // A client that doesn't read gets no pings.
        if (controller.desiredSize !== null && controller.desiredSize > 0) ping(position?.idAfterPause())
      }, pingMs)
    },
    async pull(controller) {
      const write = (text: string) => controller.enqueue(encoder.encode(text))
      const next = await iterator.next().catch((error) => ({ done: true, value: toResult(error) }))
      if (next.value != null)
        write(`event: next\n${next.done ? '' : idLine(position?.id)}data: ${print(next.value)}\n\n`)
      if (!next.done) return
      write('event: complete\ndata:\n\n')
      clearInterval(pings)
      controller.close()
    },
    async cancel() {
      clearInterval(pings)
      await iterator.return?.()
    },
  })
}

const print = ({ errors, ...result }: ExecutionResult): string =>
  JSON.stringify({ ...result, ...(errors && { errors: errors.map(withoutHttp) }) })

/** Answers subscriptions by `createEventStream`. An operation with one answer is Yoga's. */
export const useEventStream = (toResult: EventStreamOptions['toResult']): Plugin<object, ServerContext> => ({
  onResultProcess({ result, setResultProcessor, serverContext }) {
    if (!isAsyncIterable(result)) return
    const { position } = serverContext.reader
    setResultProcessor(
      (results, { Response }) =>
        new Response(createEventStream(results as AsyncIterable<ExecutionResult>, { position, toResult }), {
          headers: HEADERS,
        }),
      'text/event-stream',
    )
  },
})
