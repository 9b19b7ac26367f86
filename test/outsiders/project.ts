/** A program by a user of the service: copied out of this repository, with its dependencies installed by its pins. */
import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, it } from 'vitest'
import { withNode } from '../support/node-release.js'
import { lackOf, type Toolchain } from './toolchains.js'

export interface RunOptions {
  env?: Record<string, string>
  /** What it reads from its standard input. */
  input?: string
}

export interface Project {
  readonly directory: string
  /** Runs a program in the project. @returns its standard output @throws Error with all output when it fails */
  run(program: string, args: string[], options?: RunOptions): Promise<string>
}

/** Less than a test may take, so that the output of a program that hangs is shown. */
const RUN_TIMEOUT_MS = 200_000

const clients = fileURLToPath(new URL('clients', import.meta.url))

/**
 * Tests of the project in `clients/<name>`. Where a toolchain is absent, its only test fails in CI. Elsewhere that test
 * is skipped, with the reason.
 */
export function describeProject(
  name: string,
  toolchains: Toolchain[],
  tests: (project: Project) => void,
): void {
  const lack = lackOf(toolchains)
  if (lack !== undefined) {
    it(name, ({ skip }) => {
      if (process.env.CI) throw new Error(lack)
      console.warn(`${name} is skipped: ${lack}`)
      skip(lack)
    })
    return
  }
  describe(name, () => {
    const directory = mkdtempSync(join(tmpdir(), `node-event-service-${name}-`))
    const run: Project['run'] = (program, args, options) => runIn(directory, program, args, options)
    beforeAll(async () => {
      cpSync(join(clients, name), directory, { recursive: true })
      await install(directory, run)
    })
    afterAll(() => rmSync(directory, { recursive: true, force: true }))
    tests({ directory, run })
  })
}

/** Exactly what the project's lock file says. */
async function install(directory: string, run: Project['run']): Promise<void> {
  const has = (file: string) => existsSync(join(directory, file))
  if (has('package-lock.json')) await run('npm', ['ci', '--prefer-offline', '--no-audit', '--no-fund'])
  if (has('requirements.txt')) {
    await run('python3', ['-m', 'venv', '.venv'])
    await run('.venv/bin/pip', ['install', '--quiet', '--no-deps', '--requirement', 'requirements.txt'])
  }
  if (has('go.mod')) await run('go', ['mod', 'download'])
  if (has('Cargo.lock')) await run('cargo', ['build', '--locked', '--quiet'])
}

async function runIn(
  directory: string,
  program: string,
  args: string[],
  { env = {}, input = '' }: RunOptions = {},
): Promise<string> {
  const child = spawn(program, args, {
    cwd: directory,
    env: { ...withNode(dirname(process.execPath)), ...env },
    // A group of processes, so that none of them outlives it.
    detached: true,
  })
  const timer = setTimeout(() => process.kill(-(child.pid as number), 'SIGKILL'), RUN_TIMEOUT_MS)
  const ended = new Promise<number | string | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(signal ?? code))
  })
  child.stdin.end(input)
  const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)])
  clearTimeout(timer)
  if (code === 0) return stdout
  throw new Error(`${program} ${args.join(' ')} ended with ${code}:\n${stdout}\n${stderr}`)
}
