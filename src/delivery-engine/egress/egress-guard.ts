/**
 * The egress guard refuses endpoints on this machine and in private networks (SSRF). Anyone who may create a
 * subscription chooses where this service connects to, so an endpoint must have a public address, unless the
 * operator allowed its range with DELIVERY_ALLOWED_CIDRS.
 *
 * The owner of a name can change its addresses between a check and the connection (DNS rebinding). So the addresses
 * that were checked are the ones that are connected to, at each connection again (`addresses.ts`). `checkUrl` only
 * gives an early error when a URL is entered.
 */
import { isIP } from 'node:net'
import { isInRange, parseAddress, parseCidr, whyNotPublic } from '../../platform/ip-ranges.js'

export class EgressRefusedError extends Error {
  override readonly name = 'EgressRefusedError'
  readonly code = 'EGRESS_REFUSED'
}

export interface EgressGuard {
  /** Whether an IPv4 or IPv6 literal may be connected to. */
  isAllowed(address: string): boolean
  /** Why an address may not be connected to: `10.0.0.5 is not a public address (private, 10.0.0.0/8)`. */
  refusal(address: string): string | undefined
  /** Why an http or https URL can be refused without asking DNS, as a sentence; `undefined` when it can't. */
  checkUrl(url: URL): string | undefined
  /** Why this scheme (`http:`) may not be spoken, as a sentence. */
  schemeRefusal(protocol: string | undefined): string | undefined
}

export interface EgressGuardOptions {
  /** Ranges that are allowed though they aren't public. */
  allowedCidrs: string[]
  /** Whether `http:` is refused: others on the network could read and change what is sent. */
  requireHttps?: boolean
}

const HTTPS_ONLY = 'Only https:// URLs are delivered to: DELIVERY_REQUIRE_HTTPS is on.'
const HOW_TO_OPEN = 'Deliveries go to public addresses only; DELIVERY_ALLOWED_CIDRS opens exceptions.'

/** @throws TypeError when one of `allowedCidrs` isn't a CIDR range. */
export function createEgressGuard(options: EgressGuardOptions): EgressGuard {
  const { requireHttps = false } = options
  const allowed = options.allowedCidrs.map(parseCidr)

  function refusal(literal: string): string | undefined {
    const address = parseAddress(literal)
    if (address === undefined) return `${literal} is not a plain IPv4 or IPv6 address`
    if (allowed.some((range) => isInRange(address, range))) return undefined
    const reason = whyNotPublic(address)
    return reason === undefined ? undefined : `${literal} is not a public address (${reason})`
  }

  const isAllowed = (literal: string): boolean => refusal(literal) === undefined

  const schemeRefusal = (protocol: string | undefined): string | undefined =>
    requireHttps && protocol !== 'https:' ? HTTPS_ONLY : undefined

  function checkUrl(url: URL): string | undefined {
    const scheme = schemeRefusal(url.protocol)
    if (scheme !== undefined) return scheme
    const host = bareHost(url)
    if (isIP(host) !== 0) {
      const reason = refusal(host)
      return reason && `${reason}. ${HOW_TO_OPEN}`
    }
    // RFC 6761 §6.3: these names are loopback wherever they are asked for.
    const isLoopbackName = host === 'localhost' || host.endsWith('.localhost')
    if (!isLoopbackName || isAllowed('127.0.0.1') || isAllowed('::1')) return undefined
    return `${host} is this machine's own name (loopback). ${HOW_TO_OPEN}`
  }

  return { isAllowed, refusal, checkUrl, schemeRefusal }
}

/** Why a literal can't be connected to, as the error of the connection. */
export function refusedAddress(guard: EgressGuard, literal: string): EgressRefusedError | undefined {
  const reason = guard.refusal(literal)
  return reason === undefined ? undefined : new EgressRefusedError(`${reason}. ${HOW_TO_OPEN}`)
}

/** Why none of an endpoint's addresses can be connected to, by the example of the first. */
export function refusedAddresses(
  guard: EgressGuard,
  hostname: string,
  [first = hostname]: string[],
): EgressRefusedError {
  const subject = first === hostname ? '' : `${hostname} resolves only to non-public addresses: `
  return new EgressRefusedError(`${subject}${guard.refusal(first)}. ${HOW_TO_OPEN}`)
}

/** The host without IPv6's brackets and without the dots that may end a name (`localhost.` is `localhost`). */
function bareHost(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.+$/, '')
}
