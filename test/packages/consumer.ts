/** A project elsewhere on the machine, into which a package is installed as npm would publish it. */
import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { withNode } from '../support/node-release.js'

export interface Consumer extends Disposable {
  directory: string
  /** The packed package. */
  tarball: string
  /** Adds files to the project: text by path. */
  write(files: Record<string, string>): void
  /** Runs a program in the project. @returns what it prints. @throws Error with its output, when it fails */
  run(program: string, args: string[]): string
  /** The same, while this process goes on. */
  runBeside(program: string, args: string[]): Promise<string>
}

/** @param folder the package's, below that of this repository */
export function installElsewhere(folder: string, installOptions: string[] = []): Consumer {
  const directory = mkdtempSync(join(tmpdir(), 'node-event-service-consumer-'))
  const options = { cwd: directory, env: withNode(dirname(process.execPath)), encoding: 'utf8' } as const
  const run = (program: string, args: string[]) => execFileSync(program, args, { ...options, stdio: 'pipe' })
  const runBeside = async (program: string, args: string[]) =>
    (await promisify(execFile)(program, args, options)).stdout
  const packed = execFileSync('npm', ['pack', '--silent', '--pack-destination', directory], {
    cwd: folder,
    encoding: 'utf8',
    stdio: 'pipe',
  })
  const tarball = join(directory, packed.trim().split('\n').at(-1) ?? '')
  const write = (files: Record<string, string>) => {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(directory, path)), { recursive: true })
      writeFileSync(join(directory, path), text)
    }
  }
  write({ 'package.json': '{ "private": true, "type": "module" }' })
  run('npm', ['install', '--no-audit', '--no-fund', '--silent', ...installOptions, tarball])
  return {
    ...{ directory, tarball, write, run, runBeside },
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  }
}
