/**
 * Reads `REDIS_URL`: one server (by TCP, TLS or a Unix socket), some nodes of a Cluster, or the Sentinels of a server.
 * Its parts are those of RFC 3986, but with several hosts, which WHATWG's URL doesn't allow. Errors never contain the
 * URL, because it has a password.
 */

export interface RedisNode {
  host: string
  port: number
}

interface Common {
  username: string | undefined
  password: string | undefined
  /** TLS, also to the Sentinels. */
  isEncrypted: boolean
  /** Always 0 in a Cluster. */
  db: number
}

export interface ServerAddress extends Common, RedisNode {
  kind: 'server'
  /** The IP version that names are looked up for; 0 for both. */
  family: 0 | 4 | 6
}

export interface SocketAddress extends Common {
  kind: 'socket'
  path: string
}

export interface ClusterAddress extends Common {
  kind: 'cluster'
  /** Some nodes, which know the others. */
  nodes: RedisNode[]
}

export interface SentinelAddress extends Common {
  kind: 'sentinel'
  sentinels: RedisNode[]
  /** The name in `sentinel monitor <master-name> …`. */
  masterName: string
  sentinelUsername: string | undefined
  sentinelPassword: string | undefined
}

export type RedisAddress = ServerAddress | SocketAddress | ClusterAddress | SentinelAddress

export const DEFAULT_PORT = 6379
const DEFAULT_SENTINEL_PORT = 26_379

const SCHEMES = ['redis', 'rediss', 'redis+sentinel', 'rediss+sentinel', 'redis+unix', 'unix']
const FORM = /^([a-z+]+):\/\/(?:([^@/?#]*)@)?([^@/?#]*)(\/[^@?#]*)?(?:\?([^#]*))?$/i

/** @throws Error whose message follows the name of the setting: `must …` */
export function parseRedisUrl(text: string): RedisAddress {
  const [, scheme = '', userInfo = '', hosts = '', path = '', query = ''] = FORM.exec(text) ?? []
  const kind = scheme.toLowerCase()
  if (!SCHEMES.includes(kind)) {
    const begins = SCHEMES.map((one) => `${one}://`).join(', ')
    const isForm =
      /^\w[\w+]*:\/\//.test(text) && SCHEMES.includes(text.slice(0, text.indexOf(':')).toLowerCase())
    throw new Error(
      isForm
        ? 'must have @, /, ? and # in a user or password percent-encoded (%40, %2F, %3F, %23)'
        : `must be a URL that begins with one of ${begins}`,
    )
  }
  const common = { ...parseUser(userInfo), isEncrypted: kind.startsWith('rediss'), db: 0 }
  if (kind.endsWith('unix')) return parseSocket(hosts, path, query, common)
  if (kind.endsWith('+sentinel')) return parseSentinel(hosts, path, query, common)
  const nodes = parseNodes(hosts, DEFAULT_PORT)
  return nodes.length > 1 ? toCluster(nodes, path, query, common) : toServer(nodes, path, query, common)
}

function toServer(nodes: RedisNode[], path: string, query: string, common: Common): ServerAddress {
  const options = parseQuery(query, ['db', 'family'])
  const family = Number(options.family ?? 0)
  if (family !== 0 && family !== 4 && family !== 6) throw new Error('must have family=0, 4 or 6')
  const db = parseDatabase(path.slice(1) || options.db)
  return { kind: 'server', ...common, ...(nodes[0] as RedisNode), db, family }
}

function toCluster(nodes: RedisNode[], path: string, query: string, common: Common): ClusterAddress {
  parseQuery(query, [])
  if (parseDatabase(path.slice(1)) !== 0) {
    throw new Error('must name no database, or 0: several hosts mean a Redis Cluster, which has no other')
  }
  return { kind: 'cluster', ...common, nodes }
}

function parseSentinel(hosts: string, path: string, query: string, common: Common): SentinelAddress {
  const options = parseQuery(query, ['sentinelUsername', 'sentinelPassword'])
  const [masterName = '', db, ...rest] = path.slice(1).split('/')
  if (masterName === '' || rest.length > 0) {
    throw new Error(
      'must name the master that the Sentinels watch: redis+sentinel://host:port,host:port/<master name>',
    )
  }
  return {
    kind: 'sentinel',
    ...common,
    sentinels: parseNodes(hosts, DEFAULT_SENTINEL_PORT),
    masterName: decode(masterName),
    db: parseDatabase(db),
    sentinelUsername: options.sentinelUsername,
    sentinelPassword: options.sentinelPassword,
  }
}

function parseSocket(hosts: string, path: string, query: string, common: Common): SocketAddress {
  if (hosts !== '' || path.length < 2) {
    throw new Error('must name the socket by its whole path: redis+unix:///run/redis/redis.sock')
  }
  const options = parseQuery(query, ['db'])
  return { kind: 'socket', ...common, path: decode(path), db: parseDatabase(options.db) }
}

function parseUser(userInfo: string): Pick<Common, 'username' | 'password'> {
  if (userInfo === '') return { username: undefined, password: undefined }
  const colon = userInfo.indexOf(':')
  if (colon < 0) {
    throw new Error('must have a password beside the user (user:password@), or a password alone (:password@)')
  }
  const [username, password] = [userInfo.slice(0, colon), userInfo.slice(colon + 1)].map(decode)
  return { username: username || undefined, password: password || undefined }
}

function parseNodes(hosts: string, defaultPort: number): RedisNode[] {
  return hosts.split(',').map((text) => {
    const [, ipv6, name, port] = /^(?:\[([\da-f:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/i.exec(text.trim()) ?? []
    const host = ipv6 ?? name
    const number = port === undefined ? defaultPort : Number(port)
    if (host === undefined || number < 1 || number > 65_535) {
      throw new Error('must have hosts of the form host:port, with commas between them and IPv6 in brackets')
    }
    return { host, port: number }
  })
}

function parseDatabase(text = ''): number {
  if (!/^\d{0,5}$/.test(text)) throw new Error('must name the database by its number')
  return Number(text)
}

function parseQuery(query: string, known: string[]): Record<string, string | undefined> {
  const options = new URLSearchParams(query)
  const unknown = [...options.keys()].find((name) => !known.includes(name))
  if (unknown !== undefined) {
    const these = known.length > 0 ? `; in this form there are ${known.join(' and ')}` : ''
    throw new Error(`has the option ${JSON.stringify(unknown.slice(0, 64))}, which is unknown${these}`)
  }
  return Object.fromEntries(options)
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new Error('must have each % in a user, password or name written as %25')
  }
}
