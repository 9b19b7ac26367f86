/** An endpoint that keeps to no rules: it does with each connection, byte by byte, what a test says. */
import { once } from 'node:events'
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'

export interface HostileEndpoint extends AsyncDisposable {
  url: string
  port: number
  /** Connections that are open now. */
  readonly open: number
  /** Connections that there have been. */
  readonly connections: number
  /** What was handed to the network on all of them; the buffers of the system's sockets hold some of it. */
  readonly bytesWritten: number
  /** Reads on where it did not read: only who reads sees that the other side has gone. */
  readOn(): void
}

/** What to do with a connection. */
export type Behaviour = (socket: Socket) => void

export async function startHostileEndpoint(behave: Behaviour, tls?: TlsOptions): Promise<HostileEndpoint> {
  const sockets = new Set<Socket>()
  let connections = 0
  let bytesWritten = 0

  const server: Server = tls ? createTlsServer(tls, behave) : createTcpServer(behave)
  server.on('connection', (socket: Socket) => {
    connections += 1
    sockets.add(socket)
    socket.on('error', () => {}) // Resets are what is expected here.
    socket.on('close', () => {
      bytesWritten += socket.bytesWritten
      sockets.delete(socket)
    })
  })
  // The socket inside TLS has errors of its own.
  server.on('secureConnection', (socket: Socket) => socket.on('error', () => {}))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo

  return {
    url: `${tls ? 'https' : 'http'}://localhost:${port}/hook`,
    port,
    get open() {
      return sockets.size
    },
    get connections() {
      return connections
    },
    get bytesWritten() {
      return [...sockets].reduce((sum, socket) => sum + socket.bytesWritten, bytesWritten)
    },
    readOn() {
      for (const socket of sockets) socket.resume()
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** Waits for each request on the connection, then acts. Requests are as small as one read. */
export const onRequest =
  (act: Behaviour): Behaviour =>
  (socket) =>
    socket.on('data', () => act(socket))

/** Answers with these very bytes and leaves the connection open. */
export const answer = (bytes: string): Behaviour => onRequest((socket) => void socket.write(bytes, 'latin1'))

/** Answers with these very bytes and closes the connection. */
export const answerAndEnd = (bytes: string): Behaviour =>
  onRequest((socket) => void socket.end(bytes, 'latin1'))

/** Answers with these very bytes and, once they may have been read, resets the connection. */
export const answerAndReset = (bytes: string): Behaviour =>
  onRequest(
    (socket) => void socket.write(bytes, 'latin1', () => setImmediate(() => socket.resetAndDestroy())),
  )

/** Answers with `head`, and then with `chunk` over and over, as fast as it is read. */
export const flood = (head: string, chunk: string | Buffer): Behaviour =>
  onRequest((socket) => {
    const bytes = Buffer.from(chunk as string, 'latin1')
    const many = Buffer.concat(Array.from({ length: Math.ceil(65_536 / bytes.length) }, () => bytes))
    const more = () => {
      while (socket.writable) if (!socket.write(many)) return void socket.once('drain', more)
    }
    socket.write(head, 'latin1')
    more()
  })

/** Answers with `head`, and then with `text` over and over, a byte every few milliseconds. */
export const drip = (head: string, text: string, everyMs = 20): Behaviour =>
  onRequest((socket) => {
    let at = 0
    socket.write(head, 'latin1')
    const timer = setInterval(() => socket.write(text.charAt(at++ % text.length), 'latin1'), everyMs)
    socket.on('close', () => clearInterval(timer))
  })
