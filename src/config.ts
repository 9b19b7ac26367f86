/**
 * The settings: the only reader of `process.env`. Everything that is wrong is told at once, in one
 * `ConfigError`, so that nobody has to start ten times to learn of ten mistakes.
 */
import type { KeyObject } from 'node:crypto'
import { resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { levels } from 'pino'
import { z } from 'zod'
import { hashKey } from './api-keys/api-key.js'
import { type KeySources, readSetting, readSources } from './api-keys/sources.js'
import {
  type EgressSettings,
  egressSettingNames,
  readEgress,
} from './delivery-engine/egress/egress-settings.js'
import { ExpectedStartError } from './errors.js'
import { type CidrRange, parseCidr, parseNetwork } from './platform/ip-ranges.js'
import { parsePostgresUrl } from './platform/postgres/url.js'
import { parseRedisUrl } from './platform/redis/address.js'
import type { RedisSettings } from './platform/redis/clients.js'
import { readText } from './platform/text-file.js'
import { parseEncryptionKey } from './secrets/encryption-keys.js'

export interface Config {
  environment: 'development' | 'production' | 'test'
  host: string
  port: number
  /** At one time, in each process. */
  maxConnections: number
  /** Of them, from one address. */
  maxConnectionsPerAddress: number
  /** Whose `X-Forwarded-For` is believed. */
  trustedProxies: CidrRange[]
  /** From SIGTERM until no new connections are taken. */
  shutdownGraceMs: number
  role: 'all' | 'api' | 'worker'
  /** How many processes share the port and the work. */
  processes: number
  apiKeys: KeySources
  /** Absent: an embedded PostgreSQL in `dataDirectory`. */
  databaseUrl: string | undefined
  /** The way past a pooler. Absent: `databaseUrl` is one. */
  directDatabaseUrl: string | undefined
  /** How long a start waits for PostgreSQL, from the beginning of the process. */
  databaseWaitSeconds: number
  dataDirectory: string
  /** What stored secrets are encrypted with: the first seals, all open. None: they are stored as they are. */
  secretEncryptionKeys: KeyObject[]
  /** Absent: the queue runs on PostgreSQL and pub/sub in the process. */
  redis: RedisSettings | undefined
  delivery: {
    maxAttempts: number
    backoffBaseSeconds: number
    backoffMaxSeconds: number
    timeoutMs: number
    concurrency: number
    concurrencyPerSubscription: number
    allowedCidrs: string[]
    requireHttps: boolean
  }
  egress: EgressSettings
  outbox: { batchSize: number; intervalMs: number }
  eventMaxBytes: number
  /** How long finished events are kept; absent: for ever. */
  retentionDays: number | undefined
  graphql: {
    /** Whether browsers that open `/graphql` get GraphiQL. */
    graphiql: boolean
    introspection: boolean
  }
  /** Origins of pages that may use GraphQL from a browser. */
  corsOrigins: string[]
  logLevel: string
}

export class ConfigError extends ExpectedStartError {
  override readonly name = 'ConfigError'
  readonly problems: string[]

  constructor(problems: string[]) {
    const count = problems.length === 1 ? 'one setting is' : `${problems.length} settings are`
    const lines = problems.map((problem) => `  - ${problem}`).join('\n')
    super(`Node Event Service can't start: ${count} wrong.\n${lines}\nREADME.md lists every setting.`)
    this.problems = problems
  }
}

const number = (min: number, max: number, kind: 'a number' | 'a whole number' = 'a number') =>
  z.string().transform((text, context) => {
    const value = Number(text)
    const isOfKind = kind === 'a number' || Number.isInteger(value)
    if (text.trim() !== '' && value >= min && value <= max && isOfKind) return value
    context.addIssue(`must be ${kind} from ${min} to ${max}, not ${JSON.stringify(text)}`)
    return z.NEVER
  })

const wholeNumber = (min: number, max: number) => number(min, max, 'a whole number')

const oneOf = <const Values extends readonly [string, ...string[]]>(values: Values) =>
  z.enum(values, {
    error: ({ input }) => `must be one of ${values.join(', ')}, not ${JSON.stringify(input)}`,
  })

/** What a function makes of a setting; what it throws is what is wrong with it. */
const parsedBy = <Value>(parse: (text: string) => Value) =>
  z.string().transform((text, context) => {
    try {
      return parse(text)
    } catch (error) {
      context.addIssue((error as Error).message)
      return z.NEVER
    }
  })

/** As it is: whoever connects reads it again. */
function readPostgresUrl(url: string): string {
  parsePostgresUrl(url)
  return url
}

function readNamedFile(path: string): string {
  try {
    return readText(path)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new Error(`names a file that can't be read (${code ?? message})`)
  }
}

const list = z.string().transform((text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
)

/** The key that there is where none is set, outside production: one that everybody may know. */
const DEVELOPMENT_KEY = 'dev-key-1'

/** The key that pages and greetings may show, if it is one of the service's; another one never is shown. */
export function publicKey({ apiKeys }: Pick<Config, 'apiKeys'>): string | undefined {
  const hash = hashKey(DEVELOPMENT_KEY)
  return apiKeys.keys.some((key) => key.hash.equals(hash)) ? DEVELOPMENT_KEY : undefined
}

/** What a function makes of each item; each that it refuses is told of. */
const listOf = <Value>(parse: (item: string) => Value) =>
  list.transform((items, context) =>
    items.flatMap((item) => {
      try {
        return [parse(item)]
      } catch (error) {
        context.addIssue((error as Error).message)
        return []
      }
    }),
  )

const MAX_BODY_BYTES = 64 * 1024 * 1024

const settings = z.object({
  NODE_ENV: oneOf(['development', 'production', 'test']).default('development'),
  HOST: z.string().default('127.0.0.1'),
  PORT: wholeNumber(0, 65_535).default(3000),
  HTTP_MAX_CONNECTIONS: wholeNumber(1, 1_000_000).default(10_000),
  HTTP_MAX_CONNECTIONS_PER_ADDRESS: wholeNumber(1, 1_000_000).optional(),
  TRUSTED_PROXIES: listOf(parseNetwork).default([]),
  SHUTDOWN_GRACE_SECONDS: number(0, 3600).default(3),
  ROLE: oneOf(['all', 'api', 'worker']).default('all'),
  PROCESSES: wholeNumber(1, 64).default(1),
  // API_KEYS and API_KEYS_FILE are read beside these: what is wrong with them is told by their entries.
  DATABASE_URL: parsedBy(readPostgresUrl).optional(),
  DIRECT_DATABASE_URL: parsedBy(readPostgresUrl).optional(),
  DATABASE_WAIT_SECONDS: number(0, 3600).default(30),
  REDIS_URL: parsedBy(parseRedisUrl).optional(),
  REDIS_CA_FILE: parsedBy(readNamedFile).optional(),
  REDIS_CERT_FILE: parsedBy(readNamedFile).optional(),
  REDIS_KEY_FILE: parsedBy(readNamedFile).optional(),
  SECRET_ENCRYPTION_KEY: list
    .transform((keys, context) =>
      keys.flatMap((key, index) => {
        try {
          return [parseEncryptionKey(key)]
        } catch (error) {
          context.addIssue(`${(error as Error).message}: key ${index + 1} is not`)
          return []
        }
      }),
    )
    .default([]),
  DELIVERY_MAX_ATTEMPTS: wholeNumber(1, 1000).default(10),
  DELIVERY_BACKOFF_BASE_SECONDS: number(0, 86_400).default(5),
  DELIVERY_BACKOFF_MAX_SECONDS: number(0, 7 * 86_400).default(3600),
  DELIVERY_TIMEOUT_MS: wholeNumber(1, 600_000).default(15_000),
  DELIVERY_CONCURRENCY: wholeNumber(1, 10_000).default(512),
  DELIVERY_CONCURRENCY_PER_SUBSCRIPTION: wholeNumber(1, 10_000).optional(),
  DELIVERY_ALLOWED_CIDRS: listOf((cidr) => {
    parseCidr(cidr)
    return cidr
  }).optional(),
  DELIVERY_REQUIRE_HTTPS: oneOf(['true', 'false']).default('false'),
  // The other settings of the ways out are read beside these, with the files that they name.
  EGRESS_PROXY_FROM_ENVIRONMENT: oneOf(['true', 'false']).optional(),
  EGRESS_PROXY_RESOLVES_NAMES: oneOf(['true', 'false']).optional(),
  OUTBOX_DISPATCH_BATCH_SIZE: wholeNumber(1, 10_000).default(500),
  OUTBOX_DISPATCH_INTERVAL_MS: wholeNumber(10, 3_600_000).default(2000),
  EVENT_MAX_BYTES: wholeNumber(1, MAX_BODY_BYTES).default(262_144),
  RETENTION_DAYS: number(0.001, 36_500).optional(),
  GRAPHIQL: oneOf(['true', 'false']).optional(),
  GRAPHQL_INTROSPECTION: oneOf(['true', 'false']).optional(),
  CORS_ORIGINS: list.optional(),
  LOG_LEVEL: oneOf(['silent', ...Object.values(levels.labels)]).default('info'),
})

/** Of every setting that is read, for what has to name them all. */
export const settingNames: string[] = [
  ...Object.keys(settings.shape),
  ...egressSettingNames,
  ...['API_KEYS', 'API_KEYS_FILE'],
]

/**
 * Reads and checks the settings. An empty variable counts as absent, as compose files write them.
 *
 * @throws ConfigError with every problem found.
 */
export function loadConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
  const { data: read, error } = settings.safeParse(given)
  const problems = error?.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`) ?? []

  const isProduction = given.NODE_ENV === 'production'
  const namesKeys = given.API_KEYS !== undefined || given.API_KEYS_FILE !== undefined
  if (isProduction && !namesKeys) problems.push('API_KEYS or API_KEYS_FILE must be set in production')
  const keys = readKeySettings(namesKeys ? given.API_KEYS : DEVELOPMENT_KEY, given.API_KEYS_FILE)
  const { egress, problems: egressProblems } = readEgress(given)
  problems.push(...keys.problems, ...egressProblems)
  if (isProduction && given.DATABASE_URL === undefined)
    problems.push('DATABASE_URL must be set in production')
  if (given.DIRECT_DATABASE_URL !== undefined && given.DATABASE_URL === undefined)
    problems.push(
      'DIRECT_DATABASE_URL is the way past the pooler of DATABASE_URL, which must be set beside it',
    )
  if ((given.ROLE === 'api' || given.ROLE === 'worker') && given.REDIS_URL === undefined) {
    problems.push(`ROLE=${given.ROLE} needs REDIS_URL: without Redis only ROLE=all can run`)
  }
  const redisTls = { ca: read?.REDIS_CA_FILE, cert: read?.REDIS_CERT_FILE, key: read?.REDIS_KEY_FILE }
  if (read?.REDIS_URL?.isEncrypted === false && Object.values(redisTls).some((text) => text !== undefined)) {
    problems.push(
      'REDIS_URL must begin with rediss: REDIS_CA_FILE, REDIS_CERT_FILE and REDIS_KEY_FILE are for TLS',
    )
  }
  if ((redisTls.cert === undefined) !== (redisTls.key === undefined)) {
    problems.push('REDIS_CERT_FILE and REDIS_KEY_FILE need each other')
  }
  if (read === undefined || problems.length > 0) throw new ConfigError(problems)

  return {
    environment: read.NODE_ENV,
    host: read.HOST,
    port: read.PORT,
    maxConnections: read.HTTP_MAX_CONNECTIONS,
    maxConnectionsPerAddress:
      read.HTTP_MAX_CONNECTIONS_PER_ADDRESS ?? Math.ceil(read.HTTP_MAX_CONNECTIONS / 2),
    trustedProxies: read.TRUSTED_PROXIES,
    shutdownGraceMs: read.SHUTDOWN_GRACE_SECONDS * 1000,
    role: read.ROLE,
    processes: read.PROCESSES,
    apiKeys: keys.sources,
    databaseUrl: read.DATABASE_URL,
    directDatabaseUrl: read.DIRECT_DATABASE_URL,
    databaseWaitSeconds: read.DATABASE_WAIT_SECONDS,
    dataDirectory: resolve('.data'),
    redis: read.REDIS_URL && { ...read.REDIS_URL, tls: redisTls },
    secretEncryptionKeys: read.SECRET_ENCRYPTION_KEY,
    delivery: {
      maxAttempts: read.DELIVERY_MAX_ATTEMPTS,
      backoffBaseSeconds: read.DELIVERY_BACKOFF_BASE_SECONDS,
      backoffMaxSeconds: read.DELIVERY_BACKOFF_MAX_SECONDS,
      timeoutMs: read.DELIVERY_TIMEOUT_MS,
      concurrency: read.DELIVERY_CONCURRENCY,
      concurrencyPerSubscription: read.DELIVERY_CONCURRENCY_PER_SUBSCRIPTION ?? read.DELIVERY_CONCURRENCY,
      allowedCidrs:
        read.DELIVERY_ALLOWED_CIDRS ?? (read.NODE_ENV === 'development' ? ['127.0.0.0/8', '::1/128'] : []),
      requireHttps: read.DELIVERY_REQUIRE_HTTPS === 'true',
    },
    egress,
    outbox: { batchSize: read.OUTBOX_DISPATCH_BATCH_SIZE, intervalMs: read.OUTBOX_DISPATCH_INTERVAL_MS },
    eventMaxBytes: read.EVENT_MAX_BYTES,
    retentionDays: read.RETENTION_DAYS,
    graphql: {
      graphiql: isAllowed(read.GRAPHIQL, read.NODE_ENV),
      introspection: isAllowed(read.GRAPHQL_INTROSPECTION, read.NODE_ENV),
    },
    corsOrigins: read.CORS_ORIGINS ?? [],
    logLevel: read.LOG_LEVEL,
  }
}

/** The settings of work on the database alone, which asks for no keys, delivers nothing and plays no role. @throws ConfigError */
export function loadMaintenanceConfig(given: NodeJS.ProcessEnv = {}): Config {
  const noFiles = { EGRESS_CA_FILE: '', EGRESS_CLIENT_CERT_FILE: '', EGRESS_CLIENT_KEY_FILE: '' }
  return loadConfig({
    ...process.env,
    ...given,
    API_KEYS: 'none',
    API_KEYS_FILE: '',
    ...noFiles,
    ROLE: 'all',
  })
}

function readKeySettings(entries = '', file?: string): { sources: KeySources; problems: string[] } {
  const { keys, problems } = readSetting(list.parse(entries))
  const sources = { keys, file: file === undefined ? undefined : resolve(file) }
  return { sources, problems: readSources(sources, problems).problems }
}

/** What helps developers is there unless it is production, or as the setting says. */
function isAllowed(setting: string | undefined, environment: Config['environment']): boolean {
  return setting === undefined ? environment !== 'production' : setting === 'true'
}

/**
 * Puts what `.env` in the working directory says behind what the environment already says. `process.loadEnvFile()`
 * would take a byte order mark for a part of the first name.
 *
 * @throws ExpectedStartError when it is there and can't be read
 */
export function readDotEnv(): void {
  const path = resolve('.env')
  const text = readOptionalText(path)
  if (text === undefined) return
  for (const [name, value] of Object.entries(parseEnv(text))) process.env[name] ??= value
}

function readOptionalText(path: string): string | undefined {
  try {
    return readText(path)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return undefined
    throw new ExpectedStartError(`Node Event Service can't start: ${path} can't be read: ${code ?? message}.`)
  }
}
