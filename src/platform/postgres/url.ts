/**
 * Reads a `DATABASE_URL`: several hosts, in libpq's forms, and parameters that Prisma's users know. The driver gets one
 * URL for each host, with only the parameters that the driver reads itself.
 */

export interface PostgresTarget {
  /** One URL for each host, in their order. */
  urls: string[]
  /** The schema of tables, types and functions: `?schema=`, or `public`. */
  schema: string
  /** Only a server that takes writes is accepted: always with several hosts, else by `?target_session_attrs=`. */
  mustBeWritable: boolean
}

const DEFAULT_SCHEMA = 'public'

/** Parameters that are read here, and those of Prisma's engines, which a server would refuse. */
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
const form =
  /^(?<scheme>postgres(?:ql)?:\/\/)(?<login>[^/?#]*@)?(?<hosts>[^/?#@]*)(?<path>\/[^?#]*)?(?:\?(?<query>[^#]*))?$/

const NOT_READABLE = 'must be a URL that names a host, a port and a database'

/** @throws Error that says what is wrong with it, without its password */
export function parsePostgresUrl(url: string): PostgresTarget {
  const groups = form.exec(url)?.groups
  if (groups === undefined) throw new Error('must be a URL that starts with postgres:// or postgresql://')
  const { scheme = '', login = '', path = '' } = groups
  const parameters = new URLSearchParams(groups.query ?? '')

  const attributes = parameters.get('target_session_attrs') ?? 'any'
  if (!knownAttributes.includes(attributes)) {
    throw new Error(`has a target_session_attrs that is none of ${knownAttributes.join(', ')}`)
  }
  const schema = parameters.get('schema') || DEFAULT_SCHEMA
  // The queue accepts no other names, and PostgreSQL keeps 63 bytes of a name.
  if (!/^[A-Za-z_][A-Za-z0-9_$]{0,62}$/.test(schema)) {
    throw new Error('has a schema whose name is not made of at most 63 letters, digits, _ and $')
  }
  for (const name of notForTheDriver) parameters.delete(name)

  const urls = readHosts(groups.hosts ?? '', parameters).map(({ host, port }) => {
    const isAddress = host !== '' && !host.startsWith('/')
    const authority = isAddress ? bracket(host) + (port && `:${port}`) : ''
    const own = isAddress ? [] : Object.entries({ host, port }).filter(([, value]) => value !== '')
    const query = new URLSearchParams([...parameters, ...own])
    return `${scheme}${login}${authority}${path}${query.size > 0 ? `?${query}` : ''}`
  })
  if (!isDecodable(login + path)) {
    throw new Error('must have each % in its user, password and database percent-encoded, as %25')
  }
  if (!urls.every(isReadable)) throw new Error(NOT_READABLE)
  return { urls, schema, mustBeWritable: urls.length > 1 || writableAttributes.includes(attributes) }
}

interface Host {
  /** A name, an address, the folder of a Unix socket, or empty for the driver's default. */
  host: string
  /** Empty for the default. */
  port: string
}

/**
 * libpq's forms: `postgres://a:1,b:2/db`, `postgres:///db?host=a,b&port=1,2` and mixtures of them. A parameter
 * overrides the authority, and a single port counts for all hosts. Both parameters are taken out of `parameters`.
 * https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS
 */
function readHosts(authority: string, parameters: URLSearchParams): Host[] {
  if (parameters.has('hostaddr')) throw new Error('must name its servers by host: hostaddr is not supported')
  const inAuthority = authority.split(',').map(splitPort)
  const hosts = parameters.get('host')?.split(',') ?? inAuthority.map(({ host }) => host)
  const ports = parameters.get('port')?.split(',') ?? inAuthority.map(({ port }) => port)
  parameters.delete('host')
  parameters.delete('port')
  // The driver would look for a host that is left out on this machine.
  if (hosts.length > 1 && hosts.includes('')) {
    throw new Error('must name each of its hosts, with nothing left out between the commas')
  }
  if (ports.length !== 1 && ports.length !== hosts.length) {
    throw new Error('must have one port for all of its hosts, or one for each')
  }
  if (!hosts.every(isHost) || !ports.every(isPort)) throw new Error(NOT_READABLE)
  return hosts.map((host, index) => ({ host, port: ports[ports.length === 1 ? 0 : index] ?? '' }))
}

function splitPort(text: string): Host {
  const { host = '', port = '' } = /^(?<host>\[[^\]]*\]|[^:]*)(?::(?<port>.*))?$/.exec(text)?.groups ?? {}
  return { host, port }
}

const isHost = (text: string): boolean => text.startsWith('/') || !/[@/?#]/.test(text)
const isPort = (text: string): boolean => /^\d{0,5}$/.test(text) && Number(text) <= 65_535

/** An IPv6 address has brackets in an authority, and none in a parameter. */
const bracket = (host: string): string => (host.includes(':') && !host.startsWith('[') ? `[${host}]` : host)

/** The driver itself reads a URL without a host: it leads to a Unix socket. */
const isReadable = (url: string): boolean =>
  URL.canParse(url) || URL.canParse(url.replace('@/', '@localhost/'))

/** The driver decodes the user, the password and the database. */
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
 * The schema of the queue on PostgreSQL. In a schema that was chosen for the service, the queue lives there as well,
 * because the role may own no other. `public` may hold tables of other programs, so the queue then has its own schema.
 */
export const queueSchemaOf = (schema: string): string => (schema === DEFAULT_SCHEMA ? 'bullmq' : schema)
