/**
 * NO_PROXY, as curl reads it: hosts that are connected to directly. Entries are separated by commas or blanks:
 *
 * - `example.com` and `.example.com`: that host and every one below it; `*.example.com` means the same
 * - `10.0.0.5`, `fd00::1`, `10.0.0.0/8`, `fd00::/8`: endpoints with such an address in their URL; no name is looked up
 * - `*`: all of them
 *
 * curl knows no ports there, but Go and others do: behind `example.com:8443` or `[::1]:8443` only that port is meant.
 */
import { isIP } from 'node:net'
import { isInRange, parseAddress, parseCidr } from '../../platform/ip-ranges.js'

/** @param hostname as a URL has it, without IPv6's brackets */
export type NoProxy = (hostname: string, port: number) => boolean

/** @throws TypeError that names a malformed entry */
export function parseNoProxy(text: string): NoProxy {
  const entries = text
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .map(parseEntry)
  return (hostname, port) => {
    const name = withoutDots(hostname.toLowerCase())
    return entries.some((matches) => matches(name, port))
  }
}

function parseEntry(entry: string): NoProxy {
  if (entry === '*') return () => true
  if (entry.includes('/')) return matchesRange(entry)
  const [, host, digits] = /^(\[.+\]|[^:]+):(\d{1,5})$/.exec(entry) ?? [undefined, entry, undefined]
  const matches = matchesHost(withoutDots(host.replace(/^\[(.*)\]$/, '$1')))
  return digits === undefined ? matches : (name, port) => port === Number(digits) && matches(name, port)
}

function matchesHost(host: string): NoProxy {
  const address = parseAddress(host)
  if (address !== undefined) return (name) => parseAddress(name)?.toString() === address.toString()
  const domain = host.replace(/^\*?\./, '')
  if (!/^[^\s:*/]+$/.test(domain)) {
    throw new TypeError(`${JSON.stringify(host)} is not a host, a domain, an address or a CIDR range`)
  }
  return (name) => isIP(name) === 0 && (name === domain || name.endsWith(`.${domain}`))
}

function matchesRange(entry: string): NoProxy {
  const range = parseCidr(entry)
  return (name) => {
    const address = parseAddress(name)
    return address !== undefined && isInRange(address, range)
  }
}

const withoutDots = (name: string): string => name.replace(/\.+$/, '')
