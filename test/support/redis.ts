/** Redis for tests: the user's, one started from the machine's own program, or one installed for the purpose. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Redis } from 'ioredis'
import { inject } from 'vitest'
import { findFreePort } from '../../src/platform/free-port.js'
import { connectPatiently, requireRedisProgram, startRedisServer } from './redis-server.js'

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
  const directory = mkdtempSync(join(tmpdir(), 'node-event-service-redis-'))
  const port = await findFreePort()
  const server = await startRedisServer({ program: source.program, port, directory, isDurable: false })
  return {
    url: server.url,
    client: server.client,
    stop: server.kill,
    restart: server.start,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function shared(url: string): Promise<TestRedis> {
  const client = connectPatiently(url)
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
