/**
 * The address of the client behind proxies. Each proxy appends the address that connected to it to `X-Forwarded-For`,
 * and a client may send the header with false addresses. So the header is read from the right, for as long as the
 * address is that of a trusted proxy.
 */
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { type CidrRange, isInAnyRange, parseAddress } from './ip-ranges.js'

/** Absent when the connection has ended. */
export type AddressOf = (request: Pick<IncomingMessage, 'headers' | 'socket'>) => string | undefined

/** @param trustedProxies whose `X-Forwarded-For` is believed; none by default */
export function createAddressOf(trustedProxies: CidrRange[] = []): AddressOf {
  const isTrusted = (text: string): boolean => isInAnyRange(text, trustedProxies)

  return ({ headers, socket }) => {
    let address = socket.remoteAddress
    if (trustedProxies.length === 0 || address === undefined) return address
    // Node.js joins headers of this name by commas.
    const forwarded = String(headers['x-forwarded-for'] ?? '').split(',')
    while (isTrusted(address)) {
      const before = readHop(forwarded.pop())
      // Not an address: the last known proxy stands for all clients behind it.
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

/** What limits count as one client: an IPv4 address, or the /64 of an IPv6 address, which one host may use entirely. */
export function addressGroup(text: string): string {
  const address = parseAddress(text)
  return address?.kind() === 'ipv6' ? address.toByteArray().slice(0, 8).join(':') : String(address ?? text)
}
