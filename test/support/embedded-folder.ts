/** A folder of its own for each test, in which embedded servers are started, here or in a child, and killed. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { afterEach, beforeEach, expect, vi } from 'vitest'
import { findServerProcesses } from '../../src/platform/embedded-postgres/postgres-processes.js'
import {
  type EmbeddedPostgres,
  type EmbeddedPostgresOptions,
  startEmbeddedPostgres,
} from '../../src/platform/embedded-postgres.js'
import { endProcess } from './child-process.js'
import { copyCluster } from './cluster-template.js'

export interface EmbeddedFolder {
  readonly dataDirectory: string
  /** As the first start would: with a cluster, in which nothing is. */
  fill(): Promise<void>
  /** Of the cluster in it. */
  file(...names: string[]): string
  /** What was logged by the servers of this process. */
  readonly lines: string[]
  start(options?: Partial<EmbeddedPostgresOptions>): Promise<EmbeddedPostgres>
  /** In a process of its own, which holds the folder until it is killed. */
  startInChild(): Promise<{ child: ChildProcess; url: string; adopted: boolean }>
  /** A process that is killed at the end of the test. */
  use(child: ChildProcess): ChildProcess
  postmasterPid(): Promise<number>
  serverProcesses(): Promise<number[]>
  /** Leaves the folder as a crash of the machine does: all processes are gone, and nothing was put in order. */
  crash(child: ChildProcess): Promise<void>
}

/**
 * Arguments of Node.js for a program that starts an embedded PostgreSQL in the folder that is its own argument, and
 * runs until it is killed.
 */
export const embeddedPostgresProcess = [
  `--import=${import.meta.resolve('tsx')}`,
  fileURLToPath(new URL('embedded-postgres-process.ts', import.meta.url)),
]

/** Each test starts servers, often several, on a machine that may have more to do. */
const TEST_TIMEOUT_MS = 120_000

export function useEmbeddedFolder(): EmbeddedFolder {
  let folder: string
  let dataDirectory: string
  let servers: EmbeddedPostgres[]
  let children: ChildProcess[]
  let lines: string[]

  vi.setConfig({ testTimeout: TEST_TIMEOUT_MS })
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'node-event-service-embedded-'))
    // Root's PostgreSQL runs as another user, who has to get in.
    await chmod(folder, 0o755)
    dataDirectory = join(folder, 'data', 'postgres')
    servers = []
    children = []
    lines = []
  })

  afterEach(async () => {
    for (const child of children) await endProcess(child, 'SIGKILL')
    for (const server of servers) await server.stop()
    for (const pid of await serverProcesses()) killIfThere(pid)
    await expect.poll(serverProcesses, { timeout: 30_000 }).toEqual([])
    await rm(folder, { recursive: true, force: true })
  })

  async function start(options: Partial<EmbeddedPostgresOptions> = {}): Promise<EmbeddedPostgres> {
    const server = await startEmbeddedPostgres({ dataDirectory, log: (line) => lines.push(line), ...options })
    servers.push(server)
    return server
  }

  async function startInChild() {
    const child = spawn(process.execPath, [...embeddedPostgresProcess, dataDirectory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    children.push(child)
    const [line] = await once(createInterface(child.stdout), 'line')
    return { child, ...JSON.parse(line) }
  }

  const file = (...names: string[]) => join(dataDirectory, 'cluster', ...names)
  const postmasterPid = async () => Number.parseInt(await readFile(file('postmaster.pid'), 'utf8'), 10)
  const serverProcesses = () => findServerProcesses(file())

  async function crash(child: ChildProcess): Promise<void> {
    const pid = await postmasterPid()
    await endProcess(child, 'SIGKILL')
    killIfThere(pid)
    await expect.poll(serverProcesses, { timeout: 30_000 }).toEqual([])
  }

  return {
    get dataDirectory() {
      return dataDirectory
    },
    get lines() {
      return lines
    },
    use(child) {
      children.push(child)
      return child
    },
    fill: () => copyCluster(dataDirectory),
    ...{ file, start, startInChild, postmasterPid, serverProcesses, crash },
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

export async function query(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url)
  // A server that is killed is told of by what is asked next.
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(text)).rows
  } finally {
    await client.end()
  }
}
