/**
 * The connections of a process to Redis: one for commands that must not wait (adding jobs, publishing messages), one
 * for a worker that waits for jobs, which BullMQ duplicates, and one for subscriptions. Redis may go away and come back
 * at any moment, also during the start.
 */
import { Cluster, type Redis } from 'ioredis'
import type { Logger } from 'pino'
import { DEFAULT_PORT } from './address.js'
import {
  type ClientOptions,
  createClient,
  createSubscriberClient,
  type RedisClient,
  type RedisSettings,
} from './clients.js'
import { examine, findObstacle, type RedisFacts, readFacts } from './examine.js'
import { fixClient } from './ioredis-fixes.js'
import { probe } from './probe.js'
import { explainRedisError } from './redis-errors.js'
import { createSubscriber, type Subscriber } from './subscriber.js'

export interface RedisAccess extends AsyncDisposable {
  /**
   * Prefix of every key and channel, since several services may share one Redis. Braces keep the keys of one service in
   * one slot of a Cluster.
   */
  readonly prefix: string
  /** Fails at once while Redis is away. */
  readonly commands: RedisClient
  /** Whether Redis is connected now. */
  isThere(): boolean
  /** A client whose commands wait while Redis is away. */
  openPatient(): RedisClient
  openSubscriber(): Subscriber
  /** The connections that subscribe to each of these channels, in any process. */
  countSubscribers(channels: string[]): Promise<Map<string, number>>
  /** Resolves when Redis can do what the queue needs. @throws Error that says why not */
  check(): Promise<void>
}

export interface RedisAccessOptions {
  settings: RedisSettings
  /** See `installation.ts`. */
  installationId: string
  logger: Logger
  onError(error: Error): void
}

/** @throws ExpectedStartError when Redis answers, but must be configured otherwise */
export async function connectToRedis(options: RedisAccessOptions): Promise<RedisAccess> {
  const { logger, onError } = options
  const prefix = `node-event-service:{${options.installationId}}`
  const secrets = secretsOf(options.settings)
  const found = await examine({ settings: options.settings, prefix, secrets })
  const settings = settingsFor(options.settings, found)
  const clients = new Set<RedisClient>()
  let policy: string | undefined
  let obstacle: string | undefined
  let probing: Promise<void> | undefined

  if (found instanceof Error) logger.warn({ err: found }, 'Redis cannot be used: starting without it')
  else warnOfEviction(found)

  const reportError = (error: unknown) => onError(explainRedisError(error, secrets))

  /** Reports the errors of a client, and closes it in the end. Does the same for its duplicates, which BullMQ makes. */
  function keep<Client extends RedisClient>(client: Client): Client {
    clients.add(client)
    client.on('error', reportError)
    if (client instanceof Cluster) client.on('node error', reportError)
    fixClient(client)
    const duplicate = client.duplicate.bind(client) as (...args: unknown[]) => RedisClient
    client.duplicate = ((...args: unknown[]) => keep(duplicate(...args))) as typeof client.duplicate
    return client
  }

  const open = (clientOptions: ClientOptions) => keep(createClient(settings, clientOptions))

  /** A new connection may lead to another Redis than the one that was examined at the start. */
  async function review(): Promise<void> {
    const facts = readFacts(String(await commands.info()))
    obstacle = findObstacle(facts, settings)
    if (facts.isCluster && settings.kind === 'server') {
      obstacle = 'The Redis at REDIS_URL is now part of a Redis Cluster: restart the service.'
    }
    if (obstacle !== undefined) onError(new Error(obstacle))
    warnOfEviction(facts)
  }

  function warnOfEviction({ evictionPolicy }: RedisFacts): void {
    if (evictionPolicy === policy) return
    policy = evictionPolicy
    if (policy === undefined || policy === 'noeviction') return
    logger.warn(
      { maxmemoryPolicy: policy },
      'Redis may evict jobs, which are then delivered late: set its maxmemory-policy to noeviction',
    )
  }

  /** In the order of the channels. */
  async function countSubscribersOf(node: RedisClient, channels: string[]): Promise<number[]> {
    const answer = (await node.pubsub('NUMSUB', ...channels)) as (string | number)[]
    return channels.map((_, index) => Number(answer[index * 2 + 1]))
  }

  const commands = open({ isImpatient: true })
  const isThere = () => commands.status === 'ready'
  function assertThere(): void {
    if (!isThere()) throw new Error('Redis is away.')
  }
  commands.on('ready', () => void review().catch(reportError))

  return {
    prefix,
    commands,
    isThere,
    openPatient: () => open({ isImpatient: false }),
    openSubscriber() {
      const client = createSubscriberClient(settings, () => anyNode(commands, settings))
      return createSubscriber(keep(client), reportError)
    },
    async countSubscribers(channels) {
      assertThere()
      // A node of a Cluster counts only its own subscribers. Without an answer all channels may have any number.
      const nodes = commands instanceof Cluster ? commands.nodes('all') : [commands]
      const unknown = () => channels.map(() => Number.POSITIVE_INFINITY)
      const answers = await Promise.all(
        nodes.map((node) => {
          const counts = countSubscribersOf(node, channels)
          return commands instanceof Cluster ? counts.catch(unknown) : counts
        }),
      )
      const sum = (index: number) => answers.reduce((total, counts) => total + (counts[index] ?? 0), 0)
      return new Map(channels.map((channel, index) => [channel, sum(index)]))
    },
    async check() {
      assertThere()
      if (obstacle !== undefined) throw new Error(obstacle)
      probing ??= probe(commands, prefix).finally(() => {
        probing = undefined
      })
      await probing
    },
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.disconnect()
    },
  }
}

/** A server that turns out to be a node of a Cluster. One node is enough to find the others. */
function settingsFor(settings: RedisSettings, found: RedisFacts | Error): RedisSettings {
  if (found instanceof Error || !found.isCluster || settings.kind !== 'server') return settings
  const { host, port } = settings
  return { ...settings, kind: 'cluster', nodes: [{ host, port }] }
}

function anyNode(commands: RedisClient, settings: RedisSettings): { host: string; port: number } {
  const started = settings.kind === 'cluster' ? settings.nodes : []
  const known = commands instanceof Cluster ? commands.nodes('all').map(({ options }) => options) : []
  const nodes = known.length > 0 ? known : started
  const { host, port } = nodes[Math.floor(Math.random() * nodes.length)] as Redis['options']
  return { host: host ?? 'localhost', port: port ?? DEFAULT_PORT }
}

function secretsOf(settings: RedisSettings): string[] {
  const sentinelPassword = settings.kind === 'sentinel' ? settings.sentinelPassword : undefined
  return [settings.password, sentinelPassword].filter((secret) => secret !== undefined)
}
