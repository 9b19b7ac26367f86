/** A TCP proxy before PostgreSQL that counts what a client sends, and can end it all at any of these messages. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface MessageProxy extends AsyncDisposable {
  /** The server's URL, through the proxy. */
  url: string
  /** How many messages came, over all connections; `pg` writes each statement at once. */
  count(): number
  /** Resets every connection, as the machine of a process does that was killed. */
  cut(): void
}

/** @param onMessage told after the server was given the message; numbers begin with 1 */
export async function startMessageProxy(
  serverUrl: string,
  onMessage: (number: number, proxy: MessageProxy) => void,
): Promise<MessageProxy> {
  const { hostname, port } = new URL(serverUrl)
  const sockets = new Set<Socket>()
  let count = 0
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        for (const each of [client, upstream]) each.destroy()
        sockets.delete(socket)
      })
    }
    upstream.pipe(client)
    client.on('data', (message: Buffer) => {
      upstream.write(message)
      count++
      onMessage(count, proxy)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = new URL(serverUrl)
  url.hostname = '127.0.0.1'
  url.port = String((server.address() as AddressInfo).port)

  const proxy: MessageProxy = {
    url: url.href,
    count: () => count,
    cut() {
      // Both halves end in order, so that the server reads what it was sent, and then that nobody is there.
      for (const socket of sockets) socket.end()
    },
    async [Symbol.asyncDispose]() {
      server.close()
      for (const socket of sockets) socket.destroy()
      await once(server, 'close')
    },
  }
  return proxy
}
