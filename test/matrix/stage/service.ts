/** The built service, in as many processes as a ground has, which can be killed and started again. */
import { existsSync, readFileSync } from 'node:fs'
import { createResources, type Resources } from '../../../src/platform/resources.js'
import type { Client } from '../../support/client.js'
import { type ServiceProcess, startProcess, temporaryDirectory } from '../../support/process.js'
import type { Settings } from '../../support/service.js'
import type { Layout } from '../grounds.js'

export interface GroundService extends AsyncDisposable {
  readonly url: string
  readonly api: Client
  /** `kill -9` of all its processes at once. */
  crash(): Promise<void>
  /** Resolves once it listens again, maybe at another port. */
  restart(): Promise<void>
  /** What all that ran so far have printed, the last lines of each. */
  output(): string
}

/** The last one has the API. */
const processesOf: Record<Layout, Settings[]> = {
  one: [{}],
  two: [{ PROCESSES: '2' }],
  apart: [{ ROLE: 'worker' }, { ROLE: 'api' }],
}

/** Few attempts, so that one is given up within a proof. */
export const MAX_ATTEMPTS = 3
const LINES_SHOWN = 20

export async function startGroundService(
  layout: Layout,
  settings: Settings,
  node: string,
): Promise<GroundService> {
  const home = temporaryDirectory()
  const common = { LOG_LEVEL: 'info', DELIVERY_MAX_ATTEMPTS: `${MAX_ATTEMPTS}`, ...settings }
  const all: ServiceProcess[] = []
  let resources: Resources
  let last: ServiceProcess

  async function start(): Promise<void> {
    resources = createResources()
    for (const role of processesOf[layout]) {
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

/** Those that a process has started and that live, from the kernel (proc(5)). */
function childrenOf(pid: number): number[] {
  const list = `/proc/${pid}/task/${pid}/children`
  return existsSync(list) ? readFileSync(list, 'utf8').split(' ').filter(Boolean).map(Number) : []
}

/** It may have ended with the one that started it. */
function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
