/**
 * The validation handshake of the webhook spec of CloudEvents (HTTP 1.1 Web Hooks, §4): asks an endpoint with OPTIONS
 * whether it agrees to webhooks from this service. The request goes out as webhooks do, by the same guard, proxy and
 * authorities, and carries no credentials in its headers. The answer's status says nothing (§4.2); its headers do.
 */
import { createNameLookup } from '../dns/name-lookup.js'
import { type ConnectionsByCertificate, createConnectionsByCertificate } from '../egress/by-certificate.js'
import type { Connections, ExchangeHandler } from '../egress/connections.js'
import type { EgressGuard } from '../egress/egress-guard.js'
import type { EgressSettings } from '../egress/egress-settings.js'
import type { ClientCertificate } from '../egress/trust.js'
import { describeFailure } from './failure.js'

export interface EndpointValidation extends AsyncDisposable {
  /** @returns why the endpoint does not agree; undefined when it does */
  refusalOf(asked: AskedEndpoint): Promise<string | undefined>
}

export interface AskedEndpoint {
  endpointUrl: string
  /** The rate to ask for; null for no limit. */
  requestsPerMinute: number | null
  /** What the endpoint is shown where it asks for a certificate. */
  clientCertificate?: ClientCertificate | undefined
}

export interface EndpointValidationOptions {
  /** The DNS name that stands for this service. Undefined when the operator gave it none. */
  origin: string | undefined
  guard: EgressGuard
  egress: EgressSettings
  timeoutMs: number
}

/** In a process. More than owners need, and few enough to be no way of flooding others. */
const MAX_AT_ONCE = 10
const MAX_ANSWER_BYTES = 64 * 1024

export function createEndpointValidation(options: EndpointValidationOptions): EndpointValidation {
  const { origin, timeoutMs } = options
  let ways: { connections: ConnectionsByCertificate; names: AsyncDisposable } | undefined
  let underWay = 0

  async function ask(from: string, asked: AskedEndpoint): Promise<string | undefined> {
    const { endpointUrl, requestsPerMinute: rate, clientCertificate } = asked
    ways ??= openWays(options)
    const headers = {
      'webhook-request-origin': from,
      ...(rate !== null && { 'webhook-request-rate': String(rate) }),
    }
    const answer = await exchange(ways.connections.showing(clientCertificate), {
      endpointUrl,
      headers,
      timeoutMs,
    })
    if ('error' in answer) return `the validation request failed: ${answer.error}`
    const allowed = answer.allowedOrigin?.trim().toLowerCase()
    if (allowed === '*' || allowed === from.toLowerCase()) return undefined
    return `did not allow ${from}: its answer to OPTIONS needs WebHook-Allowed-Origin with this name or *`
  }

  return {
    async refusalOf(asked) {
      if (origin === undefined) return 'can not be validated: this service has no WEBHOOK_REQUEST_ORIGIN'
      if (underWay >= MAX_AT_ONCE)
        return `can not be validated now: ${MAX_AT_ONCE} validations are under way. Try again.`
      underWay += 1
      try {
        return await ask(origin, asked)
      } finally {
        underWay -= 1
      }
    },
    async [Symbol.asyncDispose]() {
      await ways?.connections[Symbol.asyncDispose]()
      await ways?.names[Symbol.asyncDispose]()
    },
  }
}

/** Only when the first endpoint is asked: most services never do. */
function openWays({ guard, egress, timeoutMs }: EndpointValidationOptions) {
  const names = createNameLookup()
  const connections = createConnectionsByCertificate({
    ...{ guard, names, connectTimeoutMs: timeoutMs, egress },
    ...{ keepAliveMs: 1, maxResponseBytes: MAX_ANSWER_BYTES },
  })
  return { names, connections }
}

interface ValidationRequest {
  endpointUrl: string
  headers: Record<string, string>
  timeoutMs: number
}

type Answer = { allowedOrigin: string | undefined } | { error: string }

/** Never rejects. The body of the answer is not read. */
function exchange(
  connections: Connections,
  { endpointUrl, headers, timeoutMs }: ValidationRequest,
): Promise<Answer> {
  return new Promise((resolve) => {
    let isOver = false
    const end = (answer: Answer) => {
      isOver = true
      clearTimeout(deadline)
      resolve(answer)
    }
    const deadline = setTimeout(() => {
      end({ error: `no whole answer within ${timeoutMs} ms` })
      handler.connection?.abort()
    }, timeoutMs)
    const handler: ExchangeHandler = {
      timeoutMs,
      connection: undefined,
      onRequestStart(controller) {
        if (isOver) controller.abort(new Error('too late'))
      },
      onResponseStart(_, statusCode, { 'webhook-allowed-origin': allowed }) {
        if (statusCode < 200) return // An interim response.
        end({ allowedOrigin: Array.isArray(allowed) ? undefined : allowed })
        this.connection?.abort()
      },
      onResponseData() {},
      onResponseEnd() {},
      onResponseError: (_, error) => end({ error: describeFailure(handler.connection?.firstError ?? error) }),
    }
    try {
      const { origin, pathname, search } = new URL(endpointUrl)
      const request = { origin, path: pathname + search, method: 'OPTIONS' as const, headers }
      connections.dispatchOnNew(request, handler)
    } catch (error) {
      end({ error: describeFailure(error) })
    }
  })
}
