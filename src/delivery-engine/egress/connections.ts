/**
 * Connections to endpoints: kept alive, used again, with one exchange at a time each.
 *
 * When undici aborts an exchange, it closes the connection and opens a new one to the same origin, though no
 * request is left. Each attempt to an endpoint that hangs would hold two sockets. So an exchange is aborted by an
 * error of its connection.
 */
import type { Socket } from 'node:net'
import { Agent, type buildConnector, Client, type Dispatcher, Pool } from 'undici'
import { type ConnectionTrace, newConnectionTrace } from './connection-trace.js'
import type { Connector } from './connector.js'
import { mergeRepeatedLengths } from './repeated-length.js'
import { limitResponses } from './response-limit.js'

/** A handler of an exchange. `connection` is set when the exchange gets its connection. */
export interface ExchangeHandler extends Dispatcher.DispatchHandler {
  connection: ExchangeConnection | undefined
  /** Of the whole exchange: a connection that is made for it takes no longer. */
  readonly timeoutMs: number
}

export interface ExchangeConnection {
  /** What an exchange on this connection still waits for, as the subject of an error: `no connection`. */
  readonly missing: string
  readonly trace: ConnectionTrace
  /** Whether the connection served exchanges before this one. */
  readonly isReused: boolean
  /** Whether it did and brought no byte of an answer to this one. */
  readonly isReusedInVain: boolean
  /**
   * What the connection failed with first. undici reports the last error, which may hide the reason, such as a TLS
   * alert.
   */
  readonly firstError: Error | undefined
  /** Destroys the connection, so that its exchange ends with an error. */
  abort(): void
}

export interface ConnectionsOptions {
  connect: Connector
  keepAliveMs: number
  /** Most bytes of one response, with headers and framing; see `limitResponses`. */
  maxResponseBytes: number
}

export interface Connections extends AsyncDisposable {
  /** Makes an exchange, which always ends with a call of the handler. @throws when the request is invalid */
  dispatch(request: Dispatcher.DispatchOptions, handler: ExchangeHandler): void
  /** The same on a connection of its own, which is closed afterwards. */
  dispatchOnNew(request: Dispatcher.DispatchOptions, handler: ExchangeHandler): void
  /** Closes them, each after the exchange that it has. No other may be made. */
  close(): Promise<void>
}

export function createConnections(options: ConnectionsOptions): Connections {
  const { connect, keepAliveMs, maxResponseBytes } = options
  const agent = new Agent({
    factory: (origin, poolOptions) =>
      new Pool(origin, {
        ...poolOptions,
        factory: (url) => connectionTo(url),
      }),
  })
  const connectionTo = (url: URL) => new Connection(url, { ...limits, connect }, maxResponseBytes)
  const single = new Set<Connection>()
  const limits: Client.Options = {
    keepAliveTimeout: keepAliveMs,
    keepAliveMaxTimeout: keepAliveMs,
    // The deadline of the exchange is the only one.
    headersTimeout: 0,
    bodyTimeout: 0,
  }
  return {
    dispatch: (request, handler) =>
      void agent.dispatch(Object.assign(request, { exchange: handler }), handler),
    dispatchOnNew(request, handler) {
      const connection = connectionTo(new URL(String(request.origin)))
      single.add(connection)
      connection.dispatch(Object.assign(request, { exchange: handler }), handler)
      void connection.close().finally(() => single.delete(connection))
    },
    close: () => agent.close(),
    async [Symbol.asyncDispose]() {
      await Promise.all([agent, ...single].map((each) => each.destroy()))
    },
  }
}

/** The agent wraps the handler before a connection gets it, but passes the request unchanged. */
interface Request extends Dispatcher.DispatchOptions {
  exchange: ExchangeHandler
}

class AbortedExchangeError extends Error {
  override readonly name = 'AbortedExchangeError'
  readonly code = 'CUT_OFF'
}

class Connection extends Client implements ExchangeConnection {
  missing = 'no connection'
  firstError: Error | undefined
  trace = newConnectionTrace()
  #socket: Socket | null = null
  #exchangesOnSocket = 0
  #bytesReadBefore = 0
  #timeoutMs: number | undefined

  constructor(url: URL, options: Client.Options & { connect: Connector }, maxResponseBytes: number) {
    const connect: buildConnector.connector = (target, callback) => {
      const onWaiting = (missing: string) => {
        this.missing = missing
      }
      this.firstError = undefined
      this.trace = newConnectionTrace()
      options.connect(
        target,
        (...result) => {
          const [, socket] = result
          if (socket !== null) this.#prepare(socket, maxResponseBytes)
          this.#socket = socket
          this.#exchangesOnSocket = 1
          this.#bytesReadBefore = 0
          callback(...result)
        },
        onWaiting,
        this.#timeoutMs,
        this.trace,
      )
    }
    super(url, { ...options, connect })
  }

  /** Before undici reads from the socket. */
  #prepare(socket: Socket, maxResponseBytes: number): void {
    socket.once('error', (error) => {
      this.firstError = error
    })
    limitResponses(socket, maxResponseBytes)
    mergeRepeatedLengths(socket)
  }

  override dispatch(request: Request, handler: Dispatcher.DispatchHandler): boolean {
    request.exchange.connection = this
    this.#timeoutMs = request.exchange.timeoutMs
    this.#exchangesOnSocket += 1
    this.#bytesReadBefore = this.#socket?.bytesRead ?? 0
    return super.dispatch(request, handler)
  }

  get isReused(): boolean {
    return this.#exchangesOnSocket > 1
  }

  get isReusedInVain(): boolean {
    return this.isReused && this.#socket?.bytesRead === this.#bytesReadBefore
  }

  abort(): void {
    this.#socket?.destroy(new AbortedExchangeError('the exchange was given up'))
  }
}
