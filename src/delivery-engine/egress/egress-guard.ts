/**
 * Keeps deliveries from reaching what only this machine or its network can reach (SSRF). Anyone who may create
 * a subscription chooses where this service connects to, so a target must have a public address, unless the
 * operator opened its range with DELIVERY_ALLOWED_CIDRS.
 *
 * A name says nothing: its owner can change the answer between a check and the connection (DNS rebinding). So
 * the guard is the resolver of the connection itself: the addresses it lets through are the very ones that are
 * connected to, and nothing is remembered. `checkUrl` is a courtesy to whoever enters a URL, not the defence.
 */
import type { LookupAddress } from 'node:dns'
import { lookup as resolveByDns } from 'node:dns/promises'
import { isIP, type LookupFunction } from 'node:net'
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
  /** For `net.connect`: resolves as `dns.lookup` does, but hands on only what may be connected to. */
  lookup: LookupFunction
}

type Resolve = (hostname: string, options: { family?: number; hints?: number }) => Promise<LookupAddress[]>

export interface EgressGuardOptions {
  /** Ranges that are allowed though they aren't public. */
  allowedCidrs: string[]
  /** Whether `http:` is refused, because whoever is on the way could read and change what is sent by it. */
  requireHttps?: boolean
  /** Answers with every address of a name; the system's resolver (`dns.lookup`) unless given. */
  resolve?: Resolve
}

const HTTPS_ONLY = 'Only https:// URLs are delivered to: DELIVERY_REQUIRE_HTTPS is on.'
const HOW_TO_OPEN = 'Deliveries go to public addresses only; DELIVERY_ALLOWED_CIDRS opens exceptions.'

/** @throws TypeError when one of `allowedCidrs` isn't a CIDR range. */
export function createEgressGuard(options: EgressGuardOptions): EgressGuard {
  const { requireHttps = false } = options
  const allowed = options.allowedCidrs.map(parseCidr)
  const resolve = shareLookups(options.resolve ?? resolveAll)

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

  const lookup: LookupFunction = (hostname, { family, hints, all }, callback) => {
    resolve(hostname, { ...(family && { family: familyNumber(family) }), ...(hints && { hints }) }).then(
      (addresses) => {
        const open = addresses.filter(({ address }) => isAllowed(address))
        const [first] = open
        if (first === undefined) callback(nothingToConnectTo(hostname, addresses), '')
        else if (all) callback(null, open)
        else callback(null, first.address, first.family)
      },
      (error: NodeJS.ErrnoException) => callback(error, ''),
    )
  }

  function nothingToConnectTo(hostname: string, [first]: LookupAddress[]): Error {
    if (first === undefined) {
      return Object.assign(new Error(`${hostname} has no address.`), { code: 'ENOTFOUND', hostname })
    }
    const example = refusal(first.address)
    return new EgressRefusedError(
      `${hostname} resolves only to non-public addresses: ${example}. ${HOW_TO_OPEN}`,
    )
  }

  return { isAllowed, refusal, checkUrl, schemeRefusal, lookup }
}

/** Why a literal can't be connected to, as the error of the connection. */
export function refusedAddress(guard: EgressGuard, literal: string): EgressRefusedError | undefined {
  const reason = guard.refusal(literal)
  return reason === undefined ? undefined : new EgressRefusedError(`${reason}. ${HOW_TO_OPEN}`)
}

const resolveAll: Resolve = (hostname, options) => resolveByDns(hostname, { ...options, all: true })

/**
 * One question for all who ask for a name at the same time. `dns.lookup` blocks a thread of a small pool until the
 * resolver answers, so a slow name that many deliveries wait for would otherwise hold all of them. Nothing is kept
 * once the answer is there.
 */
function shareLookups(resolve: Resolve): Resolve {
  const asked = new Map<string, Promise<LookupAddress[]>>()
  return (hostname, options) => {
    const question = `${hostname} ${options.family} ${options.hints}`
    const known = asked.get(question)
    if (known) return known
    const answer = resolve(hostname, options).finally(() => asked.delete(question))
    asked.set(question, answer)
    return answer
  }
}

/** The host without IPv6's brackets and without the dots that may end a name (`localhost.` is `localhost`). */
function bareHost(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.+$/, '')
}

function familyNumber(family: number | 'IPv4' | 'IPv6'): number {
  return typeof family === 'number' ? family : Number(family.slice(-1))
}
