/** The addresses of an endpoint that may be connected to. */
import type { LookupAddress } from 'node:dns'
import { isIP } from 'node:net'
import { type EgressGuard, refusedAddress } from './egress-guard.js'

/** @throws EgressRefusedError when there are none, or the resolver's error */
export async function allowedAddresses(guard: EgressGuard, hostname: string): Promise<LookupAddress[]> {
  const family = isIP(hostname)
  if (family === 0) return lookUp(guard, hostname)
  const refused = refusedAddress(guard, hostname)
  if (refused !== undefined) throw refused
  return [{ address: hostname, family }]
}

function lookUp(guard: EgressGuard, hostname: string): Promise<LookupAddress[]> {
  return new Promise((resolve, reject) => {
    guard.lookup(hostname, { all: true }, (error, addresses) =>
      error ? reject(error) : resolve(addresses as LookupAddress[]),
    )
  })
}
