/**
 * Opens a tunnel through an outgoing proxy by CONNECT (RFC 9110 §9.3.6), for `http:` endpoints too. Answers of the
 * proxy come before the tunnel is open, and answers of the endpoint through it, so the two can't be confused.
 * Without a tunnel, a 410 of the proxy would look like the endpoint's and disable the subscription.
 */
import { request } from 'node:http'
import { isIP, type Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import { connect as connectTls } from 'node:tls'
import { version } from '../../platform/version.js'
import type { NameLookup } from '../dns/name-lookup.js'
import { addressesOf } from './addresses.js'
import { dial } from './dial.js'
import { type OutgoingProxy, ProxyError, ProxyRefusedError } from './outgoing-proxy.js'

export interface TunnelOptions {
  proxy: OutgoingProxy
  names: NameLookup
  /** The target: `192.0.2.1:443`, `[2001:db8::1]:443` or `example.com:443`. */
  authority: string
  /** For TLS with an `https:` proxy. */
  secureContext: SecureContext
  signal: AbortSignal
  /** Called with what the connection waits for, as the subject of an error: `no connection`. */
  onWaiting(missing: string): void
}

/** More than the headers of any reasonable answer, with interim responses. */
const MAX_ANSWER_BYTES = 64 * 1024

/** @throws ProxyError, or the signal's reason */
export async function openTunnel(options: TunnelOptions): Promise<Socket> {
  const { signal, onWaiting } = options
  try {
    onWaiting('no connection to the outgoing proxy')
    const socket = await connectToProxy(options)
    onWaiting('no answer of the outgoing proxy')
    return await askForTunnel(socket, options)
  } catch (error) {
    signal.throwIfAborted()
    throw error instanceof ProxyError ? error : fromTransport(error as NodeJS.ErrnoException)
  }
}

async function connectToProxy(options: TunnelOptions): Promise<Socket> {
  const { proxy, names, secureContext, signal } = options
  const { protocol, hostname, port } = proxy
  // The operator chose the proxy, so its address may be any.
  const socket = await dial(await addressesOf(names, hostname, signal), port, signal)
  if (protocol === 'http:') return socket
  return new Promise((resolve, reject) => {
    const servername = isIP(hostname) === 0 ? hostname : ''
    const tls = connectTls({ socket, host: hostname, servername, secureContext, ALPNProtocols: ['http/1.1'] })
    tls.once('secureConnect', () => resolve(tls)).on('error', reject)
  })
}

function askForTunnel(socket: Socket, { proxy, authority }: TunnelOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    let bytes = 0
    const count = (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes > MAX_ANSWER_BYTES) socket.destroy(tooLong())
    }
    const asked = request({
      method: 'CONNECT',
      path: authority,
      headers: {
        host: authority,
        'user-agent': `node-event-service/${version}`,
        ...(proxy.authorization && { 'proxy-authorization': proxy.authorization }),
      },
      createConnection: () => socket,
    })
    asked.once('connect', ({ statusCode = 0 }, _, head) => {
      socket.off('data', count)
      if (statusCode < 200 || statusCode > 299) {
        socket.destroy()
        return reject(new ProxyRefusedError(statusCode))
      }
      if (head.length > 0) socket.unshift(head)
      resolve(socket)
    })
    asked.on('error', (error) => {
      socket.destroy()
      reject(error)
    })
    socket.on('data', count)
    asked.end()
  })
}

const tooLong = () => new ProxyError('PROXY_ANSWER_TOO_LONG', 'the answer of the outgoing proxy is too long')

function fromTransport(error: NodeJS.ErrnoException): ProxyError {
  const { code = '' } = error
  if (code === 'HPE_HEADER_OVERFLOW') return tooLong()
  if (code.startsWith('HPE_')) return new ProxyError(code, 'the outgoing proxy does not answer in HTTP/1.1')
  return new ProxyError('PROXY_FAILED', 'the outgoing proxy failed', { cause: error })
}
