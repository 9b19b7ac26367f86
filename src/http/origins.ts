/**
 * Decides whether a page in a browser may use the service. CORS_ORIGINS must contain the origin of any other page, over
 * WebSocket as over HTTP: for a WebSocket, browsers send cookies and ignore CORS, but always send `Origin` (RFC 6455
 * §10.2).
 *
 * An attacker's page can also make its own name point to this machine (DNS rebinding). It then shares its origin with
 * the service. So the service offers pages for a local developer only under local names, because no stranger can own
 * one.
 */
import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'

export interface OriginRules {
  corsOrigins: string[]
  /** Whether pages of the service's own origin need a local name; see `isLocalHost`. */
  requireLocalHost: boolean
}

/** @returns why a page may not open a WebSocket; undefined when it may, or when the client is no browser */
export function originRefusal({ headers }: IncomingMessage, rules: OriginRules): string | undefined {
  const { origin, host = '' } = headers
  if (origin === undefined || rules.corsOrigins.includes(origin)) return undefined
  const isOwn = URL.canParse(origin) && new URL(origin).host === host.toLowerCase()
  if (isOwn && (!rules.requireLocalHost || isLocalHost(host))) return undefined
  return `Pages of ${JSON.stringify(origin.slice(0, 200))} may not use this service. CORS_ORIGINS names those that may.`
}

/** Whether `host` is an address or a loopback name (RFC 6761 §6.3). A stranger's DNS can't answer for either. */
export function isLocalHost(host: string): boolean {
  const name = host
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
    .toLowerCase()
  return isIP(name) !== 0 || name === 'localhost' || name.endsWith('.localhost')
}
