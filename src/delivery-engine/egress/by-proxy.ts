/**
 * Connects to an endpoint through an outgoing proxy: with which name or address, and how often the proxy is asked.
 */
import type { LookupAddress } from 'node:dns'
import { isIP, type Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import type { NameLookup } from '../dns/name-lookup.js'
import { allowedAddresses } from './addresses.js'
import { type EgressGuard, EgressRefusedError } from './egress-guard.js'
import { type OutgoingProxy, ProxyRefusedError } from './outgoing-proxy.js'
import { openTunnel } from './tunnel.js'

export interface ByProxyOptions {
  guard: EgressGuard
  names: NameLookup
  proxy: OutgoingProxy
  /** Whether the proxy gets the endpoint's name. Otherwise it gets an address that was looked up and checked here. */
  resolvesNames: boolean
  secureContext: SecureContext
  endpoint: { protocol: string; hostname: string; port: number }
  signal: AbortSignal
  onWaiting(missing: string): void
}

/** Most addresses of an endpoint that the proxy is asked for: each one that it can't connect to costs time. */
const MAX_ADDRESSES = 4
/** How long the service's own look-up of a name may delay a proxy that resolves names itself. */
const OWN_LOOKUP_MS = 1000

/** @throws EgressRefusedError, ProxyError, the resolver's error or the signal's reason */
export async function openByProxy(options: ByProxyOptions): Promise<Socket> {
  const { endpoint, resolvesNames } = options
  const hosts = resolvesNames
    ? [await checkName(options)]
    : inOrder(await allowedAddresses({ ...options, hostname: endpoint.hostname }))
  let failure: unknown
  for (const host of hosts) {
    const authority = `${isIP(host) === 6 ? `[${host}]` : host}:${endpoint.port}`
    try {
      return await openTunnel({ ...options, authority })
    } catch (error) {
      failure ??= error
      if (!isWorthAnotherAddress(error)) break
    }
  }
  throw failure
}

/** IPv4 first: most proxies have no IPv6. */
function inOrder(addresses: LookupAddress[]): string[] {
  const byFamily = [...addresses].sort((one, other) => one.family - other.family)
  return byFamily.slice(0, MAX_ADDRESSES).map(({ address }) => address)
}

/** Whether the proxy tried to connect and failed, as opposed to refusing. */
function isWorthAnotherAddress(error: unknown): boolean {
  return error instanceof ProxyRefusedError && error.statusCode >= 500
}

/**
 * The proxy resolves the name, so its rules are the last check. But the service asks it for nothing that is known
 * to be private: addresses, names of loopback, and names that have only private addresses here too.
 */
async function checkName(options: ByProxyOptions): Promise<string> {
  const { guard, names, endpoint, signal } = options
  const { protocol, hostname } = endpoint
  const host = isIP(hostname) === 6 ? `[${hostname}]` : hostname
  const refusal = guard.checkUrl(new URL(`${protocol}//${host}`))
  if (refusal !== undefined) throw new EgressRefusedError(refusal)
  if (isIP(hostname) !== 0) return hostname
  const limited = AbortSignal.any([signal, AbortSignal.timeout(OWN_LOOKUP_MS)])
  try {
    await allowedAddresses({ guard, names, hostname, signal: limited })
  } catch (error) {
    if (error instanceof EgressRefusedError) throw error
  }
  return hostname
}
