/**
 * Redis, by every connection that a process has to it: one for what must not wait (jobs to add, messages to publish), one
 * for a worker that waits for jobs, of which BullMQ makes another, and one that listens. Redis may go away and come back
 * at any moment, the start included.
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
   * Begins every key and channel: several services may use one Redis. Braces keep the keys of one service in one slot of
   * a Cluster.
   */
  readonly prefix: string
  /** Fails at once while Redis is away. */
  readonly commands: RedisClient
  /** Whether it makes sense to ask now. */
  isThere(): boolean
  /** Its commands wait for Redis, however long it is away. */
  openPatient(): RedisClient
  openSubscriber(): Subscriber
  /** Those of the channels that somebody listens to, anywhere. */
  findHeard(channels: string[]): Promise<Set<string>>
  /** Resolves when Redis does what the queue needs. @throws Error that says why not */
  check(): Promise<void>
}

export interface RedisAccessOptions {
  settings: RedisSettings
  /** The id that the service's database has. */
  installationId: string
  logger: Logger
  onError(error: Error): void
}

/** @throws ExpectedStartError where Redis is there, and only a person can make it usable */
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

  /** Sees to it that its errors are heard, and that it is closed; and so for those that BullMQ makes of it. */
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

  /** Another connection may lead to another Redis than the first look did. */
  async function review(): Promise<void> {
    const facts = readFacts(String(await commands.info()))
    obstacle = findObstacle(facts, settings)
    if (facts.isCluster && settings.kind === 'server') {
      obstacle = 'The Redis at REDIS_URL is part of a Redis Cluster by now: restart the service.'
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

  async function findHeardBy(node: RedisClient, channels: string[]): Promise<string[]> {
    const answer = (await node.pubsub('NUMSUB', ...channels)) as (string | number)[]
    return answer.filter((_, index) => index % 2 === 0 && answer[index + 1] !== 0).map(String)
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
    async findHeard(channels) {
      assertThere()
      if (!(commands instanceof Cluster)) return new Set(await findHeardBy(commands, channels))
      // A node of a Cluster counts only who listens at itself. What one can't say counts as heard.
      const nodes = commands.nodes('all')
      const answers = await Promise.all(
        nodes.map((node) => findHeardBy(node, channels).catch(() => channels)),
      )
      return new Set(answers.flat())
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

/** One node is enough to know a Cluster by. */
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
