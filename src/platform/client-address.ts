/**
 * Whose request it is, where proxies stand in between. Each of them adds to the end of `X-Forwarded-For` the address that
 * connected to it, and anybody may send the header with something in it already. So it is read from the right, for as
 * long as a trusted proxy vouches for what stands there.
 */
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { type CidrRange, isInAnyRange, parseAddress } from './ip-ranges.js'

/** Absent when the connection has ended. */
export type AddressOf = (request: Pick<IncomingMessage, 'headers' | 'socket'>) => string | undefined

/** @param trustedProxies whose word is believed; of no one by default */
export function createAddressOf(trustedProxies: CidrRange[] = []): AddressOf {
  const isTrusted = (text: string): boolean => isInAnyRange(text, trustedProxies)

  return ({ headers, socket }) => {
    let address = socket.remoteAddress
    if (trustedProxies.length === 0 || address === undefined) return address
    // Node.js joins headers of this name by commas.
    const forwarded = String(headers['x-forwarded-for'] ?? '').split(',')
    while (isTrusted(address)) {
      const before = readHop(forwarded.pop())
      // Nothing, or nothing that is an address: the last proxy that is known stands for whoever is behind it.
      if (before === undefined) return address
      address = before
    }
    return address
  }
}

/** Some proxies add the port: `203.0.113.7:4711`, `[2001:db8::7]:4711`. */
function readHop(text = ''): string | undefined {
  const hop = text.trim()
  const literal = /^\[(.*)\](?::\d+)?$/.exec(hop)?.[1] ?? /^([\d.]+):\d+$/.exec(hop)?.[1] ?? hop
  return isIP(literal) === 0 ? undefined : literal
}

/** What limits count as one client: an IPv4 address, or the /64 of an IPv6 one, all of which a single host may use. */
export function addressGroup(text: string): string {
  const address = parseAddress(text)
  return address?.kind() === 'ipv6' ? address.toByteArray().slice(0, 8).join(':') : String(address ?? text)
}
