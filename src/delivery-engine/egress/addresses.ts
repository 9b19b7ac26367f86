/**
 * The addresses of an endpoint that may be connected to. They are checked for each connection, even when the
 * look-up is answered from memory.
 */
import type { LookupAddress } from 'node:dns'
import { isIP } from 'node:net'
import type { NameLookup } from '../dns/name-lookup.js'
import { type EgressGuard, refusedAddresses } from './egress-guard.js'

export interface AllowedAddressesOptions {
  guard: EgressGuard
  names: NameLookup
  hostname: string
  signal: AbortSignal
}

/** @throws EgressRefusedError when there are none, NameLookupError, or the signal's reason */
export async function allowedAddresses(options: AllowedAddressesOptions): Promise<LookupAddress[]> {
  const { guard, names, hostname, signal } = options
  const addresses = await addressesOf(names, hostname, signal)
  const allowed = addresses.filter(({ address }) => guard.isAllowed(address))
  if (allowed.length > 0) return allowed
  throw refusedAddresses(
    guard,
    hostname,
    addresses.map(({ address }) => address),
  )
}

/** The addresses of a name, or the address that the host is. */
export async function addressesOf(
  names: NameLookup,
  hostname: string,
  signal: AbortSignal,
): Promise<LookupAddress[]> {
  const family = isIP(hostname)
  return family === 0 ? names.find(hostname, signal) : [{ address: hostname, family }]
}
