/**
 * Each setting by name: its type, its bounds and its default. Two groups are read elsewhere, because the values of
 * several settings and files belong together there: API_KEYS and API_KEYS_FILE in `../api-keys/read-api-keys.ts`, and
 * the proxies and certificates of deliveries in `../delivery-engine/egress/egress-settings.ts`.
 */
import type { KeyObject } from 'node:crypto'
import { levels } from 'pino'
import { z } from 'zod'
import { egressSettingNames } from '../delivery-engine/egress/egress-settings.js'
import { parseNetwork } from '../platform/ip-ranges.js'
import { parsePostgresUrl } from '../platform/postgres/url.js'
import { parseRedisUrl } from '../platform/redis/address.js'
import { parseEncryptionKey } from '../secrets/encryption-keys.js'
import { fileOf, fileText, list, listOf, number, oneOf, parsedBy, wholeNumber } from './setting-types.js'
import { parseTrustedDocuments } from './trusted-documents-file.js'

const MAX_BODY_BYTES = 64 * 1024 * 1024

export const settingsSchema = z.object({
  NODE_ENV: oneOf(['development', 'production', 'test']).default('development'),
  HOST: z.string().default('127.0.0.1'),
  PORT: wholeNumber(0, 65_535).default(3000),
  HTTP_MAX_CONNECTIONS: wholeNumber(1, 1_000_000).default(10_000),
  HTTP_MAX_CONNECTIONS_PER_ADDRESS: wholeNumber(1, 1_000_000).optional(),
  TRUSTED_PROXIES: listOf(parseNetwork).default([]),
  SHUTDOWN_GRACE_SECONDS: number(0, 3600).default(3),
  ROLE: oneOf(['all', 'api', 'worker']).default('all'),
  PROCESSES: wholeNumber(1, 64).default(1),
  DATABASE_URL: parsedBy(checkPostgresUrl).optional(),
  DIRECT_DATABASE_URL: parsedBy(checkPostgresUrl).optional(),
  DATABASE_WAIT_SECONDS: number(0, 3600).default(30),
  REDIS_URL: parsedBy(parseRedisUrl).optional(),
  REDIS_CA_FILE: fileText.optional(),
  REDIS_CERT_FILE: fileText.optional(),
  REDIS_KEY_FILE: fileText.optional(),
  SECRET_ENCRYPTION_KEY: listOf(readEncryptionKey).default([]),
  DELIVERY_MAX_ATTEMPTS: wholeNumber(1, 1000).default(10),
  DELIVERY_BACKOFF_BASE_SECONDS: number(0, 86_400).default(5),
  DELIVERY_BACKOFF_MAX_SECONDS: number(0, 7 * 86_400).default(3600),
  DELIVERY_TIMEOUT_MS: wholeNumber(1, 600_000).default(15_000),
  DISABLE_AFTER_DAYS: number(0, 36_500).default(5),
  DELIVERY_CONCURRENCY: wholeNumber(1, 10_000).default(512),
  DELIVERY_CONCURRENCY_PER_SUBSCRIPTION: wholeNumber(1, 10_000).optional(),
  DELIVERY_ALLOWED_CIDRS: listOf(checkCidr).optional(),
  WEBHOOK_REQUEST_ORIGIN: parsedBy(checkDnsName).optional(),
  DELIVERY_REQUIRE_HTTPS: oneOf(['true', 'false']).default('false'),
  EGRESS_PROXY_FROM_ENVIRONMENT: oneOf(['true', 'false']).optional(),
  EGRESS_PROXY_RESOLVES_NAMES: oneOf(['true', 'false']).optional(),
  OUTBOX_DISPATCH_BATCH_SIZE: wholeNumber(1, 10_000).default(500),
  OUTBOX_DISPATCH_INTERVAL_MS: wholeNumber(10, 3_600_000).default(2000),
  TENANT_MAX_EVENTS_PER_SECOND: wholeNumber(1, 1_000_000).optional(),
  TENANT_MAX_WAITING_DELIVERIES: wholeNumber(1, 10_000_000).optional(),
  EVENT_MAX_BYTES: wholeNumber(1, MAX_BODY_BYTES).default(262_144),
  RETENTION_DAYS: number(0.001, 36_500).optional(),
  RETENTION_PAYLOAD_DAYS: number(0.001, 36_500).optional(),
  LOG_RETENTION_DAYS: number(0.001, 36_500).optional(),
  LOG_RESPONSE_BODIES: oneOf(['none', 'failed', 'all']).default('failed'),
  METRICS_RETENTION_DAYS: number(0.001, 36_500).default(30),
  GRAPHIQL: oneOf(['true', 'false']).optional(),
  GRAPHQL_INTROSPECTION: oneOf(['true', 'false']).optional(),
  GRAPHQL_FEDERATION: oneOf(['true', 'false']).default('false'),
  GRAPHQL_TRUSTED_DOCUMENTS_FILE: fileOf(parseTrustedDocuments).optional(),
  CORS_ORIGINS: list.optional(),
  LOG_LEVEL: oneOf(['silent', ...Object.values(levels.labels)]).default('info'),
})

/** The names of all settings. The docs, `.env.example` and docker-compose.yml must list each of them. */
export const settingNames: string[] = [
  ...Object.keys(settingsSchema.shape),
  ...egressSettingNames,
  ...['API_KEYS', 'API_KEYS_FILE'],
]

export type Settings = z.infer<typeof settingsSchema>

/** Checks the URL and keeps its text: the code that connects parses it again. */
function checkPostgresUrl(url: string): string {
  parsePostgresUrl(url)
  return url
}

const DNS_NAME = /^(?=.{1,253}$)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*$/

function checkDnsName(name: string): string {
  if (!DNS_NAME.test(name)) throw new Error('must be a DNS name, such as events.example.com')
  return name
}

/** Checks the range and keeps its text. */
function checkCidr(cidr: string): string {
  parseNetwork(cidr)
  return cidr
}

/** The error names the position of the encryption key, because the encryption key itself must not be shown. */
function readEncryptionKey(text: string, index: number): KeyObject {
  try {
    return parseEncryptionKey(text)
  } catch (error) {
    throw new Error(`${(error as Error).message}: key ${index + 1} is not`)
  }
}
