/**
 * A TCP proxy in front of a server that a test wants to lose: a database, a Redis or an endpoint that goes away,
 * hangs, becomes slow, or breaks off in the middle of what it says.
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { Transform } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'

export interface TcpProxy extends AsyncDisposable {
  /** The server's URL, through the proxy. */
  url: string
  /** Ends every connection and refuses new ones, as a server does that was stopped. */
  cut(): Promise<void>
  /**
   * Keeps connections, and takes new ones, but moves no byte, as a network does that swallows packets: in one
   * direction, or in both.
   */
  hang(only?: Direction): void
  /** Holds every piece of data back for so long before it lets it through. */
  slow(delayMs: number): void
  /** Resets a connection in the middle of the next thing that the server says on it. */
  resetAnswers(): void
  /** New connections go to another server from now on. */
  retarget(serverUrl: string): void
  /** Works again, whatever it did before; what was held back is moved now. */
  restore(): Promise<void>
}

export type Direction = 'to the server' | 'to the client'

const directions: Direction[] = ['to the server', 'to the client']

export interface ProxyOptions {
  /** Where it listens; any free port unless given. */
  port?: number
}

export async function startProxy(
  serverUrl: string,
  { port: ownPort = 0 }: ProxyOptions = {},
): Promise<TcpProxy> {
  let target = new URL(serverUrl)
  const pairs = new Set<[Socket, Socket]>()
  const hanging = new Map<Direction, Promise<void>>()
  const ends: (() => void)[] = []
  let delayMs = 0
  let resetsAnswers = false

  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname)
    const pair: [Socket, Socket] = [client, upstream]
    pairs.add(pair)
    for (const socket of pair) {
      socket.on('error', () => {})
      socket.on('close', () => end(pair))
    }
    const spoils = (chunk: Buffer) => resetsAnswers && breakOff(chunk, client)
    client.pipe(throughNetwork('to the server')).pipe(upstream)
    upstream.pipe(throughNetwork('to the client', spoils)).pipe(client)
  })

  /** `spoils` says that it has seen to the data, and that nothing more of it is to be moved. */
  function throughNetwork(direction: Direction, spoils: (chunk: Buffer) => boolean = () => false): Transform {
    const arrive = async () => {
      if (delayMs > 0) await pause(delayMs, undefined, { ref: false })
      await hanging.get(direction)
    }
    return new Transform({
      transform: (chunk: Buffer, _encoding, done) =>
        void arrive().then(() => done(null, spoils(chunk) ? undefined : chunk)),
      flush: (done) => void arrive().then(() => done()),
    })
  }

  function breakOff(chunk: Buffer, client: Socket): true {
    client.write(chunk.subarray(0, chunk.length / 2), () => client.resetAndDestroy())
    return true
  }

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

  const url = new URL(serverUrl)
  url.hostname = '127.0.0.1'
  url.port = String(await listen(ownPort))
  return {
    url: url.href,
    cut,
    hang(only) {
      for (const direction of only ? [only] : directions) {
        if (hanging.has(direction)) continue
        hanging.set(direction, new Promise((resolve) => ends.push(resolve)))
      }
    },
    slow(ms) {
      delayMs = ms
    },
    resetAnswers() {
      resetsAnswers = true
    },
    retarget(newUrl) {
      target = new URL(newUrl)
    },
    async restore() {
      delayMs = 0
      resetsAnswers = false
      hanging.clear()
      for (const end of ends.splice(0)) end()
      if (!server.listening) await listen(Number(url.port))
    },
    [Symbol.asyncDispose]: cut,
  }
}
