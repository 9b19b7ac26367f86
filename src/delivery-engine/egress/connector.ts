/**
 * Makes the connections of deliveries, for undici: to an endpoint directly or through an outgoing proxy, with TLS
 * where the endpoint's URL says so, and only where the guard allows. Certificates are verified, as is Node's
 * default.
 */
import { isIP, type Socket } from 'node:net'
import { buildConnector, errors } from 'undici'
import type { NameLookup } from '../dns/name-lookup.js'
import { allowedAddresses } from './addresses.js'
import { openByProxy } from './by-proxy.js'
import { type ConnectionTrace, newConnectionTrace, timed } from './connection-trace.js'
import { dial } from './dial.js'
import { type EgressGuard, EgressRefusedError, refusedAddress } from './egress-guard.js'
import { directEgress, type EgressSettings } from './egress-settings.js'
import { ProxyError } from './outgoing-proxy.js'
import { createTrust } from './trust.js'

export interface ConnectorOptions {
  guard: EgressGuard
  names: NameLookup
  /** For the name look-up, TCP, the proxy and TLS together, where a connection has no timeout of its own. */
  connectTimeoutMs: number
  egress?: EgressSettings
}

/**
 * A connector for undici that also reports what it waits for, as the subject of an error: `no connection`. It fills the
 * trace.
 */
export type Connector = (
  target: buildConnector.Options,
  callback: buildConnector.Callback,
  onWaiting?: (missing: string) => void,
  timeoutMs?: number,
  trace?: ConnectionTrace,
) => void

interface Attempt {
  signal: AbortSignal
  onWaiting(missing: string): void
  trace: ConnectionTrace
}

export function createGuardedConnector(options: ConnectorOptions): Connector {
  const { guard, names, connectTimeoutMs, egress = directEgress } = options
  const { authorities, clientCertificate } = egress
  const startTls = buildConnector({
    secureContext: createTrust({ authorities, clientCertificate }),
    // The signal of the attempt ends it.
    timeout: 0,
  })
  // The client certificate is for endpoints, not for the proxy.
  const secureContext = createTrust({ authorities, clientCertificate: undefined })

  async function open(target: buildConnector.Options, attempt: Attempt): Promise<Socket> {
    const refusal = guard.schemeRefusal(target.protocol)
    if (refusal !== undefined) throw new EgressRefusedError(refusal)
    const { hostname } = target
    const protocol = target.protocol === 'https:' ? 'https:' : 'http:'
    const port = portOf(target)
    const proxy = egress.noProxy(hostname, port) ? undefined : egress.proxies[protocol]
    if (proxy === undefined) {
      const socket = await openDirectly(hostname, port, attempt)
      return protocol === 'https:' ? secure(target, socket, attempt) : socket
    }
    const endpoint = { protocol, hostname, port }
    const resolvesNames = egress.proxyResolvesNames
    const socket = await timed(attempt.trace, 'connectMs', () =>
      openByProxy({
        ...{ guard, names, proxy, resolvesNames, secureContext, endpoint },
        ...attempt,
      }),
    )
    attempt.trace.remoteAddress = socket.remoteAddress ?? null
    attempt.onWaiting('no connection')
    return protocol === 'https:' ? secure(target, socket, attempt).catch(blameProxy) : socket
  }

  async function openDirectly(hostname: string, port: number, attempt: Attempt): Promise<Socket> {
    const { signal, onWaiting, trace } = attempt
    onWaiting("no address of the endpoint's name")
    const findAddresses = () => allowedAddresses({ guard, names, hostname, signal })
    const addresses =
      isIP(hostname) === 0 ? await timed(trace, 'dnsMs', findAddresses) : await findAddresses()
    onWaiting('no connection')
    const socket = await timed(trace, 'connectMs', () => dial(addresses, port, signal))
    trace.remoteAddress = socket.remoteAddress ?? null
    // The last check, of the address that the socket is really connected to. Nothing has been sent yet.
    const problem = connectedElsewhere(socket.remoteAddress)
    if (problem === undefined) return socket
    socket.destroy()
    throw problem
  }

  function connectedElsewhere(remoteAddress: string | undefined): Error | undefined {
    if (remoteAddress !== undefined) return refusedAddress(guard, remoteAddress)
    // Not undici's SocketError: after that undici would connect again, without end.
    return Object.assign(new Error('The connection closed as soon as it was made.'), { code: 'ECONNRESET' })
  }

  const secure = (
    target: buildConnector.Options,
    socket: Socket,
    { signal, trace }: Attempt,
  ): Promise<Socket> =>
    timed(
      trace,
      'tlsMs',
      () =>
        new Promise((resolve, reject) => {
          const giveUp = () => socket.destroy()
          if (signal.aborted) giveUp()
          signal.addEventListener('abort', giveUp, { once: true })
          startTls({ ...target, httpSocket: socket }, (...[error, secured]) => {
            signal.removeEventListener('abort', giveUp)
            if (secured) resolve(secured)
            else reject(error)
          })
        }),
    )

  return (
    target,
    callback,
    onWaiting = () => {},
    timeoutMs = connectTimeoutMs,
    trace = newConnectionTrace(),
  ) => {
    const end = new AbortController()
    let isOver = false
    const finish = (...result: Parameters<buildConnector.Callback>) => {
      if (isOver) return result[1]?.destroy()
      isOver = true
      clearTimeout(timer)
      callback(...result)
    }
    const timer = setTimeout(() => {
      const error = new errors.ConnectTimeoutError('the connection was not made in time')
      finish(error, null)
      end.abort(error)
    }, timeoutMs).unref()
    open(target, { signal: end.signal, onWaiting, trace }).then(
      (socket) => finish(null, socket),
      (error) => finish(error, null),
    )
  }
}

/** Many proxies report a failed connection by closing the tunnel at once. */
function blameProxy(error: NodeJS.ErrnoException): never {
  if (error.code !== 'ECONNRESET' && error.code !== 'EPIPE') throw error
  throw new ProxyError('PROXY_CLOSED', 'the connection through the outgoing proxy ended before there was TLS')
}

function portOf({ port, protocol }: buildConnector.Options): number {
  if (port !== '') return Number(port)
  return protocol === 'https:' ? 443 : 80
}
