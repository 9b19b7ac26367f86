/** The built service in the topology of an environment. It can be killed and restarted. */
import { existsSync, readFileSync } from 'node:fs'
import { createResources, type Resources } from '../../../src/platform/resources.js'
import type { Client } from '../../support/client.js'
import { type ServiceProcess, startProcess, temporaryDirectory } from '../../support/process.js'
import type { Settings } from '../../support/service.js'
import type { Topology } from '../environments.js'

export interface EnvironmentService extends AsyncDisposable {
  readonly url: string
  readonly api: Client
  /** `kill -9` of all its processes at once. */
  crash(): Promise<void>
  /** Resolves once it listens again, possibly at another port. */
  restart(): Promise<void>
  /** The last lines of each process so far. */
  output(): string
}

/** The last one has the API. */
const processesOf: Record<Topology, Settings[]> = {
  one: [{}],
  two: [{ PROCESSES: '2' }],
  apart: [{ ROLE: 'worker' }, { ROLE: 'api' }],
}

/** Few attempts, so that a delivery is DEAD within a check. */
export const MAX_ATTEMPTS = 3
const LINES_SHOWN = 20

export async function startEnvironmentService(
  topology: Topology,
  settings: Settings,
  node: string,
): Promise<EnvironmentService> {
  const home = temporaryDirectory()
  const common = { LOG_LEVEL: 'info', DELIVERY_MAX_ATTEMPTS: `${MAX_ATTEMPTS}`, ...settings }
  const all: ServiceProcess[] = []
  let resources: Resources
  let last: ServiceProcess

  async function start(): Promise<void> {
    resources = createResources()
    for (const role of processesOf[topology]) {
      last = await startProcess({ settings: { ...common, ...role }, directory: home.path, node })
      all.push(resources.use(last))
    }
  }

  async function dispose(): Promise<void> {
    await resources[Symbol.asyncDispose]()
    await home[Symbol.asyncDispose]()
  }

  try {
    await start()
  } catch (error) {
    await dispose()
    throw error
  }
  return {
    get url() {
      return last.url
    },
    get api() {
      return last.api
    },
    async crash() {
      const pids = all.flatMap(({ pid }) => childrenOf(pid))
      const ended = all.map(({ end }) => end('SIGKILL'))
      for (const pid of pids) killIfThere(pid)
      await Promise.all(ended)
    },
    restart: start,
    output: () => all.map(({ output }) => output.slice(-LINES_SHOWN).join('\n')).join('\n--\n'),
    [Symbol.asyncDispose]: dispose,
  }
}

/** The living child processes, from the kernel (proc(5)). */
function childrenOf(pid: number): number[] {
  const list = `/proc/${pid}/task/${pid}/children`
  return existsSync(list) ? readFileSync(list, 'utf8').split(' ').filter(Boolean).map(Number) : []
}

/** A child may have ended with its parent. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
