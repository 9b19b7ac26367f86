/**
 * Handles requests for another protocol (`Upgrade`, RFC 9110 §7.8).
 *
 * A server may ignore the header and answer in HTTP/1.1. Node.js can't: once it has an `upgrade` listener, it stops
 * parsing every request with the header. So this module rebuilds a request for any other protocol than WebSocket
 * without the header, and returns it to the server with its body. Java's HttpClient and `curl --http2` send their first
 * request with the header.
 */
import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { problemResponse } from './early-refusals.js'

export interface WebSocketEndpoint {
  path: string
  /** @returns why this WebSocket may not be opened; undefined when it may */
  refusal(request: IncomingMessage): string | undefined
  open(request: IncomingMessage, socket: Duplex, head: Buffer): void
}

export function acceptUpgrades(server: Server, endpoint: WebSocketEndpoint): void {
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // The HTTP parser has released the socket and removed its error listener.
    socket.on('error', () => socket.destroy())
    if (!wantsWebSocket(request)) return serveWithoutUpgrade(server, request, socket, head)
    const path = request.url?.split('?')[0]
    if (path !== endpoint.path) {
      const detail = `There is no WebSocket at ${path}; it is at ${endpoint.path}.`
      return void socket.end(problemResponse(404, detail))
    }
    const refusal = endpoint.refusal(request)
    if (refusal !== undefined) return void socket.end(problemResponse(403, refusal))
    endpoint.open(request, socket, head)
  })
}

/** `Upgrade` is a list: a client may offer several protocols (RFC 9110 §7.8). */
function wantsWebSocket({ headers }: IncomingMessage): boolean {
  const offered = (headers.upgrade ?? '').toLowerCase().split(',')
  return offered.some((protocol) => protocol.trim() === 'websocket')
}

/** The headers of an upgrade; `http2-settings` has no meaning without `upgrade` (RFC 7540 §3.2.1). */
const upgradeHeaders = new Set(['upgrade', 'http2-settings'])

function serveWithoutUpgrade(server: Server, request: IncomingMessage, socket: Duplex, head: Buffer): void {
  const { method, url, httpVersion, rawHeaders } = request
  const lines = [`${method} ${url} HTTP/${httpVersion}`]
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? ''
    const value = rawHeaders[index + 1] ?? ''
    if (upgradeHeaders.has(name.toLowerCase())) continue
    if (name.toLowerCase() !== 'connection') lines.push(`${name}: ${value}`)
    else lines.push(`${name}: ${connectionWithoutUpgrade(value)}`)
  }
  // Node.js decodes header values as Latin-1, so they are encoded the same way.
  const withoutUpgrade = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  socket.unshift(Buffer.concat([withoutUpgrade, head]))
  server.emit('connection', socket)
}

function connectionWithoutUpgrade(value: string): string {
  const options = value.split(',').map((option) => option.trim())
  return options.filter((option) => !upgradeHeaders.has(option.toLowerCase())).join(', ') || 'keep-alive'
}
