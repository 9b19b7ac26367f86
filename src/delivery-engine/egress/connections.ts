/**
 * Connections to endpoints: kept alive and used again, one exchange at a time each, and cut off when asked to.
 *
 * undici's own way to abort an exchange is made for clients that go on: once the connection is gone it makes a new
 * one to the same place, though nothing is left to send there. An endpoint that hangs would be connected to twice
 * for each attempt, and hold twice the sockets. So an exchange that is given up ends by an error of its connection.
 */
import type { Socket } from 'node:net'
import { Agent, type buildConnector, Client, type Dispatcher, Pool } from 'undici'
import type { Connector } from './connector.js'
import { limitAnswers } from './response-limit.js'

/** A handler of an exchange, told of the connection that carries it. */
export interface Carried extends Dispatcher.DispatchHandler {
  carrier: Carrier | undefined
}

export interface Carrier {
  /** What an exchange on it waits for, before it starts: `no connection`. */
  readonly lacks: string
  /** Ends the connection, and the exchange on it with an error. */
  cutOff(): void
}

export interface ConnectionsOptions {
  connect: Connector
  keepAliveMs: number
  /** Of one exchange, headers and framing included; see `limitAnswers`. */
  maxAnswerBytes: number
}

export interface Connections extends AsyncDisposable {
  /** Ends in the handler, whatever happens. @throws when the request is none. */
  dispatch(request: Dispatcher.DispatchOptions, handler: Carried): void
}

export function createConnections({ connect, keepAliveMs, maxAnswerBytes }: ConnectionsOptions): Connections {
  const agent = new Agent({
    factory: (origin, options) =>
      new Pool(origin, {
        ...options,
        factory: (url) => new Connection(url, { ...limits, connect }, maxAnswerBytes),
      }),
  })
  const limits: Client.Options = {
    keepAliveTimeout: keepAliveMs,
    keepAliveMaxTimeout: keepAliveMs,
    // The deadline of the exchange is the only one.
    headersTimeout: 0,
    bodyTimeout: 0,
  }
  return {
    dispatch: (request, handler) =>
      void agent.dispatch(Object.assign(request, { carried: handler }), handler),
    [Symbol.asyncDispose]: () => agent.destroy(),
  }
}

/** The agent wraps a handler before a connection gets it, but passes a request on as it is. */
interface Request extends Dispatcher.DispatchOptions {
  carried: Carried
}

class CutOffError extends Error {
  override readonly name = 'CutOffError'
  readonly code = 'CUT_OFF'
}

class Connection extends Client implements Carrier {
  lacks = 'no connection'
  #socket: Socket | null = null

  constructor(url: URL, options: Client.Options & { connect: Connector }, maxAnswerBytes: number) {
    const connect: buildConnector.connector = (target, callback) => {
      const onWaiting = (lacks: string) => {
        this.lacks = lacks
      }
      options.connect(
        target,
        (...result) => {
          const [, socket] = result
          if (socket !== null) limitAnswers(socket, maxAnswerBytes)
          this.#socket = socket
          callback(...result)
        },
        onWaiting,
      )
    }
    super(url, { ...options, connect })
  }

  override dispatch(request: Request, handler: Dispatcher.DispatchHandler): boolean {
    request.carried.carrier = this
    return super.dispatch(request, handler)
  }

  cutOff(): void {
    this.#socket?.destroy(new CutOffError('the exchange was given up'))
  }
}
