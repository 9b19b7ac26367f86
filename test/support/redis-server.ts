/** A Redis server as a child of this process, which may die and come back on the same port. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdir } from 'node:fs/promises'
import { Redis } from 'ioredis'
import { endProcess } from './child-process.js'
import { requireProgram } from './machine-program.js'

const programs = ['redis-server', 'valkey-server']

/** @throws Error that names the one command to run */
export const requireRedisProgram = (): string =>
  requireProgram({
    find: () => programs.find((program) => spawnSync(program, ['--version']).status === 0),
    debianPackage: 'redis-server',
    lack: 'The tests need Redis 6.2 or newer. Set REDIS_URL, or install it',
  })

export interface RedisServer extends AsyncDisposable {
  url: string
  /** Waits for as long as the server is away. */
  client: Redis
  /** Of the process that runs now. */
  readonly pid: number
  /** After it was killed. Resolves once it answers. */
  start(): Promise<void>
  signal(signal: NodeJS.Signals): void
  /** `kill -9`. */
  kill(): Promise<void>
}

export interface RedisServerOptions {
  program: string
  port: number
  /** Made where it is not there. */
  directory: string
  /** Whether it writes down what it holds, in an append-only file. */
  isDurable: boolean
  /** Whether it is in a process group of its own, which Ctrl-C leaves alone. */
  isDetached?: boolean
}

export async function startRedisServer(options: RedisServerOptions): Promise<RedisServer> {
  const { program, port, directory, isDurable, isDetached = false } = options
  const url = `redis://127.0.0.1:${port}`
  const client = connectPatiently(url)
  const settings = [
    ...['--port', String(port), '--bind', '127.0.0.1', '--dir', directory],
    ...['--appendonly', isDurable ? 'yes' : 'no', '--save', ''],
  ]
  let server: ChildProcess

  async function start(): Promise<void> {
    await mkdir(directory, { recursive: true })
    server = spawn(program, settings, { stdio: 'ignore', detached: isDetached })
    await client.ping()
  }

  const kill = () => endProcess(server, 'SIGKILL')

  await start()
  return {
    ...{ url, client, start, kill },
    get pid() {
      return server.pid as number
    },
    signal: (signal) => void server.kill(signal),
    async [Symbol.asyncDispose]() {
      client.disconnect()
      await kill()
    },
  }
}

/** Connects as soon as something listens, however long that takes and however often it goes away. */
export function connectPatiently(url: string): Redis {
  const client = new Redis(url, { retryStrategy: () => 20, maxRetriesPerRequest: null })
  client.on('error', () => {})
  return client
}
