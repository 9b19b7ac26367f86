/** What an exchange was, for the log of its attempt: what was sent and answered, when, and on which connection. */

import type { ExchangedHeaders, UsedConnection } from '../../model/attempt-details.js'
import { noSecrets, type Secrets } from '../../model/header-redaction.js'
import type { CloudEventForm } from '../../model/webhook-format.js'
import { newConnectionTrace } from '../egress/connection-trace.js'
import type { ExchangeConnection } from '../egress/connections.js'

export interface ExchangeTrace {
  /** Undefined when the request could not be made. */
  requestHeaders: ExchangedHeaders | undefined
  /** Absent for a webhook in the format STANDARD. */
  form: CloudEventForm | undefined
  /** What of it the log must not keep. */
  secrets: Secrets
  /** Undefined when no answer came. */
  responseHeaders: ExchangedHeaders | undefined
  /** The beginning of the answer's body: so many bytes of a buffer that may be longer. */
  body: Buffer
  bodyBytes: number
  /** Whether the answer went on, or should have. */
  isTruncated: boolean
  /** When the request was sent, by `performance.now()`. */
  requestedAt: number
  firstByteMs: number | null
  connection: UsedConnection
}

const NO_BYTES = Buffer.alloc(0)
const NO_CONNECTION: UsedConnection = {
  ...newConnectionTrace(),
  ...{ isConnectionReused: null, httpVersion: null },
}

export const newExchangeTrace = (): ExchangeTrace => ({
  requestHeaders: undefined,
  form: undefined,
  secrets: noSecrets,
  responseHeaders: undefined,
  body: NO_BYTES,
  bodyBytes: 0,
  isTruncated: false,
  requestedAt: 0,
  firstByteMs: null,
  connection: NO_CONNECTION,
})

/** Of requests: no other is spoken. */
const HTTP_VERSION = '1.1'

/** What the log keeps of a connection. It must be read before the next exchange begins on it. */
export function usedConnection(connection: ExchangeConnection | undefined): UsedConnection {
  if (connection === undefined) return NO_CONNECTION
  const { isReused, trace } = connection
  const { dnsMs, connectMs, tlsMs, remoteAddress } = trace
  if (remoteAddress === null) return { ...NO_CONNECTION, ...trace }
  return {
    dnsMs: isReused ? null : dnsMs,
    connectMs: isReused ? null : connectMs,
    tlsMs: isReused ? null : tlsMs,
    isConnectionReused: isReused,
    httpVersion: HTTP_VERSION,
    remoteAddress,
  }
}

/**
 * Keeps a piece of the answer's body, up to `maxBytes` of all. It is copied, because an endpoint that sends single
 * bytes would otherwise make this process hold a large object for each.
 */
export function keepBody(trace: ExchangeTrace, piece: Buffer, maxBytes: number): void {
  const bytes = Math.min(maxBytes, trace.bodyBytes + piece.length)
  if (bytes > trace.body.length) {
    // Most answers come in one piece.
    const grown = Buffer.allocUnsafe(trace.bodyBytes === 0 ? bytes : maxBytes)
    trace.body.copy(grown, 0, 0, trace.bodyBytes)
    trace.body = grown
  }
  piece.copy(trace.body, trace.bodyBytes, 0, bytes - trace.bodyBytes)
  trace.bodyBytes = bytes
}
