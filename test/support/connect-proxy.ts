/**
 * An outgoing proxy of the tests' own: a real one that knows CONNECT and nothing else, and writes down what it is
 * asked.
 */
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { TLSSocket, TlsOptions } from 'node:tls'

export interface ConnectProxy extends AsyncDisposable {
  /** With the user and password that it asks for. */
  url: string
  port: number
  /** What it was asked to connect to: `127.0.0.1:443`. */
  asked: string[]
  /** The status to answer with when it is asked for that, instead of a connection. */
  refusals: Map<string, number>
  headers: IncomingHttpHeaders[]
}

export interface ConnectProxyOptions {
  /** `user:password`; nobody else is let through. */
  credentials?: string
  tls?: TlsOptions
  /** Told whose certificate each client shows: `undefined` for none. */
  onTls?(commonName: string): void
  /** Where it connects to for a name, as its own resolver; otherwise to what it is asked for. */
  names?: Record<string, string>
}

export async function startConnectProxy(options: ConnectProxyOptions = {}): Promise<ConnectProxy> {
  const { credentials, tls, names = {}, onTls = () => {} } = options
  const asked: string[] = []
  const headers: IncomingHttpHeaders[] = []
  const refusals = new Map<string, number>()
  const sockets = new Set<Socket>()
  const expected = credentials && `Basic ${Buffer.from(credentials).toString('base64')}`

  const server = tls ? createTlsServer(tls) : createServer()
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
  }
  server.on('connection', keep)
  server.on('secureConnection', (socket: TLSSocket) => onTls(String(socket.getPeerCertificate().subject?.CN)))
  // Requests in absolute form are not for this proxy.
  server.on('request', (_, response) => void response.writeHead(405).end())
  server.on('connect', (request, client: Socket) => {
    client.on('error', () => {})
    const authority = request.url ?? ''
    asked.push(authority)
    headers.push(request.headers)
    if (expected !== undefined && request.headers['proxy-authorization'] !== expected) {
      client.end('HTTP/1.1 407 Who\r\nproxy-authenticate: Basic\r\ncontent-length: 3\r\n\r\nno!')
      return
    }
    const refusal = refusals.get(authority)
    if (refusal !== undefined) {
      client.end(`HTTP/1.1 ${refusal} No\r\ncontent-length: 0\r\n\r\n`)
      return
    }
    const { hostname, port } = new URL(`http://${authority}`)
    const host = names[hostname] ?? hostname.replace(/^\[(.*)\]$/, '$1')
    const upstream = connect(Number(port || 80), host)
    keep(upstream)
    upstream.once('connect', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      client.pipe(upstream).pipe(client)
    })
    upstream.once('error', () => client.end('HTTP/1.1 502 No\r\ncontent-length: 0\r\n\r\n'))
    client.once('close', () => upstream.destroy())
    upstream.once('close', () => client.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  return {
    url: `${tls ? 'https' : 'http'}://${credentials ? `${credentials}@` : ''}localhost:${port}`,
    ...{ port, asked, refusals, headers },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
