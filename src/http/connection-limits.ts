/**
 * Limits the time a connection may take. The limits hold for every client, because no client has shown a key before
 * its headers arrive. Pings keep live SSE and WebSocket connections from becoming idle.
 */
import type { Server } from 'node:http'
import type { FastifyHttpOptions } from 'fastify'

export interface ConnectionLimits {
  /** From the first byte of a request, or from the connection, to the end of the headers. */
  headersTimeoutMs?: number
  /** From the same beginning to the end of the body. */
  requestTimeoutMs?: number
  /** Without a byte in either direction. This also ends an answer the client does not read. */
  idleTimeoutMs?: number
  /** The server notices the first two timeouts at most this late. */
  checkEveryMs?: number
}

/** @returns options for Fastify; a request that is too slow is answered with 408 */
export function limitConnections({
  headersTimeoutMs = 15_000,
  requestTimeoutMs = 60_000,
  idleTimeoutMs = 120_000,
  checkEveryMs = 5000,
}: ConnectionLimits): FastifyHttpOptions<Server> {
  return {
    connectionTimeout: idleTimeoutMs,
    requestTimeout: requestTimeoutMs,
    http: {
      headersTimeout: headersTimeoutMs,
      connectionsCheckingInterval: checkEveryMs,
      // `refuseBeforeRouting` makes this check, and sends a body with the refusal.
      requireHostHeader: false,
    },
  }
}
