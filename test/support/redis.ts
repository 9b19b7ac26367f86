/** Redis for tests: the user's, one started from the machine's own program, or one installed for the purpose. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { inject } from 'vitest'
import { findFreePort } from '../../src/platform/free-port.js'
import { requireRedisProgram } from './redis-program.js'

export type RedisSource = { url: string } | { program: string }

/** Where Redis comes from in this run. @throws Error that names the one command to run */
export function provideRedis(): RedisSource {
  const url = process.env.REDIS_URL
  return url ? { url } : { program: requireRedisProgram() }
}

export interface TestRedis extends AsyncDisposable {
  url: string
  /** For what a test does to Redis: `FLUSHALL`, … */
  client: Redis
  /** Kills it, with all that it held. */
  stop(): Promise<void>
  /** Starts it again, empty, on the same port. */
  restart(): Promise<void>
}

/** An empty Redis of a test's own, as far as the source allows it. */
export async function startRedis(): Promise<TestRedis> {
  const source = inject('redisSource')
  if ('url' in source) return shared(source.url)
  const port = await findFreePort()
  const url = `redis://127.0.0.1:${port}`
  const directory = mkdtempSync(join(tmpdir(), 'node-event-service-redis-'))
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', directory]
  const start = () => spawn(source.program, options, { stdio: 'ignore' })
  let server = start()
  const client = await connect(url)
  return {
    url,
    client,
    stop: () => kill(server),
    async restart() {
      server = start()
      await client.ping()
    },
    async [Symbol.asyncDispose]() {
      client.disconnect()
      await kill(server)
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function shared(url: string): Promise<TestRedis> {
  const client = await connect(url)
  await client.flushall()
  const notOurs = async () => {
    throw new Error('This test kills Redis, which must not be yours: run it without REDIS_URL.')
  }
  return {
    url,
    client,
    stop: notOurs,
    restart: notOurs,
    [Symbol.asyncDispose]: async () => client.disconnect(),
  }
}

/** Connects, however long the server takes to listen. */
async function connect(url: string): Promise<Redis> {
  const client = new Redis(url, { retryStrategy: () => 20, maxRetriesPerRequest: null })
  client.on('error', () => {})
  await client.ping()
  return client
}

async function kill(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  const exit = once(server, 'exit')
  server.kill('SIGKILL')
  await exit
}
