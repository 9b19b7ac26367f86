/**
 * The settings of the ways out: through which proxy, with which certificates.
 *
 * The customary HTTP_PROXY and HTTPS_PROXY count only when EGRESS_PROXY_FROM_ENVIRONMENT says so, as Node.js itself asks
 * for NODE_USE_ENV_PROXY: they are often there for something else, such as the installation of packages, and an upgrade
 * must not send deliveries another way. EGRESS_PROXY_URL wins over both. Lower case wins over upper, as with curl.
 */
import { resolve } from 'node:path'
import { type NoProxy, parseNoProxy } from './no-proxy.js'
import { nameOf, type OutgoingProxy, parseProxy } from './outgoing-proxy.js'
import { type ClientCertificate, readAuthorities, readClientCertificate, readNodesExtra } from './trust.js'

export interface EgressSettings {
  /** For endpoints of `http:` and of `https:`; none: directly. */
  proxies: Record<'http:' | 'https:', OutgoingProxy | undefined>
  /** Which endpoints are connected to directly all the same. */
  noProxy: NoProxy
  /** Whether a proxy is given an endpoint's name. Otherwise it is given an address that was looked up and checked here. */
  proxyResolvesNames: boolean
  /** PEM. */
  authorities: string | undefined
  clientCertificate: ClientCertificate | undefined
  /** Customary variables that name a proxy, but don't count. */
  ignored: string[]
}

/** What is read here; the customary ones in lower case too. */
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
/** Reads a setting, or notes what is wrong with it. */
type Attempt = <Value>(setting: string, read: () => Value) => Value | undefined

/** Reads them, and everything that is wrong with them. */
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

/** Which of the two spellings is set. */
function nameIn(given: Given, lowerCase: string): string | undefined {
  return [lowerCase, lowerCase.toUpperCase()].find((name) => given[name] !== undefined)
}

/** As curl takes it: `proxy:3128` is http. */
const withScheme = (text: string): string => (text.includes('://') ? text : `http://${text}`)

/** For the log of a start: which proxies, without what it takes to use them. */
export function describeProxies({ proxies }: EgressSettings): Record<string, string> {
  const named = Object.entries(proxies).flatMap(([protocol, proxy]) =>
    proxy === undefined ? [] : [[protocol.replace(':', ''), nameOf(proxy)]],
  )
  return Object.fromEntries(named)
}
