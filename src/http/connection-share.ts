/**
 * Each address has a share of the connections. So an address with all its connections in use leaves room for others.
 * The share does not limit a trusted proxy: many clients are behind it, and the proxy must share out connections
 * itself.
 *
 * When every connection is taken, the server accepts a few more for health and metrics alone. Operators and balancers
 * must still be able to ask, or a balancer would take the process for dead.
 */
import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { ServiceError } from '../errors.js'
import { addressGroup } from '../platform/client-address.js'
import { type CidrRange, isInAnyRange } from '../platform/ip-ranges.js'

export interface ConnectionShareOptions {
  /** Maximum of open connections in each process. */
  maxConnections: number
  /** Maximum from one address. An IPv6 /64 network counts as one address. */
  maxConnectionsPerAddress: number
  trustedProxies: CidrRange[]
}

/** Connections beyond `maxConnections`, for health and metrics. */
const RESERVED = 64
/** Maximum of reserved connections from one address. */
const RESERVED_PER_ADDRESS = 8
/** A reserved connection is closed after this time at the latest, because another client may need it. */
const RESERVED_TIMEOUT_MS = 2000
const reservedPaths = new Set(['/v1/health', '/v1/metrics'])

export function shareConnections(app: FastifyInstance, options: ConnectionShareOptions): void {
  const { maxConnections, maxConnectionsPerAddress, trustedProxies } = options
  const server: Server = app.server
  const counts = new Map<string, number>()
  const reserved = new Map<Socket, string>()
  let shared = 0

  function acceptShared(socket: Socket, address: string): boolean {
    const count = counts.get(address) ?? 0
    if (
      shared >= maxConnections ||
      (count >= maxConnectionsPerAddress && !isInAnyRange(socket.remoteAddress ?? '', trustedProxies))
    )
      return false
    shared += 1
    counts.set(address, count + 1)
    socket.once('close', () => {
      shared -= 1
      const left = (counts.get(address) ?? 1) - 1
      if (left === 0) counts.delete(address)
      else counts.set(address, left)
    })
    return true
  }

  function acceptReserved(socket: Socket, address: string): boolean {
    const own = [...reserved.values()].filter((other) => other === address).length
    if (reserved.size >= RESERVED || own >= RESERVED_PER_ADDRESS) return false
    reserved.set(socket, address)
    const timer = setTimeout(() => socket.destroy(), RESERVED_TIMEOUT_MS)
    socket.once('close', () => {
      clearTimeout(timer)
      reserved.delete(socket)
    })
    return true
  }

  const known = new WeakSet<Socket>()
  server.maxConnections = maxConnections + RESERVED
  server.prependListener('connection', (socket: Socket) => {
    // `acceptUpgrades` emits `connection` a second time for a request it rebuilt.
    if (known.has(socket)) return
    known.add(socket)
    const address = addressGroup(socket.remoteAddress ?? '')
    if (!acceptShared(socket, address) && !acceptReserved(socket, address)) socket.destroy()
  })

  app.addHook('onRequest', (request, reply, done) => {
    if (!reserved.has(request.socket)) return done()
    closeAfter(reply.raw)
    if (reservedPaths.has(request.url.split('?')[0] ?? '')) return done()
    throw new ServiceError(
      'SERVICE_UNAVAILABLE',
      'This service, or your address, has as many connections as it may. Close some, or try again.',
      { retryAfterSeconds: 1 },
    )
  })
}

const closeAfter = (answer: ServerResponse): void => void answer.setHeader('connection', 'close')
