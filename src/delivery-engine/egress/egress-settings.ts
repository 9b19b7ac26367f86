/**
 * The settings of egress: outgoing proxies and certificates.
 *
 * HTTP_PROXY and HTTPS_PROXY count only with EGRESS_PROXY_FROM_ENVIRONMENT, as Node.js requires NODE_USE_ENV_PROXY:
 * they are often set for something else, such as the installation of packages. EGRESS_PROXY_URL wins over both.
 * Lower case wins over upper case, as in curl.
 */
import { resolve } from 'node:path'
import { type NoProxy, parseNoProxy } from './no-proxy.js'
import { nameOf, type OutgoingProxy, parseProxy } from './outgoing-proxy.js'
import { type ClientCertificate, readAuthorities, readClientCertificate, readNodesExtra } from './trust.js'

export interface EgressSettings {
  /** The proxy for endpoints of each scheme; undefined for a direct connection. */
  proxies: Record<'http:' | 'https:', OutgoingProxy | undefined>
  /** Endpoints that are connected to directly in spite of a proxy. */
  noProxy: NoProxy
  /** Whether the proxy gets the endpoint's name. Otherwise it gets an address that was looked up and checked here. */
  proxyResolvesNames: boolean
  /** PEM. */
  authorities: string | undefined
  clientCertificate: ClientCertificate | undefined
  /** Variables that name a proxy but don't count, for the log. */
  ignored: string[]
}

/** The settings that are read here. Those without EGRESS_ are read in lower case too. */
export const egressSettingNames = [
  ...['EGRESS_PROXY_URL', 'EGRESS_CA_FILE', 'EGRESS_CLIENT_CERT_FILE', 'EGRESS_CLIENT_KEY_FILE'],
  ...['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'],
]

export const directEgress: EgressSettings = {
  proxies: { 'http:': undefined, 'https:': undefined },
  noProxy: () => false,
  proxyResolvesNames: false,
  authorities: undefined,
  clientCertificate: undefined,
  ignored: [],
}

type Given = Record<string, string | undefined>
/** Reads a setting, or notes its problem. */
type Attempt = <Value>(setting: string, read: () => Value) => Value | undefined

/** Reads the settings and collects all their problems. */
export function readEgress(given: Given): { egress: EgressSettings; problems: string[] } {
  const problems: string[] = []
  const attempt: Attempt = (setting, read) => {
    try {
      return read()
    } catch (error) {
      problems.push(`${setting} ${(error as Error).message}`)
      return undefined
    }
  }
  if ((given.EGRESS_CLIENT_CERT_FILE === undefined) !== (given.EGRESS_CLIENT_KEY_FILE === undefined)) {
    problems.push('EGRESS_CLIENT_CERT_FILE and EGRESS_CLIENT_KEY_FILE must be set both or neither')
  }
  return { egress: { ...readProxies(given, attempt), ...readFiles(given, attempt) }, problems }
}

type Proxied = Omit<EgressSettings, 'authorities' | 'clientCertificate'>

function readProxies(given: Given, attempt: Attempt): Proxied {
  const customary = { 'http:': nameIn(given, 'http_proxy'), 'https:': nameIn(given, 'https_proxy') }
  const direct = {
    ...directEgress,
    ignored: Object.values(customary).filter((name) => name !== undefined),
  }
  const readCustomary = (name: string | undefined) =>
    name === undefined ? undefined : attempt(name, () => parseProxy(withScheme(given[name] ?? '')))
  const readOwn = (text: string) => {
    const proxy = attempt('EGRESS_PROXY_URL', () => parseProxy(text))
    return { 'http:': proxy, 'https:': proxy }
  }

  const { EGRESS_PROXY_URL: own } = given
  if (own === undefined && given.EGRESS_PROXY_FROM_ENVIRONMENT !== 'true') return direct
  const noProxy = nameIn(given, 'no_proxy')
  return {
    proxies:
      own === undefined
        ? { 'http:': readCustomary(customary['http:']), 'https:': readCustomary(customary['https:']) }
        : readOwn(own),
    noProxy: (noProxy && attempt(noProxy, () => parseNoProxy(given[noProxy] ?? ''))) || direct.noProxy,
    proxyResolvesNames: given.EGRESS_PROXY_RESOLVES_NAMES === 'true',
    ignored: [],
  }
}

function readFiles(
  given: Given,
  attempt: Attempt,
): Pick<EgressSettings, 'authorities' | 'clientCertificate'> {
  const { EGRESS_CA_FILE: caFile, EGRESS_CLIENT_CERT_FILE: certFile, EGRESS_CLIENT_KEY_FILE: keyFile } = given
  const authorities = caFile && attempt('EGRESS_CA_FILE', () => readAuthorities(resolve(caFile)))
  const isPair = certFile !== undefined && keyFile !== undefined
  return {
    authorities: authorities && [authorities, ...readNodesExtra(given.NODE_EXTRA_CA_CERTS)].join('\n'),
    clientCertificate: isPair
      ? attempt('EGRESS_CLIENT_CERT_FILE', () => readClientCertificate(resolve(certFile), resolve(keyFile)))
      : undefined,
  }
}

/** The spelling that is set, lower case or upper case. */
function nameIn(given: Given, lowerCase: string): string | undefined {
  return [lowerCase, lowerCase.toUpperCase()].find((name) => given[name] !== undefined)
}

/** As in curl, `proxy:3128` means `http://proxy:3128`. */
const withScheme = (text: string): string => (text.includes('://') ? text : `http://${text}`)

/** The proxies for the log of a start, without their passwords. */
export function describeProxies({ proxies }: EgressSettings): Record<string, string> {
  const named = Object.entries(proxies).flatMap(([protocol, proxy]) =>
    proxy === undefined ? [] : [[protocol.replace(':', ''), nameOf(proxy)]],
  )
  return Object.fromEntries(named)
}
