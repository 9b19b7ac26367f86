/**
 * The sender: one HTTP exchange with an endpoint that may be slow, broken or hostile. One deadline covers it all,
 * from the look-up of the name to the last byte of the response. Redirects are never followed, and only the
 * beginning of a body is read.
 */
import { noSecrets, type Secrets, secretsOf } from '../../model/header-redaction.js'
import type { FormedWebhook } from '../../model/webhook-format.js'
import type { Clock } from '../../platform/clock.js'
import { version } from '../../platform/version.js'
import type { SigningKey } from '../../secrets/signing-keys.js'
import { createNameLookup, type NameLookup } from '../dns/name-lookup.js'
import { createConnectionsByCertificate } from '../egress/by-certificate.js'
import type { ExchangeHandler } from '../egress/connections.js'
import type { EgressGuard } from '../egress/egress-guard.js'
import type { EgressSettings } from '../egress/egress-settings.js'
import { createAccessTokens } from './access-tokens.js'
import { type Authorized, exchangeWithToken } from './authorized-exchange.js'
import { type ExchangeTrace, keepBody, newExchangeTrace, usedConnection } from './exchange-trace.js'
import { describeFailure } from './failure.js'
import { sign } from './signature.js'
import { createTokenRequest } from './token-request.js'
import type { WebhookPolicy } from './webhook-policy.js'

/** A webhook to send, and its URL. */
export interface Webhook extends FormedWebhook {
  endpointUrl: string
  /** The event's id: the same on every attempt. */
  id: string
  /** The signing keys that are valid now, the newest first. @throws Error when a stored secret can't be read */
  signingKeys(): readonly SigningKey[]
  /** Null or absent where the settings apply. */
  policy?: WebhookPolicy | null
}

interface Response {
  statusCode: number | null
  /** Why there was no complete response; null when there was one. */
  error: string | null
  /** The header as it came. */
  retryAfter: string | string[] | undefined
}

/** How an exchange ended: with a response or with an error. */
export interface Exchange extends Response {
  /** Milliseconds from the start of the exchange to its end. */
  responseTimeMs: number
  trace: ExchangeTrace
}

export interface Sender extends AsyncDisposable {
  /** Never rejects. */
  send(webhook: Webhook): Promise<Exchange>
}

export interface SenderOptions {
  guard: EgressGuard
  /** For webhooks whose subscription has no timeout of its own. */
  timeoutMs: number
  clock: Clock
  /** The DNS name that each webhook says it comes from (HTTP 1.1 Web Hooks, §4.1.2). */
  requestOrigin?: string | undefined
  /** The system's name servers and /etc/hosts unless given. */
  names?: NameLookup
  /** Without it, connections are made directly and trust Node.js's certificate authorities. */
  egress?: EgressSettings
}

/** A longer body is not read to its end, and its connection is closed. An ordinary one is shorter. */
const MAX_BODY_BYTES = 16 * 1024
/** With headers and framing: far more than a body of that size can take, however it is chunked. */
const MAX_EXCHANGE_BYTES = 256 * 1024
const RESET_CONTENT = 205
/** Their answers end with the headers, whatever these say of a length (RFC 9110, sections 8.6 and 15.3.6). */
const statusesWithoutBody = new Set([204, RESET_CONTENT, 304])
/** What a connection ends with that the endpoint closed. */
const closeCodes = new Set<unknown>(['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE'])
const codeOf = (error: unknown): unknown => (error as { code?: unknown }).code
/** Some servers close the connection without a word when they don't accept a certificate. */
const PERHAPS_THE_CERTIFICATE = ': it may not accept the client certificate'
const KEEP_ALIVE_MS = 10_000
const MAX_KNOWN_TARGETS = 10_000

