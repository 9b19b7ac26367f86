/**
 * The sender: one HTTP exchange with an endpoint that may be slow, broken or hostile. One deadline covers it
 * all, from the look-up of the name to the last byte of the answer; redirects are never followed; of an answer
 * no more is read than tells that it came.
 */
import { Agent, type Dispatcher } from 'undici'
import { version } from '../platform/version.js'
import { createGuardedConnector, type EgressGuard } from './egress-guard.js'
import { sign } from './signature.js'

/** What is to be sent, and where. */
export interface Webhook {
  endpointUrl: string
  /** The event's id: the same on every attempt. */
  id: string
  /** The very text that is signed and sent. */
  body: string
  /** The keys of the secrets that are valid now, the newest first. */
  keys: readonly Uint8Array[]
}

/** How an exchange ended: with an answer, or with an error that kept it from coming. */
export interface Exchange {
  statusCode: number | null
  /** Why there was no whole answer; null when there was one. */
  error: string | null
  /** As the answer said it. */
  retryAfter: string | string[] | undefined
  /** Milliseconds from the start of the exchange to its end. */
  responseTimeMs: number
}

export interface Sender extends AsyncDisposable {
  /** Never rejects. */
  send(webhook: Webhook): Promise<Exchange>
}

export interface SenderOptions {
  guard: EgressGuard
  timeoutMs: number
}

/** Enough to keep a connection in use after an ordinary answer; a longer one costs it its connection. */
const MAX_ANSWER_BYTES = 16 * 1024
const KEEP_ALIVE_MS = 10_000
const MAX_KNOWN_TARGETS = 10_000

export function createSender({ guard, timeoutMs }: SenderOptions): Sender {
  const agent = new Agent({
    connect: createGuardedConnector({ guard, connectTimeoutMs: timeoutMs }),
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    // The deadline of the exchange is the only one.
    headersTimeout: 0,
    bodyTimeout: 0,
  })

  /** Where to, from a URL, which is the same for thousands of requests. */
  const targets = new Map<string, { origin: string; path: string }>()
  function targetOf(endpointUrl: string) {
    const known = targets.get(endpointUrl)
    if (known) return known
    const { origin, pathname, search } = new URL(endpointUrl)
    const target = { origin, path: pathname + search }
    if (targets.size >= MAX_KNOWN_TARGETS) targets.clear()
    targets.set(endpointUrl, target)
    return target
  }

  return {
    send(webhook) {
      return new Promise((resolve) => {
        const startedAt = performance.now()
        const end = (outcome: Pick<Exchange, 'statusCode' | 'error' | 'retryAfter'>) => {
          clearTimeout(deadline)
          resolve({ ...outcome, responseTimeMs: Math.round(performance.now() - startedAt) })
        }
        const fail = (error: string) => end({ statusCode: null, error, retryAfter: undefined })
        const reader = createReader(end, (error) => fail(describe(error)))
        const deadline = setTimeout(() => {
          fail(`no whole answer within ${timeoutMs} ms`)
          reader.abort()
        }, timeoutMs)
        try {
          const request = { method: 'POST', headers: headersOf(webhook), body: webhook.body } as const
          agent.dispatch({ ...targetOf(webhook.endpointUrl), ...request }, reader)
        } catch (error) {
          fail(describe(error))
        }
      })
    },
    async [Symbol.asyncDispose]() {
      await agent.destroy()
    },
  }
}

/** Reads an answer up to its end, or as far as is read of any. */
function createReader(
  onAnswer: (answer: Pick<Exchange, 'statusCode' | 'error' | 'retryAfter'>) => void,
  onError: (error: unknown) => void,
): Dispatcher.DispatchHandler & { abort(): void } {
  let controller: Dispatcher.DispatchController | undefined
  let isAborted = false
  let bytes = 0
  const answer: Pick<Exchange, 'statusCode' | 'error' | 'retryAfter'> = {
    ...{ statusCode: null, error: null, retryAfter: undefined },
  }
  return {
    onRequestStart(started) {
      controller = started
      if (isAborted) started.abort(new Error('aborted'))
    },
    onResponseStart(_, statusCode, headers) {
      answer.statusCode = statusCode
      answer.retryAfter = headers['retry-after']
    },
    onResponseData(reading, chunk) {
      bytes += chunk.length
      if (bytes <= MAX_ANSWER_BYTES) return
      onAnswer(answer)
      // Ends the connection, too: what else comes on it is of no use.
      reading.abort(new Error('enough was read'))
    },
    onResponseEnd: () => onAnswer(answer),
    onResponseError: (_, error) => onError(error),
    abort() {
      isAborted = true
      controller?.abort(new Error('aborted'))
    },
  }
}

function headersOf({ id, body, keys }: Webhook): Record<string, string> {
  const timestampSeconds = Math.floor(Date.now() / 1000)
  return {
    'content-type': 'application/json',
    'user-agent': `node-event-service/${version}`,
    'webhook-id': id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': sign({ id, timestampSeconds, body, keys }),
  }
}

const MAX_ERROR_LENGTH = 500

/** One line for the log of the attempt: the system's or the library's code, and what it says of it. */
function describe(error: unknown): string {
  const { code, message } = (error ?? {}) as { code?: string; message?: string }
  // Every address of a name failed: the errors are inside, and the outer one has no text.
  const inner = error instanceof AggregateError ? error.errors.map((e: Error) => e.message).join('; ') : ''
  const text = message || inner || String(error)
  const line = code === undefined || text.includes(code) ? text : `${code}: ${text}`
  return line.replaceAll('\0', '').slice(0, MAX_ERROR_LENGTH)
}
