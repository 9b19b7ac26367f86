/**
 * What systemd does for a service with `Restart=always`: a process that ends is started again, on the same port.
 * It keeps count of the ends that nobody caused: the service has to live through every fault that doesn't kill it.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'
import { endProcess } from '../support/child-process.js'
import type { Settings } from '../support/service.js'
import type { Random } from './random.js'
import { until } from './until.js'

export interface Supervised extends AsyncDisposable {
  name: string
  url: string
  /** `kill -9`; resolves once the process that takes its place listens. */
  killAndAwait(): Promise<void>
  /** As above, but the process is asked to stop first, or its successor is killed too, after so long. */
  killWhileStopping(afterMs: number): Promise<void>
  killWhileStarting(afterMs: number): Promise<void>
  /** Of a service with `PROCESSES`: kills one of them, which its first process replaces. */
  killOneOfSeveral(random: Random): Promise<void>
  /** Whether the process itself says that all is well. */
  isHealthy(): Promise<boolean>
}

/** An end that no fault caused. */
export interface UncausedExit {
  process: string
  /** Its exit code, or the signal that ended it. */
  how: string
  lastWords: string[]
}

export interface SupervisedOptions {
  name: string
  port: number
  directory: string
  /** The program and its arguments. */
  command: string[]
  settings: Settings
  onUncausedExit(exit: UncausedExit): void
}

/** From the kernel (proc(5)). */
const childrenOf = (pid: number): number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)

/** What systemd waits by default. */
const RESTART_AFTER_MS = 100
const LISTEN_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 30_000
const LAST_WORDS = 30

/** Resolves once the process listens. */
export async function supervise(options: SupervisedOptions): Promise<Supervised> {
  const { name, port, directory, settings, command, onUncausedExit } = options
  const url = `http://127.0.0.1:${port}`
  const environment = { PATH: process.env.PATH, ...settings, PORT: String(port) }
  let child: ChildProcess
  let lastWords: string[] = []
  let isCaused = false
  let isStopped = false

  function start(): void {
    lastWords = []
    const [program = '', ...args] = command
    child = spawn(program, args, {
      cwd: directory,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream as NodeJS.ReadableStream).on('line', (line) => {
        lastWords = [...lastWords.slice(1 - LAST_WORDS), line]
      })
    }
  }

  async function keepAlive(): Promise<void> {
    while (!isStopped) {
      start()
      const [code, signal] = await once(child, 'exit')
      if (isStopped) return
      if (!isCaused) onUncausedExit({ process: name, how: String(signal ?? code), lastWords })
      isCaused = false
      await pause(RESTART_AFTER_MS)
    }
  }

  const health = () => fetch(`${url}/v1/health`, { signal: AbortSignal.timeout(5000) })
  const listens = () =>
    until(`${name} listens`, async () => (await health()).status > 0, { timeoutMs: LISTEN_TIMEOUT_MS })

  async function kill(): Promise<void> {
    isCaused = true
    await endProcess(child, 'SIGKILL')
  }

  async function stop(): Promise<void> {
    isStopped = true
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await endProcess(child, 'SIGTERM')
    clearTimeout(timer)
  }

  void keepAlive()
  await listens()
  return {
    name,
    url,
    async killAndAwait() {
      await kill()
      await listens()
    },
    async killWhileStopping(afterMs) {
      isCaused = true
      child.kill('SIGTERM')
      await pause(afterMs)
      await endProcess(child, 'SIGKILL')
      await listens()
    },
    async killWhileStarting(afterMs) {
      const killed = child
      await kill()
      await until(`${name} is started again`, async () => child !== killed, { timeoutMs: LISTEN_TIMEOUT_MS })
      await pause(afterMs)
      await kill()
      await listens()
    },
    async killOneOfSeveral(random) {
      const victim = random.pick(childrenOf(child.pid as number))
      process.kill(victim, 'SIGKILL')
      const isReplaced = async () => {
        const pids = childrenOf(child.pid as number)
        return pids.length === Number(settings.PROCESSES) && !pids.includes(victim)
      }
      await until(`${name} has replaced it`, isReplaced, { timeoutMs: LISTEN_TIMEOUT_MS })
    },
    isHealthy: async () => (await health()).status === 200,
    [Symbol.asyncDispose]: stop,
  }
}
