/** An outgoing proxy: its URL and its errors. */
import { basicCredentials } from '../../platform/basic-credentials.js'

export interface OutgoingProxy {
  protocol: 'http:' | 'https:'
  /** Without IPv6's brackets. */
  hostname: string
  port: number
  /** For `Proxy-Authorization`. */
  authorization: string | undefined
}

const DEFAULT_PORTS = { 'http:': 80, 'https:': 443 }

/** @throws TypeError that says what is wrong. It repeats no part of the URL, which may hold a password. */
export function parseProxy(text: string): OutgoingProxy {
  const form = 'must be a URL such as http://user:password@proxy.example.com:3128, http or https'
  if (!URL.canParse(text)) throw new TypeError(form)
  const { protocol, hostname, port, username, password, pathname, search, hash } = new URL(text)
  if (protocol !== 'http:' && protocol !== 'https:') {
    throw new TypeError(`${form}: ${/^[a-z\d]+:$/.test(protocol) ? protocol : 'this'} is not spoken`)
  }
  if (pathname !== '/' || search !== '' || hash !== '') throw new TypeError(`${form}, with nothing behind it`)
  return {
    protocol,
    hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? DEFAULT_PORTS[protocol] : Number(port),
    authorization: username === '' && password === '' ? undefined : basic(username, password, form),
  }
}

function basic(username: string, password: string, form: string): string {
  try {
    return basicCredentials(decodeURIComponent(username), decodeURIComponent(password))
  } catch {
    throw new TypeError(`${form}, with % as %25 in user and password`)
  }
}

/** For logs: without user and password. */
export const nameOf = ({ protocol, hostname, port }: OutgoingProxy): string =>
  `${protocol}//${hostname.includes(':') ? `[${hostname}]` : hostname}:${port}`

/** The outgoing proxy failed, not the endpoint. `cause` is what the connection to the proxy failed with. */
export class ProxyError extends Error {
  override readonly name = 'ProxyError'
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** The proxy answered CONNECT with a status other than 2xx. The endpoint has said nothing. */
export class ProxyRefusedError extends ProxyError {
  readonly statusCode: number

  constructor(statusCode: number) {
    super(`PROXY_${statusCode}`, describe(statusCode))
    this.statusCode = statusCode
  }
}

function describe(statusCode: number): string {
  if (statusCode === 407) return 'the outgoing proxy asks for a user and password, or for other ones'
  if (statusCode === 403) return 'the outgoing proxy does not allow connections to this endpoint'
  if (statusCode >= 500)
    return `the outgoing proxy could not connect to the endpoint: it answered ${statusCode}`
  return `the outgoing proxy did not connect to the endpoint: it answered ${statusCode}`
}
