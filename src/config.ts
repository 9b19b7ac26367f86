/**
 * The configuration of a process, read from the environment. Only this file and `config/` use `process.env`. All
 * problems are reported at once, in one `ConfigError`.
 */
import type { KeyObject } from 'node:crypto'
import { resolve } from 'node:path'
import { type ApiKeySources, parseApiKeysSetting, readApiKeySources } from './api-keys/read-api-keys.js'
import { findContradictions, findMissingApiKeys, namesApiKeys, redisTlsOf } from './config/combinations.js'
import { ConfigError } from './config/config-error.js'
import { DEVELOPMENT_API_KEY } from './config/development-api-key.js'
import { list } from './config/setting-types.js'
import { type Settings, settingsSchema } from './config/settings-schema.js'
import { type EgressSettings, readEgress } from './delivery-engine/egress/egress-settings.js'
import type { CidrRange } from './platform/ip-ranges.js'
import type { RedisSettings } from './platform/redis/clients.js'

export { ConfigError } from './config/config-error.js'
export { publicApiKey } from './config/development-api-key.js'
export { readDotEnv } from './config/dot-env.js'
export { settingNames } from './config/settings-schema.js'

export interface Config {
  environment: 'development' | 'production' | 'test'
  host: string
  port: number
  /** The most connections that each process serves at one time. */
  maxConnections: number
  /** The most of them that one address may hold. */
  maxConnectionsPerAddress: number
  /** Addresses of the proxies whose `X-Forwarded-For` is believed. */
  trustedProxies: CidrRange[]
  /** The time from SIGTERM until the process accepts no new connections. */
  shutdownGraceMs: number
  role: 'all' | 'api' | 'worker'
  /** The number of processes that share the port and the work. */
  processes: number
  apiKeys: ApiKeySources
  /** Without it an embedded PostgreSQL runs in `dataDirectory`. */
  databaseUrl: string | undefined
  /** Leads to PostgreSQL past a pooler. Without it `databaseUrl` must do so. */
  directDatabaseUrl: string | undefined
  /** How long a start waits for PostgreSQL, counted from the beginning of the process. */
  databaseWaitSeconds: number
  dataDirectory: string
  /** The first encrypts stored secrets, and each may decrypt them. Without any, secrets are stored as plain text. */
  secretEncryptionKeys: KeyObject[]
  /** Without it the queue runs on PostgreSQL, and pub/sub inside the process. */
  redis: RedisSettings | undefined
  delivery: {
    maxAttempts: number
    backoffBaseSeconds: number
    backoffMaxSeconds: number
    timeoutMs: number
    /** How long an endpoint may fail before its subscription is disabled; without it, for ever. */
    disableAfterMs: number | undefined
    concurrency: number
    concurrencyPerSubscription: number
    allowedCidrs: string[]
    requireHttps: boolean
    /** The DNS name that stands for this service in requests to endpoints. */
    requestOrigin: string | undefined
  }
  egress: EgressSettings
  outbox: { batchSize: number; intervalMs: number }
  /** Limits of each tenant; none where they are undefined. */
  tenants: { maxEventsPerSecond: number | undefined; maxWaitingDeliveries: number | undefined }
  eventMaxBytes: number
  /** How long finished events are kept. Without it they are kept for ever. */
  retentionDays: number | undefined
  /** How long the payloads of finished events are kept. Without it, as long as their events. */
  payloadRetentionDays: number | undefined
  metricsRetentionDays: number
  /** What the logs of attempts keep, and for how long. */
  logs: {
    /** Without it they are kept as long as their events. */
    retentionDays: number | undefined
    responseBodies: 'none' | 'failed' | 'all'
  }
  graphql: {
    /** Whether a browser that opens `/graphql` gets GraphiQL. */
    graphiql: boolean
    introspection: boolean
    /** Whether the schema is a subgraph of Apollo Federation. */
    federation: boolean
    /** GraphQL documents by their hash. In production no other operations are taken. */
    trustedDocuments: ReadonlyMap<string, string> | undefined
  }
  /** Origins of the pages that may call GraphQL from a browser. */
  corsOrigins: string[]
  logLevel: string
}

/**
 * Reads and checks the settings. An empty variable counts as absent, because a compose file passes on an unset variable
 * as an empty one.
 *
 * @throws ConfigError with every problem found
 */
