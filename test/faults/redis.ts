/** A Redis that is there to be broken: a child of this process, with an append-only file, on a port that stays. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, rm } from 'node:fs/promises'
import { Redis } from 'ioredis'
import { requireRedisProgram } from '../support/redis-program.js'
import { findSteadyPort } from './steady-port.js'

export interface BreakableRedis extends AsyncDisposable {
  url: string
  /** `kill -9`. */
  kill(): Promise<void>
  /** Removes all that it had written down; to be called while it is dead. */
  loseData(): Promise<void>
  /** Resolves once it answers. */
  start(): Promise<void>
  /** `FLUSHALL`. */
  flush(): Promise<void>
  pause(): void
  resume(): void
}

export async function startBreakableRedis(directory: string): Promise<BreakableRedis> {
  const port = await findSteadyPort()
  const url = `redis://127.0.0.1:${port}`
  const options = [
    ...['--port', String(port), '--bind', '127.0.0.1', '--dir', directory],
    ...['--appendonly', 'yes', '--save', ''],
  ]
  const program = requireRedisProgram()
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => 50, maxRetriesPerRequest: null })
  client.on('error', () => {})
  let server: ChildProcess

  async function start(): Promise<void> {
    await mkdir(directory, { recursive: true })
    server = spawn(program, options, { stdio: 'ignore' })
    await client.ping()
  }

  async function kill(): Promise<void> {
    if (server.exitCode !== null || server.signalCode !== null) return
    const exit = once(server, 'exit')
    server.kill('SIGKILL')
    await exit
  }

  await start()
  return {
    url,
    kill,
    loseData: () => rm(directory, { recursive: true, force: true }),
    start,
    async flush() {
      await client.flushall()
    },
    pause: () => void server.kill('SIGSTOP'),
    resume: () => void server.kill('SIGCONT'),
    async [Symbol.asyncDispose]() {
      client.disconnect()
      await kill()
    },
  }
}
