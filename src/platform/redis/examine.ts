/** Examines a Redis at the start: its version, its mode and its settings, and whether the service can work with it. */
import type { Redis } from 'ioredis'
import { ExpectedStartError } from '../../errors.js'
import { withTimeout } from '../timeout.js'
import { createScout, type RedisSettings } from './clients.js'
import { probe } from './probe.js'
import { explainRedisError, isRefusal } from './redis-errors.js'

export interface RedisFacts {
  /** `7.0.15`; of a Valkey, the Redis version that it is compatible with. */
  version: string
  isCluster: boolean
  isSentinel: boolean
  /** `maxmemory-policy`; undefined where Redis does not report it. */
  evictionPolicy: string | undefined
}

export interface ExamineOptions {
  settings: RedisSettings
  /** Prefix of the service's keys. */
  prefix: string
  /** Texts that no message may contain. */
  secrets: string[]
}

/** How long a start waits for the answers of Redis. */
const EXAMINE_TIMEOUT_MS = 3000
const MIN_VERSION = [6, 2] as const

export function readFacts(info: string): RedisFacts {
  const field = (name: string) => new RegExp(`^${name}:(.*?)\r?$`, 'm').exec(info)?.[1]
  const mode = field('redis_mode') ?? field('server_mode')
  return {
    version: field('redis_version') ?? '',
    isCluster: field('cluster_enabled') === '1' || mode === 'cluster',
    isSentinel: mode === 'sentinel',
    evictionPolicy: field('maxmemory_policy'),
  }
}

/** Why the service can't work with this Redis until an operator changes something; undefined where it can. */
export function findObstacle(facts: RedisFacts, settings: RedisSettings): string | undefined {
  if (facts.isSentinel && settings.kind !== 'sentinel') {
    return 'REDIS_URL names a Sentinel as if it were a Redis. Write redis+sentinel://host:port/<master name>.'
  }
  if (isOlder(facts.version)) {
    return `Redis is ${facts.version}, and the service needs ${MIN_VERSION.join('.')} or newer.`
  }
  if (facts.isCluster && settings.db !== 0) {
    return `REDIS_URL names database ${settings.db} of a Redis Cluster, which has no other than 0.`
  }
  if (facts.isCluster && settings.kind === 'sentinel') {
    return 'REDIS_URL names Sentinels, but the Redis that they watch is part of a Redis Cluster. Name its nodes: redis://host:port,host:port.'
  }
  if (facts.isCluster && settings.kind === 'socket') {
    return 'REDIS_URL names the Unix socket of a node of a Redis Cluster. Name its nodes by TCP: redis://host:port,host:port.'
  }
  if (!facts.isCluster && settings.kind === 'cluster') {
    return 'REDIS_URL names several nodes, as of a Redis Cluster, but the Redis there is none. Name one server, or its Sentinels: redis+sentinel://host:port,host:port/<master name>.'
  }
  return undefined
}

function isOlder(version: string): boolean {
  const [major, minor] = version.split('.').map(Number)
  if (major === undefined || minor === undefined || Number.isNaN(major + minor)) return false
  return major < MIN_VERSION[0] || (major === MIN_VERSION[0] && minor < MIN_VERSION[1])
}

/**
 * Examines Redis with a connection of its own.
 *
 * @returns the facts, or the error while Redis is away, because a start doesn't wait for it
 * @throws ExpectedStartError for a problem that only an operator can solve
 */
export async function examine({ settings, prefix, secrets }: ExamineOptions): Promise<RedisFacts | Error> {
  let seen: RedisFacts
  try {
    seen = await withTimeout(lookAt(settings, prefix), EXAMINE_TIMEOUT_MS, 'Redis')
  } catch (error) {
    const explained = explainRedisError(error, secrets)
    if (!isRefusal(error)) return explained
    throw new ExpectedStartError(`Node Event Service can't start: ${explained.message}.`)
  }
  const obstacle = findObstacle(seen, settings)
  if (obstacle !== undefined) throw new ExpectedStartError(`Node Event Service can't start: ${obstacle}`)
  return seen
}

async function lookAt(settings: RedisSettings, prefix: string): Promise<RedisFacts> {
  if (settings.kind !== 'cluster') return ask(createScout(settings), prefix)
  let failure: unknown
  for (const node of settings.nodes) {
    try {
      return await ask(createScout({ ...settings, ...node, kind: 'server', family: 0 }), prefix)
    } catch (error) {
      failure ??= error
    }
  }
  throw failure
}

async function ask(scout: Redis, prefix: string): Promise<RedisFacts> {
  let cause: Error | undefined
  const note = (error: Error) => {
    cause ??= error
  }
  scout.on('error', note)
  scout.on('sentinelError', note)
  try {
    const facts = readFacts(await scout.info())
    // A failed SELECT of the database makes no command fail.
    if (isRefusal(cause)) throw cause
    // In a Cluster another node may have the key.
    if (!facts.isCluster && !facts.isSentinel) await probe(scout, prefix)
    return facts
  } catch (error) {
    // The reason says more than that the connection was closed.
    throw cause ?? error
  } finally {
    scout.disconnect()
  }
}
