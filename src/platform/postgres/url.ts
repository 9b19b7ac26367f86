/**
 * What a `DATABASE_URL` says beside what the driver reads: several hosts, as libpq takes them, and the parameters that
 * Prisma's users know. The driver gets one URL for each host, with only the parameters that are its own.
 */

export interface PostgresTarget {
  /** One URL for each host, in their order. */
  urls: string[]
  /** Where tables, types and functions are: `?schema=`, or `public`. */
  schema: string
  /** Whether only a server that takes writes will do: among several always, else by `?target_session_attrs=`. */
  mustBeWritable: boolean
}

const DEFAULT_SCHEMA = 'public'

/** Parameters of Prisma's own engines, which a server would refuse, and those that are read here. */
const notForTheDriver = [
  'schema',
  'target_session_attrs',
  'pgbouncer',
  'connection_limit',
  'pool_timeout',
  'socket_timeout',
  'statement_cache_size',
  'sslaccept',
  'sslidentity',
]

const writableAttributes = ['read-write', 'primary']
const knownAttributes = ['any', ...writableAttributes]

/** RFC 3986 §3.2, but with several hosts, which `URL` refuses. */
const parts = /^(?<scheme>postgres(?:ql)?:\/\/)(?<authority>[^/?#]*)(?<path>\/[^?#]*)?(?:\?(?<query>[^#]*))?$/

/** @throws Error that says what is wrong with it, without its password */
export function parsePostgresUrl(url: string): PostgresTarget {
  const groups = parts.exec(url)?.groups
  if (groups === undefined) throw new Error('must be a URL that starts with postgres:// or postgresql://')
  const { scheme = '', authority = '', path = '' } = groups
  const parameters = new URLSearchParams(groups.query ?? '')

  const attributes = parameters.get('target_session_attrs') ?? 'any'
  if (!knownAttributes.includes(attributes)) {
    throw new Error(`has a target_session_attrs that is none of ${knownAttributes.join(', ')}`)
  }
  const schema = parameters.get('schema') || DEFAULT_SCHEMA
  // As the queue takes names; PostgreSQL keeps 63 bytes of one.
  if (!/^[A-Za-z_][A-Za-z0-9_$]{0,62}$/.test(schema)) {
    throw new Error('has a schema whose name is not made of at most 63 letters, digits, _ and $')
  }
  for (const name of notForTheDriver) parameters.delete(name)

  const end = authority.lastIndexOf('@') + 1
  const query = parameters.size > 0 ? `?${parameters}` : ''
  const hosts = authority.slice(end).split(',')
  // The driver would take the one that is left out for a server of this machine.
  if (hosts.length > 1 && hosts.some((host) => host === '' || host.startsWith(':'))) {
    throw new Error('must name each of its hosts, with nothing left out between the commas')
  }
  const urls = hosts.map((host) => `${scheme}${authority.slice(0, end)}${host}${path}${query}`)
  if (!isDecodable(authority.slice(0, end) + path)) {
    throw new Error('must have each % in its user, password and database percent-encoded, as %25')
  }
  if (!urls.every(isReadable)) throw new Error('must be a URL that names a host, a port and a database')
  return { urls, schema, mustBeWritable: urls.length > 1 || writableAttributes.includes(attributes) }
}

/** A URL without a host is read by the driver: a socket, or `?host=`. */
const isReadable = (url: string): boolean =>
  URL.canParse(url) || URL.canParse(url.replace('@/', '@localhost/'))

/** The driver decodes them. */
function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}

export const schemaOf = (url: string): string => parsePostgresUrl(url).schema

/**
 * The schema of the queue on PostgreSQL. In a schema that was chosen for the service, the queue lives there as well, since
 * its role may own no other; `public` may hold anybody's tables, so there the queue has a schema of its own.
 */
export const queueSchemaOf = (schema: string): string => (schema === DEFAULT_SCHEMA ? 'bullmq' : schema)
