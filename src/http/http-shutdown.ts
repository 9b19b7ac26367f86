/**
 * Stops the HTTP server without losing a request of a client that follows HTTP/1.1 (RFC 9112 §9.6).
 *
 * 1. The grace: everything is served as ever, new connections too, so that balancers can learn from `/v1/health` (503)
 *    that this process goes. From here on every answer says `connection: close`, and its connection is closed after it.
 * 2. The listener is closed: clients are refused, and go elsewhere. What is followed live ends in order.
 * 3. Idle connections are kept for as long again: a request may be on its way, which is answered. Then they are closed.
 * 4. Connections that are in use end with their requests. Those that take too long are cut off.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { idleMs, UNDER_WAY_MS } from '../budgets.js'
import { closeListener } from '../platform/close-listener.js'

export interface HttpShutdown {
  readonly isUnderWay: boolean
  /** Starts the stop before `drain` does. */
  begin(): void
  /** Performs the stop. When it resolves, all connections are closed and the app may be closed. */
  drain(): Promise<void>
  /** Ends the grace at once: only requests under way are waited for. */
  skipGrace(): void
  /** Registers a function that ends the streams, which would never end by themselves. */
  endStreamsBy(end: () => Promise<void>): void
  /** Watches the connections and requests of the app, from before it listens. */
  attach(app: FastifyInstance): void
}

export interface HttpShutdownOptions {
  graceMs: number
  /** Told how many connections were cut off in use, when some were. */
  onCutOff?(connections: number): void
}

/** How often connections that have become idle are looked for. */
const LOOK_EVERY_MS = 25

export function createHttpShutdown({ graceMs, onCutOff = () => {} }: HttpShutdownOptions): HttpShutdown {
  const grace = new AbortController()
  const endStreams: (() => Promise<void>)[] = []
  const answers = new Set<ServerResponse>()
  let server: Server | undefined
  let connections: Connections | undefined
  let isUnderWay = false

  function begin(): void {
    if (isUnderWay) return
    isUnderWay = true
    for (const answer of answers) sayClose(answer)
  }

  /** Resolves early when there is no grace. */
  const wait = (ms: number) => pause(ms, undefined, { signal: grace.signal }).catch(() => {})

  async function drain(): Promise<void> {
    begin()
    if (!server?.listening || connections === undefined) return
    await wait(graceMs)
    const cutOffAt = performance.now() + UNDER_WAY_MS
    await closeListener(server)
    const live = Promise.all(endStreams.map((end) => end())).catch(() => {})
    const closesIdleAt = performance.now() + (grace.signal.aborted ? 0 : idleMs(graceMs))
    while (connections.count > 0 && performance.now() < cutOffAt) {
      await pause(LOOK_EVERY_MS)
      if (performance.now() >= closesIdleAt) await connections.closeIdle()
    }
    if (connections.count > 0) onCutOff(connections.count)
    connections.cutOff()
    await live
  }

  return {
    get isUnderWay() {
      return isUnderWay
    },
    begin,
    skipGrace: () => grace.abort(),
    endStreamsBy: (end) => void endStreams.push(end),
    attach(app) {
      server = app.server
      connections = watchConnections(server)
      server.prependListener('request', (_request: IncomingMessage, answer: ServerResponse) => {
        if (isUnderWay) sayClose(answer)
        answers.add(answer)
        answer.once('close', () => answers.delete(answer))
      })
    },
    drain,
  }
}

function sayClose(answer: ServerResponse): void {
  if (!answer.headersSent) answer.setHeader('connection', 'close')
}

interface Connections {
  readonly count: number
  closeIdle(): Promise<void>
  cutOff(): void
}

interface Use {
  requests: number
  /** What had been read of the connection when it was last idle: more of it is a request that has begun. */
  bytesRead: number
}

/** Node.js's own list takes a connection without a request yet for one in use, and knows nothing of WebSockets. */
function watchConnections(server: Server): Connections {
  const uses = new Map<Socket, Use>()
  server.on('connection', (socket: Socket) => {
    uses.set(socket, { requests: 0, bytesRead: 0 })
    socket.once('close', () => uses.delete(socket))
  })
  server.on('request', ({ socket }: IncomingMessage, answer: ServerResponse) => {
    const use = uses.get(socket)
    if (use === undefined) return
    use.requests += 1
    answer.once('close', () => {
      use.requests -= 1
      use.bytesRead = socket.bytesRead
    })
  })
  return {
    get count() {
      return uses.size
    },
    async closeIdle() {
      // After a look for what has come meanwhile: a request that waits to be read would be reset.
      await new Promise((resolve) => setImmediate(resolve))
      for (const [socket, { requests, bytesRead }] of uses)
        if (requests === 0 && socket.bytesRead === bytesRead) socket.destroy()
    },
    cutOff() {
      for (const socket of uses.keys()) socket.destroy()
    },
  }
}