export function createSender(options: SenderOptions): Sender {
  const { guard, clock, egress, names = createNameLookup() } = options
  const connections = createConnectionsByCertificate({
    ...{ guard, names, connectTimeoutMs: options.timeoutMs },
    ...(egress && { egress }),
    keepAliveMs: KEEP_ALIVE_MS,
    maxResponseBytes: MAX_EXCHANGE_BYTES,
  })

  const originHeaders =
    options.requestOrigin === undefined ? undefined : { 'webhook-request-origin': options.requestOrigin }
  const timeoutOf = ({ policy }: Webhook): number => policy?.timeoutMs ?? options.timeoutMs

  /** Parsed URLs: thousands of requests have the same one. */
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

  const tokens = createAccessTokens(createTokenRequest(connections.showing()))

  function exchange(webhook: Webhook, authorized?: Authorized): Promise<Exchange> {
    return new Promise((resolve) => {
      const startedAt = authorized?.startedAt ?? performance.now()
      const timeoutMs = timeoutOf(webhook)
      const trace = newExchangeTrace()
      const end = ({ statusCode, error, retryAfter }: Response) => {
        clearTimeout(deadline)
        trace.connection = usedConnection(reader.connection)
        resolve({
          trace,
          statusCode,
          error,
          retryAfter,
          responseTimeMs: Math.round(performance.now() - startedAt),
        })
      }
      const fail = (error: string) => {
        trace.isTruncated = trace.responseHeaders !== undefined
        end({ statusCode: null, error, retryAfter: undefined })
      }
      let sendOnceMore: (() => void) | undefined
      const reader = createReader(trace, timeoutMs, end, (error) => {
        // The endpoint closed the connection just as the request was sent: it is sent once more, on a new one.
        const isIdleClose = reader.connection?.isReusedInVain === true && closeCodes.has(codeOf(error))
        if (!isIdleClose || sendOnceMore === undefined) {
          const failure = reader.connection?.firstError ?? error
          const isSilent = trace.responseHeaders === undefined && closeCodes.has(codeOf(failure))
          const isAboutCertificate = isSilent && webhook.policy?.clientCertificate !== undefined
          return fail(describeFailure(failure) + (isAboutCertificate ? PERHAPS_THE_CERTIFICATE : ''))
        }
        const send = sendOnceMore
        sendOnceMore = undefined
        reader.restart()
        send()
      })
      const deadline = setTimeout(
        () => {
          fail(`${reader.missing()} within ${timeoutMs} ms`)
          reader.abort()
        },
        startedAt + timeoutMs - performance.now(),
      )
      try {
        const { origin, path } = targetOf(webhook.endpointUrl)
        const { headers, secrets } = headersOf(webhook, clock.nowMs(), authorized?.authorization)
        Object.assign(headers, originHeaders)
        Object.assign(trace, { requestHeaders: headers, form: webhook.form, secrets })
        const request = { origin, path, method: 'POST' as const, headers, body: webhook.body }
        const own = connections.showing(webhook.policy?.clientCertificate?.())
        sendOnceMore = () => own.dispatchOnNew(request, reader)
        own.dispatch({ ...request }, reader)
      } catch (error) {
        fail(describeFailure(error))
      }
    })
  }

  return {
    send(webhook) {
      const client = webhook.policy?.oauth2
      if (client === undefined) return exchange(webhook)
      return exchangeWithToken(webhook, { tokens, client, timeoutMs: timeoutOf(webhook), exchange })
    },
    async [Symbol.asyncDispose]() {
      await names[Symbol.asyncDispose]()
      await connections[Symbol.asyncDispose]()
    },
  }
}

/** Reads a response to its end, or as far as the sender reads any. */
function createReader(
  trace: ExchangeTrace,
  timeoutMs: number,
  onResponse: (response: Response) => void,
  onError: (error: unknown) => void,
): ExchangeHandler & { missing(): string; abort(): void; restart(): void } {
  let isStarted = false
  let isAborted = false
  let bytes = 0
  const response: Response = { statusCode: null, error: null, retryAfter: undefined }
  return {
    timeoutMs,
    connection: undefined,
    onRequestStart(controller) {
      isStarted = true
      trace.requestedAt = performance.now()
      if (isAborted) controller.abort(new Error('too late'))
    },
    onResponseStart(_, statusCode, headers) {
      if (statusCode < 200) return // An interim response.
      response.statusCode = statusCode
      trace.responseHeaders = headers
      trace.firstByteMs = Math.round(performance.now() - trace.requestedAt)
      response.retryAfter = headers['retry-after']
      if (!statusesWithoutBody.has(statusCode) || endsForParser(statusCode, headers)) return
      onResponse(response)
      // The parser would wait for a body, or miss it.
      this.connection?.abort()
    },
    onResponseData(_, chunk) {
      bytes += chunk.length
      keepBody(trace, chunk, MAX_BODY_BYTES)
      if (bytes <= MAX_BODY_BYTES) return
      trace.isTruncated = true
      onResponse(response)
      // The rest of the body would have to be read before the connection could be used again.
      this.connection?.abort()
    },
    onResponseEnd: () => onResponse(response),
    onResponseError: (_, error) => onError(error),
    /** What the exchange still waits for, as the subject of an error. */
    missing() {
      if (!isStarted) return this.connection?.missing ?? 'no connection'
      return response.statusCode === null ? 'no whole answer' : `no end of the ${response.statusCode} answer`
    },
    /** For another try after a connection that broke before any byte of an answer. */
    restart() {
      isStarted = false
      this.connection = undefined
    },
    abort() {
      isAborted = true
      if (isStarted) this.connection?.abort()
    },
  }
}

/** Whether the parser, too, sees the end of an answer without a body, so that the connection can be used again. */
function endsForParser(statusCode: number, headers: Record<string, string | string[] | undefined>): boolean {
  const length = headers['content-length']
  if (headers['transfer-encoding'] !== undefined) return false
  return length === '0' || (length === undefined && statusCode !== RESET_CONTENT)
}

function headersOf(
  { id, body, form, signingKeys, policy }: Webhook,
  nowMs: number,
  authorization?: string,
): { headers: Record<string, string>; secrets: Secrets } {
  const timestampSeconds = Math.floor(nowMs / 1000)
  const own = policy?.headers()
  const secret = { ...own?.secret, ...(authorization !== undefined && { authorization }) }
  const headers = {
    ...own?.plain,
    ...secret,
    'content-type': 'application/json',
    'user-agent': `node-event-service/${version}`,
    'webhook-id': id,
    'webhook-timestamp': String(timestampSeconds),
    'webhook-signature': sign({ id, timestampSeconds, body, signingKeys: signingKeys() }),
    ...form?.headers,
  }
  return { headers, secrets: own === undefined ? noSecrets : secretsOf(secret) }
}
