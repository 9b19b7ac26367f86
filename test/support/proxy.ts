/** A TCP proxy in front of a server that a test wants to lose: a database or a Redis that goes away or hangs. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface TcpProxy extends AsyncDisposable {
  /** The server's URL, through the proxy. */
  url: string
  /** Ends every connection and refuses new ones, as a server does that was stopped. */
  cut(): Promise<void>
  /** Keeps connections, and takes new ones, but moves no byte, as a network does that swallows packets. */
  hang(): void
  /** Works again, whatever it did before; what was held back is moved now. */
  restore(): Promise<void>
}

export async function startProxy(serverUrl: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(serverUrl)
  const pairs = new Set<[Socket, Socket]>()
  let isHanging = false

  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname)
    const pair: [Socket, Socket] = [client, upstream]
    pairs.add(pair)
    for (const socket of pair) {
      socket.on('error', () => {})
      socket.on('close', () => end(pair))
    }
    if (!isHanging) join(pair)
  })

  const end = (pair: [Socket, Socket]) => {
    pairs.delete(pair)
    for (const socket of pair) socket.destroy()
  }
  const listen = async (at: number) => {
    server.listen(at, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
  const cut = async () => {
    for (const pair of pairs) end(pair)
    if (!server.listening) return
    server.close()
    await once(server, 'close')
  }

  const ownPort = await listen(0)
  const url = new URL(serverUrl)
  url.hostname = '127.0.0.1'
  url.port = String(ownPort)
  return {
    url: url.href,
    cut,
    hang() {
      isHanging = true
      for (const [client, upstream] of pairs) {
        client.unpipe(upstream)
        upstream.unpipe(client)
      }
    },
    async restore() {
      if (isHanging) for (const pair of pairs) join(pair)
      isHanging = false
      if (!server.listening) await listen(ownPort)
    },
    [Symbol.asyncDispose]: cut,
  }
}

function join([client, upstream]: [Socket, Socket]): void {
  client.pipe(upstream)
  upstream.pipe(client)
}
