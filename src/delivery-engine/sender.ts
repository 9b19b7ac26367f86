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

export function createSender({ guard, timeoutMs }: SenderOptions): Sender {
  const agent = new Agent({
    connect: createGuardedConnector({ guard, connectTimeoutMs: timeoutMs }),
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MS,
    // The deadline of the exchange is the only one.
    headersTimeout: 0,
    bodyTimeout: 0,
  })

  async function exchange(webhook: Webhook, signal: AbortSignal) {
    const { origin, pathname, search } = new URL(webhook.endpointUrl)
    const answer = await agent.request({
      origin,
      path: pathname + search,
      method: 'POST',
      headers: headersOf(webhook),
      body: webhook.body,
      signal,
    })
    await readSome(answer.body)
    return answer
  }

  return {
    async send(webhook) {
      const startedAt = performance.now()
      const elapsedMs = () => Math.round(performance.now() - startedAt)
      const signal = AbortSignal.timeout(timeoutMs)
      try {
        const { statusCode, headers } = await exchange(webhook, signal)
        return { statusCode, error: null, retryAfter: headers['retry-after'], responseTimeMs: elapsedMs() }
      } catch (error) {
        const reason = signal.aborted ? `no whole answer within ${timeoutMs} ms` : describe(error)
        return { statusCode: null, error: reason, retryAfter: undefined, responseTimeMs: elapsedMs() }
      }
    },
    async [Symbol.asyncDispose]() {
      await agent.destroy()
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

async function readSome(body: Dispatcher.ResponseData['body']): Promise<void> {
  let bytes = 0
  for await (const chunk of body) {
    bytes += (chunk as Buffer).length
    // Leaving the loop destroys the body, and the connection with it.
    if (bytes > MAX_ANSWER_BYTES) break
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
