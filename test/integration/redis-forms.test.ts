/** Every form of REDIS_URL, on real servers: the main job, retries and live updates work. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findFreePort } from '../../src/platform/free-port.js'
import { createResources, type Resources } from '../../src/platform/resources.js'
import { createAuthority } from '../support/certificates.js'
import { createClient } from '../support/client.js'
import { createTestDatabase } from '../support/database.js'
import { startReceiver } from '../support/receiver.js'
import {
  moveSlot,
  type RedisMachine,
  startRedisCluster,
  startRedisMachine,
} from '../support/redis-machines.js'
import { type Settings, startApart } from '../support/service.js'

let resources: Resources

beforeEach(() => {
  resources = createResources()
})
afterEach(() => resources[Symbol.asyncDispose]())

/** What was said first says most about what went wrong. */
const LOG_LINES = 20
const event = { type: 'user.created', data: {} }
const machine = async (...args: Parameters<typeof startRedisMachine>) =>
  resources.use(await startRedisMachine(...args))

/** API and worker apart: the worker learns of an event by a signal. */
async function start(settings: Settings) {
  const database = resources.use(await createTestDatabase())
  const common = { DELIVERY_BACKOFF_BASE_SECONDS: '0.2', ...settings }
  const log: string[] = []
  const logger = pino({ level: 'warn' }, { write: (line) => void log.push(line) })
  const services = resources.use(await startApart(database, undefined, common, logger))
  const api = createClient(services.api.url)
  return {
    database,
    health: async () => (await api.get('/v1/health')).body.redis.status,
    /** Publishes what fails at first; resolves once it was delivered, in time for a lease that had to run out. */
    async retry() {
      const receiver = resources.use(await startReceiver(500, 200))
      const { body } = await api.post('/v1/subscriptions', {
        endpointUrl: receiver.url,
        eventTypes: [event.type],
      })
      const { status, body: accepted } = await api.post('/v1/events', event)
      expect(status).toBe(202)
      const isSent = async () => (await api.get(`/v1/events/${accepted.eventId}`)).body.status
      try {
        await expect.poll(isSent, { timeout: 60_000 }).toBe('DELIVERED')
      } catch (cause) {
        throw new Error(`It was not delivered. The log:\n${log.slice(0, LOG_LINES).join('')}`, { cause })
      }
      await api.patch(`/v1/subscriptions/${body.id}`, { isEnabled: false })
    },
  }
}

const refusal = (settings: Settings) =>
  start(settings).then(
    () => 'it started',
    (error: Error) => `${error.name}: ${error.message}`,
  )

