/**
 * Redis as people have it: with settings of its own, as a Cluster, or watched by Sentinels. Real servers, all of them.
 */
import { execFile, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { findFreePort } from '../../src/platform/free-port.js'
import { createResources } from '../../src/platform/resources.js'
import { endProcess } from './child-process.js'
import { requireRedisProgram } from './redis-server.js'

export interface RedisMachine extends AsyncDisposable {
  port: number
  directory: string
  /** What `redis-cli` prints for a command. */
  cli(...command: string[]): Promise<string>
  /** `kill -9`. */
  kill(): Promise<void>
  signal(signal: NodeJS.Signals): void
}

export interface RedisMachineOptions {
  /** Of the command line: `['--maxmemory', '1mb']`. */
  settings?: string[]
  /** For redis-cli, beside the port. */
  cliArguments?: string[]
  /** Whether it is a Sentinel, by a configuration file with these lines. */
  sentinel?: string[]
}

const run = promisify(execFile)

/** Resolves once it answers. */
export async function startRedisMachine(options: RedisMachineOptions = {}): Promise<RedisMachine> {
  const { settings = [], cliArguments = [], sentinel } = options
  const program = requireRedisProgram()
  const directory = mkdtempSync(join(tmpdir(), 'node-event-service-redis-'))
  const port = await findFreePort()
  const common = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', directory, '--save', '']
  const file = join(directory, 'sentinel.conf')
  if (sentinel)
    writeFileSync(file, [`port ${port}`, 'bind 127.0.0.1', `dir ${directory}`, ...sentinel].join('\n'))
  const server = spawn(program, sentinel ? [file, '--sentinel'] : [...common, ...settings], {
    stdio: 'ignore',
  })
  const tool = program.replace(/-server$/, '-cli')
  const cli = async (...command: string[]) =>
    (await run(tool, ['-p', `${port}`, ...cliArguments, ...command], { timeout: 20_000 })).stdout.trim()
  const kill = () => endProcess(server, 'SIGKILL')
  await expect.poll(() => cli('ping').catch(() => ''), { timeout: 20_000 }).toBe('PONG')
  return {
    ...{ port, directory, cli, kill },
    signal: (signal) => void server.kill(signal),
    async [Symbol.asyncDispose]() {
      await kill()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

export interface RedisCluster extends AsyncDisposable {
  nodes: RedisMachine[]
}

/** Three primaries, by `redis-cli --cluster create`. */
export async function startRedisCluster(settings: string[] = []): Promise<RedisCluster> {
  const resources = createResources()
  const start = () => startRedisMachine({ settings: ['--cluster-enabled', 'yes', ...settings] })
  const nodes = await Promise.all([start(), start(), start()])
  for (const node of nodes) resources.use(node)
  const first = nodes[0] as RedisMachine
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`)
  await first.cli('--cluster', 'create', ...addresses, '--cluster-yes')
  for (const node of nodes) {
    await expect.poll(() => node.cli('cluster', 'info'), { timeout: 20_000 }).toContain('cluster_state:ok')
  }
  return { nodes, [Symbol.asyncDispose]: resources[Symbol.asyncDispose] }
}

/** Moves one slot, with its keys, while others use them. */
export async function moveSlot(nodes: RedisMachine[], slot: string): Promise<void> {
  const ids = await Promise.all(nodes.map((node) => node.cli('cluster', 'myid')))
  const owner = await findOwner(nodes, slot)
  const target = (owner + 1) % nodes.length
  const [from, to] = [nodes[owner], nodes[target]] as [RedisMachine, RedisMachine]
  await to.cli('cluster', 'setslot', slot, 'importing', ids[owner] as string)
  await from.cli('cluster', 'setslot', slot, 'migrating', ids[target] as string)
  for (;;) {
    const keys = (await from.cli('cluster', 'getkeysinslot', slot, '100')).split('\n').filter(Boolean)
    if (keys.length === 0) break
    await from.cli('migrate', '127.0.0.1', `${to.port}`, '', '0', '5000', 'keys', ...keys)
  }
  for (const node of [to, from, ...nodes])
    await node.cli('cluster', 'setslot', slot, 'node', ids[target] as string)
}

async function findOwner(nodes: RedisMachine[], slot: string): Promise<number> {
  const answers = await Promise.all(nodes.map((node) => node.cli('cluster', 'countkeysinslot', slot)))
  const owner = answers.findIndex((count) => Number(count) > 0)
  if (owner < 0) throw new Error(`No node has keys in slot ${slot}.`)
  return owner
}
