/**
 * What a connection may take of the server's time and room, whoever is at its other end: nobody has shown a key
 * before the headers have come. What is live over SSE or WebSocket is kept from idleness by the pings it sends.
 */
import type { Server } from 'node:http'
import type { FastifyHttpOptions } from 'fastify'

export interface ConnectionLimits {
  /** From the first byte of a request, or from the connection, to the end of its headers. */
  headersTimeoutMs?: number
  /** From the same beginning to the end of its body. */
  requestTimeoutMs?: number
  /** Without a byte in either direction: an answer that nobody reads ends so. */
  idleTimeoutMs?: number
  /** How late the first two may be noticed. */
  checkEveryMs?: number
}

/** The options of Fastify that make it so. A request that is too slow is answered by 408. */
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
      // `refuseBeforeRouting` refuses what lacks it, with a body.
      requireHostHeader: false,
    },
  }
}