export function loadConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''))
  const { data: settings, error } = settingsSchema.safeParse(given)
  const { apiKeys, problems: apiKeyProblems } = readApiKeys(given)
  const { egress, problems: egressProblems } = readEgress(given)
  const problems = [
    ...(error?.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`) ?? []),
    ...findMissingApiKeys(given),
    ...apiKeyProblems,
    ...egressProblems,
    ...findContradictions(given, settings),
  ]
  if (settings === undefined || problems.length > 0) throw new ConfigError(problems)
  return toConfig(settings, apiKeys, egress)
}

/**
 * The configuration of a program that only works on the database, such as `npm run migrate`: settings of API keys and
 * of certificates for deliveries are ignored.
 *
 * @throws ConfigError
 */
export function loadMaintenanceConfig(given: NodeJS.ProcessEnv = {}): Config {
  return loadConfig({
    ...process.env,
    ...given,
    ...{ API_KEYS: 'maintenance-needs-none', API_KEYS_FILE: '' },
    ...{ EGRESS_CA_FILE: '', EGRESS_CLIENT_CERT_FILE: '', EGRESS_CLIENT_KEY_FILE: '' },
    GRAPHQL_TRUSTED_DOCUMENTS_FILE: '',
    ROLE: 'all',
  })
}

const DAY_MS = 24 * 60 * 60 * 1000

/** In production API keys must be long enough not to be guessed. */
const MIN_API_KEY_LENGTH = 16

function readApiKeys(given: NodeJS.ProcessEnv): { apiKeys: ApiKeySources; problems: string[] } {
  const { API_KEYS_FILE: file } = given
  const entries = namesApiKeys(given) ? (given.API_KEYS ?? '') : DEVELOPMENT_API_KEY
  const isProduction = given.NODE_ENV === 'production' && namesApiKeys(given)
  const minLength = isProduction ? MIN_API_KEY_LENGTH : 1
  const { keys, problems } = parseApiKeysSetting(list.parse(entries), minLength)
  const apiKeys = { keys, minLength, file: file === undefined ? undefined : resolve(file) }
  return { apiKeys, problems: readApiKeySources(apiKeys, problems).problems }
}

function toConfig(settings: Settings, apiKeys: ApiKeySources, egress: EgressSettings): Config {
  return {
    environment: settings.NODE_ENV,
    host: settings.HOST,
    port: settings.PORT,
    maxConnections: settings.HTTP_MAX_CONNECTIONS,
    maxConnectionsPerAddress:
      settings.HTTP_MAX_CONNECTIONS_PER_ADDRESS ?? Math.ceil(settings.HTTP_MAX_CONNECTIONS / 2),
    trustedProxies: settings.TRUSTED_PROXIES,
    shutdownGraceMs: settings.SHUTDOWN_GRACE_SECONDS * 1000,
    role: settings.ROLE,
    processes: settings.PROCESSES,
    apiKeys: apiKeys,
    databaseUrl: settings.DATABASE_URL,
    directDatabaseUrl: settings.DIRECT_DATABASE_URL,
    databaseWaitSeconds: settings.DATABASE_WAIT_SECONDS,
    dataDirectory: resolve('.data'),
    redis: settings.REDIS_URL && { ...settings.REDIS_URL, tls: redisTlsOf(settings) },
    secretEncryptionKeys: settings.SECRET_ENCRYPTION_KEY,
    delivery: {
      maxAttempts: settings.DELIVERY_MAX_ATTEMPTS,
      backoffBaseSeconds: settings.DELIVERY_BACKOFF_BASE_SECONDS,
      backoffMaxSeconds: settings.DELIVERY_BACKOFF_MAX_SECONDS,
      timeoutMs: settings.DELIVERY_TIMEOUT_MS,
      disableAfterMs: settings.DISABLE_AFTER_DAYS > 0 ? settings.DISABLE_AFTER_DAYS * DAY_MS : undefined,
      concurrency: settings.DELIVERY_CONCURRENCY,
      concurrencyPerSubscription:
        settings.DELIVERY_CONCURRENCY_PER_SUBSCRIPTION ?? settings.DELIVERY_CONCURRENCY,
      allowedCidrs:
        settings.DELIVERY_ALLOWED_CIDRS ??
        (settings.NODE_ENV === 'development' ? ['127.0.0.0/8', '::1/128'] : []),
      requireHttps: settings.DELIVERY_REQUIRE_HTTPS === 'true',
      requestOrigin: settings.WEBHOOK_REQUEST_ORIGIN,
    },
    egress,
    outbox: {
      batchSize: settings.OUTBOX_DISPATCH_BATCH_SIZE,
      intervalMs: settings.OUTBOX_DISPATCH_INTERVAL_MS,
    },
    tenants: {
      maxEventsPerSecond: settings.TENANT_MAX_EVENTS_PER_SECOND,
      maxWaitingDeliveries: settings.TENANT_MAX_WAITING_DELIVERIES,
    },
    eventMaxBytes: settings.EVENT_MAX_BYTES,
    retentionDays: settings.RETENTION_DAYS,
    payloadRetentionDays: settings.RETENTION_PAYLOAD_DAYS,
    metricsRetentionDays: settings.METRICS_RETENTION_DAYS,
    logs: { retentionDays: settings.LOG_RETENTION_DAYS, responseBodies: settings.LOG_RESPONSE_BODIES },
    graphql: {
      graphiql: isEnabled(settings.GRAPHIQL, settings.NODE_ENV),
      introspection: isEnabled(settings.GRAPHQL_INTROSPECTION, settings.NODE_ENV),
      federation: settings.GRAPHQL_FEDERATION === 'true',
      trustedDocuments: settings.GRAPHQL_TRUSTED_DOCUMENTS_FILE,
    },
    corsOrigins: settings.CORS_ORIGINS ?? [],
    logLevel: settings.LOG_LEVEL,
  }
}

/** Aids of developers are enabled outside production, unless their setting decides. */
function isEnabled(setting: string | undefined, environment: Config['environment']): boolean {
  return setting === undefined ? environment !== 'production' : setting === 'true'
}
