/**
 * The sender: one HTTP exchange with an endpoint that may be slow, broken or hostile. One deadline covers it
 * all, from the look-up of the name to the last byte of the answer; redirects are never followed; of an answer
 * no more is read than tells that it came.
 */
import type { Clock } from '../../platform/clock.js'
import { version } from '../../platform/version.js'
import { type Carried, createConnections } from '../egress/connections.js'
import { createGuardedConnector } from '../egress/connector.js'
import type { EgressGuard } from '../egress/egress-guard.js'
import type { EgressSettings } from '../egress/egress-settings.js'
import { describeFailure } from './failure.js'
import { sign } from './signature.js'

/** What is to be sent, and where. */
export interface Webhook {
  endpointUrl: string
  /** The event's id: the same on every attempt. */
  id: string
  /** The very bytes that are signed and sent. */
  body: Uint8Array
  /** The keys of the secrets that are valid now, the newest first. @throws Error when they can't be had */
  keys(): readonly Uint8Array[]
}

interface Answer {
  statusCode: number | null
  /** Why there was no whole answer; null when there was one. */
  error: string | null
  /** As the answer said it. */
  retryAfter: string | string[] | undefined
}

/** How an exchange ended: with an answer, or with an error that kept it from coming. */
export interface Exchange extends Answer {
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
  clock: Clock
  /** Directly, with the usual trust, unless given. */
  egress?: EgressSettings
}

/** Enough to keep a connection in use after an ordinary answer; a longer one costs it its connection. */
const MAX_ANSWER_BYTES = 16 * 1024
/** Headers, framing and all: far more than an answer of that size can take, however it is chunked. */
const MAX_EXCHANGE_BYTES = 256 * 1024
const KEEP_ALIVE_MS = 10_000
const MAX_KNOWN_TARGETS = 10_000

export function createSender({ guard, timeoutMs, clock, egress }: SenderOptions): Sender {
  const connections = createConnections({
    connect: createGuardedConnector({ guard, connectTimeoutMs: timeoutMs, ...(egress && { egress }) }),
    keepAliveMs: KEEP_ALIVE_MS,
    maxAnswerBytes: MAX_EXCHANGE_BYTES,
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
        const end = ({ statusCode, error, retryAfter }: Answer) => {
          clearTimeout(deadline)
          resolve({
            statusCode,
            error,
            retryAfter,
            responseTimeMs: Math.round(performance.now() - startedAt),
          })
        }
        const fail = (error: string) => end({ statusCode: null, error, retryAfter: undefined })
        const reader = createReader(end, (error) => fail(describeFailure(error)))
        const deadline = setTimeout(() => {
          fail(`${reader.lacks()} within ${timeoutMs} ms`)
          reader.abort()
        }, timeoutMs)
        try {
          const { origin, path } = targetOf(webhook.endpointUrl)
          const headers = headersOf(webhook, clock.nowMs())
          connections.dispatch({ origin, path, method: 'POST', headers, body: webhook.body }, reader)
        } catch (error) {
          fail(describeFailure(error))
        }
      })
    },
    [Symbol.asyncDispose]: () => connections[Symbol.asyncDispose](),
  }
}

/** Reads an answer up to its end, or as far as is read of any. */
function createReader(
  onAnswer: (answer: Answer) => void,
  onError: (error: unknown) => void,
): Carried & { lacks(): string; abort(): void } {
  let isStarted = false
  let isAborted = false
  let bytes = 0
  const answer: Answer = { statusCode: null, error: null, retryAfter: undefined }
  return {
    carrier: undefined,
    onRequestStart(started) {
      isStarted = true
      if (isAborted) started.abort(new Error('too late'))
    },
    onResponseStart(_, statusCode, headers) {
      if (statusCode < 200) return // An interim answer.
      answer.statusCode = statusCode
      answer.retryAfter = headers['retry-after']
    },
    onResponseData(_, chunk) {
      bytes += chunk.length
      if (bytes <= MAX_ANSWER_BYTES) return
      onAnswer(answer)
      // What else comes on this connection is of no use.
      this.carrier?.cutOff()
    },
    onResponseEnd: () => onAnswer(answer),
    onResponseError: (_, error) => onError(error),
    /** What it is waiting for. */
    lacks() {
      if (!isStarted) return this.carrier?.lacks ?? 'no connection'
      return answer.statusCode === null ? 'no whole answer' : `no end of the ${answer.statusCode} answer`
    },
    abort() {
      isAborted = true
      if (isStarted) this.carrier?.cutOff()
    },
  }
}

function headersOf({ id, body, keys }: Webhook, nowMs: number): Record<string, string> {
  const timestampSeconds = Math.floor(nowMs / 1000)
  return {
    'content-type': 'application/json',
    'user-agent': `node-event-service/${version}`,
    'webhook-id': id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': sign({ id, timestampSeconds, body, keys: keys() }),
  }
}
