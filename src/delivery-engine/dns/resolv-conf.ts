/**
 * What `/etc/resolv.conf` says about short names, see resolv.conf(5). The name servers in it are read by c-ares, the
 * resolver in Node.js, which knows no search domains.
 */
import { hostname } from 'node:os'
import { watchFile } from './watched-file.js'

export interface ResolvConf {
  /** Domains that a name may be in. */
  search: string[]
  /** A name with fewer dots is looked up in the search domains first. */
  ndots: number
}

const MAX_NDOTS = 15
const MAX_SEARCH_DOMAINS = 32

export function openResolvConf(path: string): () => ResolvConf {
  return watchFile(path, parseResolvConf)
}

/** The names to look up for a host, in order. A name that ends with a dot is in no search domain. */
export function candidateNames(host: string, { search, ndots }: ResolvConf): string[] {
  if (host.endsWith('.')) return [host]
  const inDomains = search.map((domain) => `${host}.${domain}`)
  const dots = host.split('.').length - 1
  return dots >= ndots ? [host, ...inDomains] : [...inDomains, host]
}

function parseResolvConf(text: string): ResolvConf {
  // Without a list, names may be in the domain of this machine.
  let search = [hostname().split('.').slice(1).join('.')]
  let ndots = 1
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line.trim().split(/\s+/)
    // The last of them counts.
    if (keyword === 'search' || keyword === 'domain') search = values
    const given = keyword === 'options' && values.find((option) => /^ndots:\d+$/.test(option))
    if (given) ndots = Math.min(Number(given.slice('ndots:'.length)), MAX_NDOTS)
  }
  const domains = search.map((domain) => domain.replace(/\.$/, '')).filter((domain) => domain !== '')
  return { search: domains.slice(0, MAX_SEARCH_DOMAINS), ndots }
}
