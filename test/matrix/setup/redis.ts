/** The Redis of an environment, and the service's settings for it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { findFreePort } from '../../../src/platform/free-port.js'
import type { Resources } from '../../../src/platform/resources.js'
import { createAuthority } from '../../support/certificates.js'
import { temporaryDirectory } from '../../support/process.js'
import { type RedisMachine, startRedisCluster, startRedisMachine } from '../../support/redis-machines.js'
import type { Settings } from '../../support/service.js'
import type { RedisKind } from '../environments.js'

export interface EnvironmentRedis {
  settings: Settings
  /** The servers that the service may use: in a Cluster all nodes. */
  servers: RedisMachine[]
}

const MASTER_NAME = 'events'
/** For servers that must find each other. */
const PATIENCE = { timeout: 60_000, interval: 100 }

export function provideRedis(kind: RedisKind, resources: Resources): Promise<EnvironmentRedis> {
  return providers[kind](resources)
}

const providers: Record<RedisKind, (resources: Resources) => Promise<EnvironmentRedis>> = {
  none: async () => ({ settings: {}, servers: [] }),

  async plain(resources) {
    const server = resources.use(await startRedisMachine())
    return { servers: [server], settings: { REDIS_URL: `redis://127.0.0.1:${server.port}` } }
  },

  async TLS(resources) {
    const home = resources.use(temporaryDirectory()).path
    const authority = createAuthority(home)
    const { cert, key } = authority.issue('localhost')
    const file = (name: string, text: string) => {
      const path = join(home, name)
      writeFileSync(path, text)
      return path
    }
    const port = await findFreePort()
    const tls = {
      'tls-port': `${port}`,
      'tls-cert-file': file('server.pem', cert),
      'tls-key-file': file('server.key', key),
      'tls-ca-cert-file': authority.path,
      'tls-auth-clients': 'no',
    }
    const settings = Object.entries(tls).flatMap(([name, value]) => [`--${name}`, value])
    const server = resources.use(await startRedisMachine({ settings }))
    return {
      servers: [server],
      settings: { REDIS_URL: `rediss://localhost:${port}`, REDIS_CA_FILE: authority.path },
    }
  },

  /** A user with the rights that the documentation lists. All other users have none. */
  async ACL(resources) {
    const server = resources.use(await startRedisMachine())
    await server.cli('acl', 'setuser', ...documentedRights('secret'))
    return { servers: [server], settings: { REDIS_URL: `redis://hooks:secret@127.0.0.1:${server.port}` } }
  },

  async Sentinel(resources) {
    const server = resources.use(await startRedisMachine())
    const replica = resources.use(
      await startRedisMachine({ settings: ['--replicaof', '127.0.0.1', `${server.port}`] }),
    )
    await expect.poll(() => replica.cli('info', 'replication'), PATIENCE).toContain('link_status:up')
    const monitor = `sentinel monitor ${MASTER_NAME} 127.0.0.1 ${server.port} 1`
    const sentinel = resources.use(await startRedisMachine({ sentinel: [monitor] }))
    return {
      servers: [server],
      settings: { REDIS_URL: `redis+sentinel://127.0.0.1:${sentinel.port}/${MASTER_NAME}` },
    }
  },

  async Cluster(resources) {
    const { nodes } = resources.use(await startRedisCluster())
    const hosts = nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')
    return { servers: nodes, settings: { REDIS_URL: `redis://${hosts}` } }
  },
}

/** `hooks on >… ~node-event-service:* +info …` of `ACL SETUSER` in docs/operating/redis.md. */
function documentedRights(password: string): string[] {
  const [, rights] =
    /```\nACL SETUSER ([^`]*?)\n```/.exec(readFileSync('docs/operating/redis.md', 'utf8')) ?? []
  if (rights === undefined)
    throw new Error('docs/operating/redis.md lists no rights: ACL SETUSER is missing.')
  return rights
    .replaceAll('\\\n', ' ')
    .split(/\s+/)
    .map((word) => word.replace('<password>', password))
}
