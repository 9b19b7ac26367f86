/** Asks the name servers for the addresses of one name, IPv4 and IPv6 at the same time. */
import type { LookupAddress, RecordWithTtl } from 'node:dns'
import { CANCELLED, Resolver } from 'node:dns/promises'
import { networkInterfaces } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'
import { NameLookupError, NO_ANSWER, NOT_FOUND, TEMPORARY_FAILURE } from './name-lookup-error.js'

/** Of one question to one server. The next server is asked then; after the last, all again with more patience. */
const QUERY_TIMEOUT_MS = 500
const ROUNDS = 4
/** How long the second family may take after the first has answered (RFC 8305 §3). Some servers never answer it. */
const SECOND_FAMILY_MS = 50

export interface DnsAnswer {
  addresses: LookupAddress[]
  ttlMs: number
}

/** @throws NameLookupError, also when the signal ends the query */
export async function queryAddresses(
  name: string,
  signal: AbortSignal,
  servers?: string[],
): Promise<DnsAnswer> {
  signal.throwIfAborted()
  // A resolver of its own can be cancelled alone, and has read /etc/resolv.conf as it is now. It takes 50 µs.
  const resolver = new Resolver({ timeout: QUERY_TIMEOUT_MS, tries: ROUNDS })
  if (servers !== undefined) resolver.setServers(servers)
  const cancel = () => resolver.cancel()
  signal.addEventListener('abort', cancel, { once: true })
  try {
    return await queryFamilies(resolver, name)
  } finally {
    signal.removeEventListener('abort', cancel)
    resolver.cancel()
  }
}

async function queryFamilies(resolver: Resolver, name: string): Promise<DnsAnswer> {
  const records: (RecordWithTtl & LookupAddress)[] = []
  const add = (family: number) => (found: RecordWithTtl[]) =>
    void records.push(...found.map((record) => ({ ...record, family })))
  const queries = [
    resolver.resolve4(name, { ttl: true }).then(add(4)),
    resolver.resolve6(name, { ttl: true }).then(add(6)),
  ]
  const settled = Promise.allSettled(queries)
  const first = await Promise.any(queries).catch((error: AggregateError) => error)
  if (first instanceof AggregateError) throw toLookupError(name, first.errors)
  await Promise.race([settled, pause(SECOND_FAMILY_MS)])
  const preferred = hasPublicIpv6() ? 6 : 4
  const addresses = records
    .map(({ address, family }) => ({ address, family }))
    .sort((one, other) => Number(other.family === preferred) - Number(one.family === preferred))
  return { addresses, ttlMs: Math.min(...records.map(({ ttl }) => ttl)) * 1000 }
}

/** Of both families: that there is no address must be said of both. */
function toLookupError(name: string, errors: NodeJS.ErrnoException[]): NameLookupError {
  const codes = errors.map((error) => failureOf(error.code))
  const code = codes.find((each) => each !== NOT_FOUND) ?? NOT_FOUND
  return new NameLookupError(code, name, { cause: errors[0] })
}

function failureOf(code: string | undefined) {
  // EBADNAME: no name that DNS could hold.
  if (code === 'ENOTFOUND' || code === 'ENODATA' || code === 'EBADNAME') return NOT_FOUND
  return code === 'ETIMEOUT' || code === CANCELLED ? NO_ANSWER : TEMPORARY_FAILURE
}

/** Whether this machine has an IPv6 address for the internet: then getaddrinfo, too, prefers IPv6 (RFC 6724). */
function hasPublicIpv6(): boolean {
  return Object.values(networkInterfaces()).some((addresses = []) =>
    addresses.some(
      ({ family, address, internal }) => family === 'IPv6' && !internal && /^[23]/.test(address),
    ),
  )
}
