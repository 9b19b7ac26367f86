/**
 * Creates ioredis clients for an address, with the options that all of them share, such as timeouts.
 */
import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis'
import type { RedisAddress } from './address.js'
import { isElsewhere } from './redis-errors.js'

export type RedisClient = Redis | Cluster

/** PEM texts, in addition to the CAs of Node.js. */
export interface RedisTls {
  ca: string | undefined
  cert: string | undefined
  key: string | undefined
}

export type RedisSettings = RedisAddress & { tls: RedisTls }

export interface ClientOptions {
  /**
   * A command fails at once while Redis is away, or when an answer takes too long. Otherwise it waits while Redis is
   * away, as BullMQ's worker expects.
   */
  isImpatient: boolean
}

/** Includes the TLS handshake. */
const CONNECT_TIMEOUT_MS = 5000
/** Without an answer for this long, the connection counts as lost. */
const ANSWER_TIMEOUT_MS = 5000
/** The same for connections of a worker: BullMQ waits for jobs for five seconds at a time. */
const WAITING_ANSWER_TIMEOUT_MS = 10_000
/** A Sentinel that does not answer is skipped. */
const SENTINEL_TIMEOUT_MS = 2000
/** How long a closed client waits for the server to close its side. */
const DISCONNECT_TIMEOUT_MS = 500

const retryDelayMs = (attempt: number): number => Math.min(attempt * 50, 1000)

/** Options of every connection. */
const baseOptions = ({ username, password, isEncrypted, tls }: RedisSettings): RedisOptions => ({
  connectionName: 'node-event-service',
  ...(username !== undefined && { username }),
  ...(password !== undefined && { password }),
  ...(isEncrypted && { tls: tlsOptions(tls) }),
  connectTimeout: CONNECT_TIMEOUT_MS,
  disconnectTimeout: DISCONNECT_TIMEOUT_MS,
  retryStrategy: retryDelayMs,
  reconnectOnError: isElsewhere,
  // One permission less is needed, and the version stays private.
  disableClientInfo: true,
  // See subscriber.ts.
  autoResubscribe: false,
})

const tlsOptions = (tls: RedisTls): object =>
  Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined))

const waitOptions = ({ isImpatient }: ClientOptions): RedisOptions =>
  isImpatient
    ? { enableOfflineQueue: false, maxRetriesPerRequest: 1, socketTimeout: ANSWER_TIMEOUT_MS }
    : { maxRetriesPerRequest: null, socketTimeout: WAITING_ANSWER_TIMEOUT_MS }

/** How a client finds its server. */
function placeOf(settings: Exclude<RedisSettings, { kind: 'cluster' }>): RedisOptions {
  const { db } = settings
  if (settings.kind === 'server')
    return { host: settings.host, port: settings.port, family: settings.family, db }
  if (settings.kind === 'socket') return { path: settings.path, db }
  return {
    db,
    sentinels: settings.sentinels,
    name: settings.masterName,
    ...(settings.sentinelUsername && { sentinelUsername: settings.sentinelUsername }),
    ...(settings.sentinelPassword && { sentinelPassword: settings.sentinelPassword }),
    sentinelCommandTimeout: SENTINEL_TIMEOUT_MS,
    ...(settings.isEncrypted && { enableTLSForSentinelMode: true, sentinelTLS: tlsOptions(settings.tls) }),
  }
}

export function createClient(settings: RedisSettings, options: ClientOptions): RedisClient {
  const common = { ...baseOptions(settings), ...waitOptions(options) }
  if (settings.kind !== 'cluster') return new Redis({ ...common, ...placeOf(settings) })
  return new Cluster(settings.nodes, clusterOptions(settings, common))
}

function clusterOptions({ isEncrypted }: RedisSettings, node: RedisOptions): ClusterOptions {
  const { enableOfflineQueue: _, retryStrategy: __, ...nodeOptions } = node
  return {
    redisOptions: { ...nodeOptions, maxRetriesPerRequest: null },
    // Without it, a Cluster never becomes ready: its first command fails while the first connection is made.
    enableOfflineQueue: true,
    clusterRetryStrategy: retryDelayMs,
    slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
    // Certificates are compared with the names in the URL, not with the addresses.
    ...(isEncrypted && { dnsLookup: (name, done) => done(null, name) }),
  }
}

/** A connection for subscriptions. In a Cluster any node will do, because it gets the messages of all nodes. */
export function createSubscriberClient(settings: RedisSettings, findNode: () => ClusterNodeAddress): Redis {
  const common: RedisOptions = {
    ...baseOptions(settings),
    ...waitOptions({ isImpatient: true }),
    socketTimeout: WAITING_ANSWER_TIMEOUT_MS,
  }
  if (settings.kind !== 'cluster') return new Redis({ ...common, ...placeOf(settings) })
  const client: Redis = new Redis({
    ...common,
    ...findNode(),
    retryStrategy(attempt) {
      // The next connection uses these options.
      Object.assign(client.options, findNode())
      return retryDelayMs(attempt)
    },
  })
  return client
}

export interface ClusterNodeAddress {
  host: string
  port: number
}

/** A connection to examine a server at the start. It does not reconnect. */
export function createScout(settings: Exclude<RedisSettings, { kind: 'cluster' }>): Redis {
  return new Redis({
    ...baseOptions(settings),
    ...placeOf(settings),
    lazyConnect: true,
    // A server that still loads its data can answer INFO.
    enableReadyCheck: false,
    retryStrategy: () => null,
    sentinelRetryStrategy: () => null,
    maxRetriesPerRequest: 0,
    socketTimeout: ANSWER_TIMEOUT_MS,
  })
}
