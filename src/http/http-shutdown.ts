/**
 * Stops the HTTP server. No request is lost if its client follows HTTP/1.1 (RFC 9112 §9.6).
 *
 * 1. The grace: the server serves everything as before, new connections too, and `/v1/health` answers 503, so balancers
 *    learn of the stop. From now on every answer has `connection: close`, and its connection closes after it.
 * 2. The listener closes. New clients are refused, and go elsewhere. Live streams end in order.
 * 3. Idle connections stay open for as long again, because a request may be on its way; it is answered. Then they
 * close.
 * 4. A connection in use closes with its request. A connection is cut off when its request takes too long.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { idleMs, UNDER_WAY_MS } from '../budgets.js'
import { closeListener } from '../platform/close-listener.js'

export interface HttpShutdown {
  readonly isUnderWay: boolean
  /** Begins the stop earlier than `drain`. */
  begin(): void
  /** Performs the stop. Resolves once all connections are closed and the app may be closed. */
  drain(): Promise<void>
  /** Ends the grace at once. The stop then waits only for requests under way. */
  skipGrace(): void
  /** Registers a function that ends streams. Streams never end by themselves. */
  endStreamsBy(end: () => Promise<void>): void
  /** Watches the connections and requests of the app. Must be called before the app listens. */
  attach(app: FastifyInstance): void
}

export interface HttpShutdownOptions {
  graceMs: number
  /** Called with the number of connections cut off in use, unless it is 0. */
  onCutOff?(connections: number): void
}

/** The interval of the search for idle connections. */
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

  /** Resolves early when the grace is skipped. */
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
  /** The bytes read when the connection was last idle. More bytes mean: a request has begun. */
  bytesRead: number
}

/** Node.js's own list counts a new connection without a request as in use, and does not contain WebSockets. */
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
      // Node.js reads its sockets first: destroying a connection with an unread request would reset it.
      await new Promise((resolve) => setImmediate(resolve))
      for (const [socket, { requests, bytesRead }] of uses)
        if (requests === 0 && socket.bytesRead === bytesRead) socket.destroy()
    },
    cutOff() {
      for (const socket of uses.keys()) socket.destroy()
    },
  }
}