describe('REDIS_URL', { timeout: 120_000 }, () => {
  it('names a server, with a user, a password and a database', async () => {
    const password = 'p@ss:w/rd%'
    const redis = await machine()
    await redis.cli('acl', 'setuser', 'hooks', 'on', `>${password}`, '~*', '&*', '+@all')
    const user = `hooks:${encodeURIComponent(password)}`
    const service = await start({ REDIS_URL: `redis://${user}@127.0.0.1:${redis.port}/3` })
    await service.retry()
    expect(await service.health()).toBe('ok')
    expect(await redis.cli('-n', '3', 'dbsize')).not.toBe('0')
  })

  it('names a Unix socket', async () => {
    const redis = await machine({ settings: ['--unixsocket', 'redis.sock'] })
    const service = await start({ REDIS_URL: `redis+unix://${join(redis.directory, 'redis.sock')}` })
    await service.retry()
    expect(await service.health()).toBe('ok')
  })

  it('names a server with TLS by an authority of its own, and with a certificate for the client', async () => {
    const files = await machine()
    const authority = createAuthority(files.directory)
    const file = (name: string, text: string) => {
      const path = join(files.directory, name)
      writeFileSync(path, text)
      return path
    }
    const [server, client] = [authority.issue('localhost'), authority.issue('hooks')]
    const redis = await machine({
      settings: [
        ...['--tls-port', '0', '--tls-ca-cert-file', authority.path, '--tls-auth-clients', 'yes'],
        ...[
          '--tls-cert-file',
          file('server.pem', server.cert),
          '--tls-key-file',
          file('server.key', server.key),
        ],
      ],
    })
    const tlsPort = `${await findFreePort()}`
    expect(await redis.cli('config', 'set', 'tls-port', tlsPort)).toBe('OK')
    const REDIS_URL = `rediss://localhost:${tlsPort}`
    const certificate = {
      REDIS_CERT_FILE: file('client.pem', client.cert),
      REDIS_KEY_FILE: file('client.key', client.key),
    }
    const service = await start({ REDIS_URL, REDIS_CA_FILE: authority.path, ...certificate })
    await service.retry()
    expect(await service.health()).toBe('ok')
    expect(await refusal({ REDIS_URL, ...certificate })).toMatch(/ExpectedStartError: .*TLS.*REDIS_CA_FILE/)
  })

  it('names some nodes of a Cluster, whose slots move', async () => {
    const { nodes } = resources.use(await startRedisCluster())
    const REDIS_URL = `redis://${nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}`
    const service = await start({ REDIS_URL })
    await service.retry()
    const [{ id } = { id: '' }] = await service.database.query<{ id: string }>('select id from installation')
    const slot = await (nodes[0] as RedisMachine).cli('cluster', 'keyslot', `{${id}}`)
    await moveSlot(nodes, slot)
    await service.retry()
    await moveSlot(nodes, slot)
    await service.retry()
    expect(await service.health()).toBe('ok')
  })

  it('names one node of a Cluster, which says so', async () => {
    const { nodes } = resources.use(await startRedisCluster())
    const service = await start({ REDIS_URL: `redis://127.0.0.1:${nodes[1]?.port}` })
    await service.retry()
    expect(await service.health()).toBe('ok')
  })

  it('names Sentinels, which know the primary, and the next one', async () => {
    const primary = await machine()
    const replica = await machine({ settings: ['--replicaof', '127.0.0.1', `${primary.port}`] })
    await expect
      .poll(() => replica.cli('info', 'replication'), { timeout: 20_000 })
      .toContain('link_status:up')
    const watching = [
      `sentinel monitor hooks 127.0.0.1 ${primary.port} 2`,
      'sentinel down-after-milliseconds hooks 1000',
      'sentinel failover-timeout hooks 10000',
    ]
    const sentinels = await Promise.all([1, 2, 3].map(() => machine({ sentinel: watching })))
    const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',')
    for (const sentinel of sentinels) {
      const known = () => sentinel.cli('sentinel', 'master', 'hooks')
      await expect.poll(known, { timeout: 30_000 }).toMatch(/num-slaves\n1\nnum-other-sentinels\n2/)
    }
    const service = await start({ REDIS_URL: `redis+sentinel://${hosts}/hooks` })
    await service.retry()
    await primary.kill()
    await expect.poll(() => replica.cli('info', 'replication'), { timeout: 60_000 }).toContain('role:master')
    await expect.poll(service.health, { timeout: 30_000 }).toBe('ok')
    await service.retry()
    expect(await refusal({ REDIS_URL: `redis+sentinel://${hosts}/other` })).toMatch(/Sentinels .* name/)
  })

  it('names a user who may do what docs/operating/redis.md lists, and no more', async () => {
    const [, rules = ''] =
      /```\n(ACL SETUSER [^`]*?)\n```/.exec(readFileSync('docs/operating/redis.md', 'utf8')) ?? []
    const redis = await machine()
    const words = rules.replace(/\\\n/g, ' ').split(/\s+/).slice(2)
    await redis.cli('acl', 'setuser', ...words.map((word) => word.replace('<password>', 'secret')))
    const service = await start({ REDIS_URL: `redis://hooks:secret@127.0.0.1:${redis.port}` })
    await service.retry()
    expect(await service.health()).toBe('ok')
    expect(await redis.cli('acl', 'log')).toBe('')
  })

  it.each([
    ['a wrong password', 'redis://:wrong@127.0.0.1:PORT', /refuses the user or the password/],
    ['a database that is not there', 'redis://127.0.0.1:PORT/99', /no database of that number/],
    [
      'a Cluster that is none',
      'redis://127.0.0.1:PORT,127.0.0.1:PORT',
      /several nodes, as of a Redis Cluster/,
    ],
  ])('is refused at the start, in a sentence: %s', async (_, url, sentence) => {
    const redis = await machine({
      settings: url.includes('wrong') ? ['--requirepass', 'right'] : [],
      cliArguments: url.includes('wrong') ? ['-a', 'right', '--no-auth-warning'] : [],
    })
    const told = await refusal({ REDIS_URL: url.replaceAll('PORT', `${redis.port}`) })
    expect(told).toMatch(sentence)
    expect(told).toMatch(/^ExpectedStartError: /)
    expect(told).not.toContain('wrong@')
  })
})
