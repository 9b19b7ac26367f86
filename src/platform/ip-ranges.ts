/**
 * Which IP addresses are public, as tables of data, and how an address or a CIDR range is read.
 *
 * IPv4 is public unless listed. IPv6 is the other way round: only global unicast (2000::/3, RFC 4291 §2.4)
 * minus what is listed is public, so a block that IANA gives a meaning tomorrow is refused today.
 * (Node's own `BlockList` was weighed: it can't look at the IPv4 address inside a NAT64 or 6to4 one.)
 * Sources: IANA's special-purpose address registries (RFC 6890) and the RFCs named beside each range.
 */
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

export type Address = ipaddr.IPv4 | ipaddr.IPv6
export type CidrRange = [Address, number]

const NON_PUBLIC_IPV4 = table({
  '0.0.0.0/8': 'this network', // RFC 791 §3.2; connecting to 0.0.0.0 reaches the own machine
  '10.0.0.0/8': 'private', // RFC 1918
  '100.64.0.0/10': 'shared by carriers', // RFC 6598
  '127.0.0.0/8': 'loopback', // RFC 1122 §3.2.1.3
  '169.254.0.0/16': 'link-local', // RFC 3927; clouds serve credentials at 169.254.169.254
  '172.16.0.0/12': 'private', // RFC 1918
  '192.0.0.0/24': 'protocol assignments', // RFC 6890 §2.1
  '192.0.2.0/24': 'documentation', // RFC 5737
  '192.88.99.0/24': '6to4 relays', // RFC 7526
  '192.168.0.0/16': 'private', // RFC 1918
  '198.18.0.0/15': 'benchmarking', // RFC 2544
  '198.51.100.0/24': 'documentation', // RFC 5737
  '203.0.113.0/24': 'documentation', // RFC 5737
  '224.0.0.0/4': 'multicast', // RFC 5771
  '240.0.0.0/4': 'reserved', // RFC 1112 §4; holds the broadcast address 255.255.255.255
})

/** What 2000::/3 holds that isn't public, and names for the ranges outside it that people meet. */
const NON_PUBLIC_IPV6 = table({
  '2001::/23': 'protocol assignments', // RFC 2928: Teredo, benchmarking, ORCHID and their like
  '2001:db8::/32': 'documentation', // RFC 3849
  '3fff::/20': 'documentation', // RFC 9637
  '::/128': 'unspecified', // RFC 4291 §2.5.2
  '::1/128': 'loopback', // RFC 4291 §2.5.3
  '::/96': 'IPv4-compatible', // RFC 4291 §2.5.5.1, long deprecated, so nothing public lives there
  '64:ff9b:1::/48': 'local NAT64', // RFC 8215
  '100::/64': 'discard-only', // RFC 6666
  '5f00::/16': 'segment routing', // RFC 9602
  'fc00::/7': 'private', // RFC 4193
  'fe80::/10': 'link-local', // RFC 4291 §2.5.6
  'fec0::/10': 'site-local', // RFC 3879
  'ff00::/8': 'multicast', // RFC 4291 §2.7
})

const GLOBAL_UNICAST = parseCidr('2000::/3')

/** IPv6 addresses that carry an IPv4 one, which is where the packets end up; `byte` is where it begins. */
const IPV4_INSIDE = [
  { range: parseCidr('64:ff9b::/96'), byte: 12 }, // NAT64, RFC 6052 §2.1
  { range: parseCidr('2002::/16'), byte: 2 }, // 6to4, RFC 3056 §2
]

/**
 * Reads an IPv4 or IPv6 literal; `undefined` for anything else, including IPv4 in octal or hex (a `URL` has
 * already turned those into dotted decimals) and IPv6 with a zone id, which names an interface of this machine.
 * An IPv4-mapped address (::ffff:0:0/96) comes back as the IPv4 one, because that is what gets connected to.
 */
export function parseAddress(text: string): Address | undefined {
  if (isIP(text) === 0 || text.includes('%')) return undefined
  const address = readLiteral(text)
  return address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() ? address.toIPv4Address() : address
}

/**
 * Reads a range such as `10.0.0.0/8` or `fd00::/8`. A range of IPv4-mapped addresses becomes the IPv4 range.
 *
 * @throws TypeError when it isn't one.
 */
export function parseCidr(text: string): CidrRange {
  const [, literal = '', digits = ''] = /^([\d.]+|[\da-f:.]+)\/(\d{1,3})$/i.exec(text) ?? []
  const version = isIP(literal)
  const bits = Number(digits)
  if (version === 0 || bits > (version === 4 ? 32 : 128)) {
    throw new TypeError(`${JSON.stringify(text)} is not a CIDR range such as 10.0.0.0/8 or fd00::/8`)
  }
  const address = readLiteral(literal)
  const isMapped = address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() && bits >= 96
  return isMapped ? [address.toIPv4Address(), bits - 96] : [address, bits]
}

/**
 * The same for a setting in which bits past the prefix are a slip: `10.0.0.7/8` for `10.0.0.7/32`, which is far less.
 *
 * @throws TypeError when it isn't one, or names more than it seems to.
 */
export function parseNetwork(text: string): CidrRange {
  const [address, bits] = parseCidr(text)
  const kind = address.kind() === 'ipv4' ? ipaddr.IPv4 : ipaddr.IPv6
  const network = kind.networkAddressFromCIDR(`${address}/${bits}`)
  if (network.toString() === address.toString()) return [address, bits]
  const one = `${address}/${address.kind() === 'ipv4' ? 32 : 128}`
  throw new TypeError(
    `${JSON.stringify(text)} is an address within a range: write ${network}/${bits} for the range, or ${one} for the address`,
  )
}

/**
 * IPv6 goes through `URL`, which writes it without dots: `ipaddr.js` takes the IPv4-compatible `::8.8.8.8`, as
 * resolvers spell it, for the IPv4-mapped `::ffff:8.8.8.8`.
 */
function readLiteral(literal: string): Address {
  return ipaddr.parse(isIP(literal) === 4 ? literal : new URL(`http://[${literal}]`).hostname.slice(1, -1))
}

export function isInRange(address: Address, range: CidrRange): boolean {
  return address.kind() === range[0].kind() && address.match(range)
}

/** The range that keeps an address from being public, in words: `private, 10.0.0.0/8`; `undefined` if it is. */
export function whyNotPublic(address: Address): string | undefined {
  if (address instanceof ipaddr.IPv4) return firstMatch(NON_PUBLIC_IPV4, address)

  const inside = IPV4_INSIDE.find(({ range }) => isInRange(address, range))
  if (inside !== undefined) {
    const bytes = address.toByteArray().slice(inside.byte, inside.byte + 4)
    return whyNotPublic(ipaddr.fromByteArray(bytes))
  }
  const listed = firstMatch(NON_PUBLIC_IPV6, address)
  return listed ?? (isInRange(address, GLOBAL_UNICAST) ? undefined : 'reserved, outside of 2000::/3')
}

interface NamedRange {
  range: CidrRange
  description: string
}

function table(names: Record<string, string>): NamedRange[] {
  return Object.entries(names).map(([cidr, name]) => ({
    range: parseCidr(cidr),
    description: `${name}, ${cidr}`,
  }))
}

function firstMatch(ranges: NamedRange[], address: Address): string | undefined {
  return ranges.find(({ range }) => isInRange(address, range))?.description
}

/** Whether a text is an address in one of these ranges. */
export function isInAnyRange(text: string, ranges: readonly CidrRange[]): boolean {
  const address = parseAddress(text)
  return address !== undefined && ranges.some((range) => isInRange(address, range))
}
