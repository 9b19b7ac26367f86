/**
 * Which pages may use the service from a browser. A page of another origin needs to be in CORS_ORIGINS, over WebSocket
 * as over HTTP: browsers send cookies and follow no CORS there, but always send `Origin` (RFC 6455 §10.2).
 *
 * A page can also make its own name point to this machine (DNS rebinding), and then shares its origin with the service.
 * So what is meant for a developer in front of this machine is given only to names that no stranger can own.
 */
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'

export interface OriginRules {
  corsOrigins: string[]
  /** Whether pages of the service's own origin must have come by a local name; see `isLocalHost`. */
  requireLocalHost: boolean
}

/** Why a page may not open a WebSocket; undefined for one that may, and for a client that is no browser. */
export function originRefusal({ headers }: IncomingMessage, rules: OriginRules): string | undefined {
  const { origin, host = '' } = headers
  if (origin === undefined || rules.corsOrigins.includes(origin)) return undefined
  const isOwn = URL.canParse(origin) && new URL(origin).host === host.toLowerCase()
  if (isOwn && (!rules.requireLocalHost || isLocalHost(host))) return undefined
  return `Pages of ${JSON.stringify(origin.slice(0, 200))} may not use this service. CORS_ORIGINS names those that may.`
}

/** Whether a `Host` is an address or a loopback name (RFC 6761 §6.3), which nobody else's DNS can answer for. */
export function isLocalHost(host: string): boolean {
  const name = host
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
    .toLowerCase()
  return isIP(name) !== 0 || name === 'localhost' || name.endsWith('.localhost')
}
