/**
 * Writes a subscription as server-sent events, in the form of the GraphQL over SSE protocol, distinct connections mode
 * (https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md). Yoga does the same without ids, without sharing,
 * and breaks the connection for an error where this writes the error.
 */
import { Readable } from 'node:stream'
import type { ExecutionResult } from 'graphql'
import { isAsyncIterable, type Plugin } from 'graphql-yoga'
import type { ServerContext } from './context.js'
import { createFrame, createJoin } from './frames.js'
import type { StreamPosition } from './stream-position.js'
import type { Watch } from './watch.js'

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
  /** Shared by the streams of a process. */
  join?: ReturnType<typeof createJoin>
  pingMs?: number
}

const COMPLETE = 'event: complete\ndata:\n\n'
const pingWith = (id: string | undefined): string => `${id === undefined ? '' : `id: ${id}\n`}:\n\n`

/** Each read takes the frames that wait by then, and writes them at once. */
export function createEventStream(
  watch: Watch,
  { position, toResult, join = createJoin(), pingMs = PING_MS }: EventStreamOptions,
): Readable {
  let isReading = false

  async function read(): Promise<void> {
    isReading = true
    try {
      const frames = await watch.next()
      isReading = false
      if (frames !== undefined) return void stream.push(join(frames))
      stream.push(COMPLETE)
    } catch (error) {
      stream.push(createFrame(toResult(error)).event + COMPLETE)
    }
    clearInterval(pings)
    stream.push(null)
  }

  const stream = new Readable({
    read() {
      // A ping asks for the next read too, though one is under way.
      if (!isReading) void read()
    },
    destroy(error, done) {
      clearInterval(pings)
      watch.return()
      done(error)
    },
  })
  // Some browsers hold the answer back until its first bytes have come.
  stream.push(pingWith(position?.id))
  const pings = setInterval(() => {
    // A client that doesn't read gets no pings.
    if (stream.readableLength === 0) stream.push(pingWith(position?.idAfterPause()))
  }, pingMs)
  return stream
}

/** Answers subscriptions by `createEventStream`. An operation with one answer is Yoga's. */
export function useEventStream(toResult: EventStreamOptions['toResult']): Plugin<object, ServerContext> {
  const join = createJoin()
  return {
    onResultProcess({ result, setResultProcessor, serverContext }) {
      const { position, watch } = serverContext.reader
      if (!isAsyncIterable(result) || watch === undefined) return
      setResultProcessor((_results, { Response }) => {
        const stream = createEventStream(watch, { position, toResult, join })
        // Yoga's Response takes a stream of Node.js as it is.
        return new Response(stream as unknown as ReadableStream, { headers: HEADERS })
      }, 'text/event-stream')
    },
  }
}
