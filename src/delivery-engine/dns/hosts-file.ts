/** The names in `/etc/hosts`, see hosts(5). */
import type { LookupAddress } from 'node:dns'
import { isIP } from 'node:net'
import { watchFile } from './watched-file.js'

type HostsFile = Map<string, LookupAddress[]>

/** The addresses of a name in lower case, in the order of the file. */
export function openHostsFile(path: string): (name: string) => LookupAddress[] | undefined {
  const read = watchFile(path, parseHosts)
  return (name) => read().get(name)
}

function parseHosts(text: string): HostsFile {
  const hosts: HostsFile = new Map()
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/)
    const family = isIP(address)
    if (family === 0) continue
    for (const name of names.map((each) => each.toLowerCase())) {
      const known = hosts.get(name)
      if (known === undefined) hosts.set(name, [{ address, family }])
      else if (!known.some((each) => each.address === address)) known.push({ address, family })
    }
  }
  return hosts
}
