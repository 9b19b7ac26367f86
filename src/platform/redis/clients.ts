/**
 * Makes ioredis' clients for an address, and sees to what is the same for each of them: bounds for everything that waits,
 * errors that somebody hears, and an end.
 */
import { Cluster, type ClusterOptions, Redis, type RedisOptions } from 'ioredis'
import type { RedisAddress } from './address.js'
import { isElsewhere } from './redis-errors.js'

export type RedisClient = Redis | Cluster

/** What TLS needs beside what Node.js brings: PEM texts. */
export interface RedisTls {
  ca: string | undefined
  cert: string | undefined
  key: string | undefined
}

export type RedisSettings = RedisAddress & { tls: RedisTls }

export interface ClientOptions {
  /**
   * Fails at once, or when an answer takes longer than it may, for what can be done again otherwise. Else a command waits
   * for Redis, however long it is away, as BullMQ's worker expects it.
   */
  isImpatient: boolean
}

/** For a connection, with TLS. */
const CONNECT_TIMEOUT_MS = 5000
/** A server that lets an answer wait for so long is taken for lost, and another connection is made. */
const ANSWER_TIMEOUT_MS = 5000
/** The same for connections on which a worker waits for jobs, which BullMQ does for five seconds at a time. */
const WAITING_ANSWER_TIMEOUT_MS = 10_000
/** A Sentinel that is silent is passed over. */
const SENTINEL_TIMEOUT_MS = 2000
/** How long a client goes on for, after its end was asked for, with a server that doesn't end its side. */
const DISCONNECT_TIMEOUT_MS = 500

const retryDelayMs = (attempt: number): number => Math.min(attempt * 50, 1000)

/** What every connection has, whatever it is to. */
const baseOptions = ({ username, password, isEncrypted, tls }: RedisSettings): RedisOptions => ({
  connectionName: 'node-event-service',
  ...(username !== undefined && { username }),
  ...(password !== undefined && { password }),
  ...(isEncrypted && { tls: tlsOptions(tls) }),
  connectTimeout: CONNECT_TIMEOUT_MS,
  disconnectTimeout: DISCONNECT_TIMEOUT_MS,
  retryStrategy: retryDelayMs,
  reconnectOnError: isElsewhere,
  // Its version is nobody's business, and one right less is needed.
  disableClientInfo: true,
  // It would not hear that this failed: see subscriber.ts.
  autoResubscribe: false,
})

const tlsOptions = (tls: RedisTls): object =>
  Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined))

const waitOptions = ({ isImpatient }: ClientOptions): RedisOptions =>
  isImpatient
    ? { enableOfflineQueue: false, maxRetriesPerRequest: 1, socketTimeout: ANSWER_TIMEOUT_MS }
    : { maxRetriesPerRequest: null, socketTimeout: WAITING_ANSWER_TIMEOUT_MS }

/** Where a client of one server finds it. */
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
    // Without it, a Cluster is never found ready: its first command is refused while the first connection is made.
    enableOfflineQueue: true,
    clusterRetryStrategy: retryDelayMs,
    slotsRefreshTimeout: CONNECT_TIMEOUT_MS,
    // Certificates are compared with the names that were written, not with what these resolve to.
    ...(isEncrypted && { dnsLookup: (name, done) => done(null, name) }),
  }
}

/** One connection to a server that takes subscriptions. In a Cluster any node does: it hears what is told to the others. */
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
      // The next connection is made to where these say.
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

/** A connection that is made once, for a first look, and not again. */
export function createScout(settings: Exclude<RedisSettings, { kind: 'cluster' }>): Redis {
  return new Redis({
    ...baseOptions(settings),
    ...placeOf(settings),
    lazyConnect: true,
    // What still loads its data can be asked who it is.
    enableReadyCheck: false,
    retryStrategy: () => null,
    sentinelRetryStrategy: () => null,
    maxRetriesPerRequest: 0,
    socketTimeout: ANSWER_TIMEOUT_MS,
  })
}
