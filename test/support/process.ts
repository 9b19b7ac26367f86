/** The service as its users start it: `node dist/main.js` in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import type { Resources } from '../../src/platform/resources.js'
import { endProcess } from './child-process.js'
import { type Client, createClient, TEST_KEY } from './client.js'
import { createTestDatabase, type TestDatabase } from './database.js'
import { startRedis } from './redis.js'
import type { Settings } from './service.js'

export interface ServiceProcess extends AsyncDisposable {
  pid: number
  url: string
  api: Client
  /** What it has printed, line by line. */
  output: string[]
  /** Sends a signal; resolves with the exit code, or with the signal that ended it, once it is gone. */
  end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals>
}

const quick: Settings = {
  NODE_ENV: 'test',
  API_KEYS: TEST_KEY,
  PORT: '0',
  SHUTDOWN_GRACE_SECONDS: '0',
  DELIVERY_BACKOFF_BASE_SECONDS: '0.05',
  DELIVERY_ALLOWED_CIDRS: '127.0.0.0/8',
}

export interface ProcessOptions {
  settings: Settings
  /** Its working directory, and so where `.data/` is. */
  directory: string
  /** The program of another Node.js than the one that runs the tests. */
  node?: string
}

/** In time for a busy machine, on which a start migrates a database as well. */
const START_TIMEOUT_MS = 90_000

/** Resolves once the service listens. */
export async function startProcess(options: ProcessOptions): Promise<ServiceProcess> {
  const { child, output } = launch('main.js', options)
  const url = await new Promise<string>((listening, failed) => {
    const fail = (what: string) => failed(new Error(`The service ${what}:\n${output.join('\n')}`))
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      fail(`did not listen within ${START_TIMEOUT_MS / 1000} s`)
    }, START_TIMEOUT_MS)
    createInterface(child.stdout as NodeJS.ReadableStream).on('line', (line) => {
      output.push(line)
      if (!line.includes('"msg":"listening"')) return
      clearTimeout(timer)
      listening(JSON.parse(line).url)
    })
    child.once('exit', () => {
      clearTimeout(timer)
      fail('ended before it listened')
    })
  })

  async function end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals> {
    await endProcess(child, signal)
    return child.exitCode ?? (child.signalCode as NodeJS.Signals)
  }
  return {
    pid: child.pid as number,
    url,
    api: createClient(url),
    output,
    end,
    [Symbol.asyncDispose]: async () => void (await end('SIGTERM')),
  }
}

/** Runs one of the service's programs to its end. */
export async function runToEnd(program: string, options: ProcessOptions, args: string[] = []) {
  const { child, output } = launch(program, options, args)
  createInterface(child.stdout as NodeJS.ReadableStream).on('line', (line) => output.push(line))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, output: output.join('\n') }
}

/** Starts one of the service's programs, and waits for nothing. */
export function launch(
  program: string,
  { settings, directory, node = process.execPath }: ProcessOptions,
  args: string[] = [],
): { child: ChildProcess; output: string[] } {
  const output: string[] = []
  const child = spawn(node, [resolve('dist', program), ...args], {
    cwd: directory,
    // Nothing of the environment of whoever runs the tests, but where programs are found.
    env: { PATH: process.env.PATH, ...quick, ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  createInterface(child.stderr as NodeJS.ReadableStream).on('line', (line) => output.push(line))
  return { child, output }
}

/** A folder that is gone afterwards, and that the user who runs root's PostgreSQL can enter. */
export function temporaryDirectory(): AsyncDisposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), 'node-event-service-e2e-'))
  chmodSync(path, 0o755)
  return {
    path,
    async [Symbol.asyncDispose]() {
      rmSync(path, { recursive: true, force: true })
    },
  }
}

export interface Processes {
  database: TestDatabase
  /** Starts one more process of the service. */
  start(): Promise<ServiceProcess>
}

/** A database, a Redis and a folder, which the processes that a test starts share. */
export async function provideProcesses(resources: Resources, settings: Settings = {}): Promise<Processes> {
  const database = resources.use(await createTestDatabase())
  const redis = resources.use(await startRedis())
  const directory = resources.use(temporaryDirectory()).path
  const shared = { DATABASE_URL: database.url, REDIS_URL: redis.url, ...settings }
  return {
    database,
    start: async () => resources.use(await startProcess({ settings: shared, directory })),
  }
}
