/** One of the service's programs in a process of its own, whatever becomes of it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { endProcess } from './child-process.js'
import { TEST_KEY } from './client.js'
import type { Settings } from './service.js'

export interface Launched extends AsyncDisposable {
  pid: number
  /** What it has printed on both outputs, line by line. */
  output: string[]
  /** How it ended: with which code, or by which signal. */
  ended: Promise<number | NodeJS.Signals>
  kill(signal: NodeJS.Signals): void
}

export interface LaunchOptions {
  settings: Settings
  /** Its working directory. */
  directory: string
  args?: string[]
  /** Whether what files forbid is forbidden to it, as to everybody but root. */
  isPlainUser?: boolean
}

/** What root runs it by then, without the right to pass over the modes of files (capabilities(7)). */
const plainly = ['setpriv', '--bounding-set=-dac_override,-dac_read_search']

export function launch(
  program: string,
  { settings, directory, args = [], isPlainUser }: LaunchOptions,
): Launched {
  const output: string[] = []
  const wrap = isPlainUser && process.getuid?.() === 0 ? plainly : []
  const [file = '', ...rest] = [...wrap, process.execPath, resolve('dist', program), ...args]
  const child = spawn(file, rest, {
    cwd: directory,
    env: { PATH: process.env.PATH, NODE_ENV: 'test', API_KEYS: TEST_KEY, PORT: '0', ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  for (const input of [child.stdout, child.stderr])
    createInterface(input).on('line', (line) => output.push(line))
  return {
    pid: child.pid as number,
    output,
    // Once all that it printed has come.
    ended: once(child, 'close').then(([code, signal]) => code ?? signal),
    kill: (signal) => void child.kill(signal),
    [Symbol.asyncDispose]: () => endProcess(child, 'SIGKILL'),
  }
}

/** Whether a line is one of a stack, in text or in the JSON of a log. */
export const isOfStack = (line: string): boolean => /^\s+at .+:\d+|\\n\s+at .+:\d+/.test(line)
