/** Releases of Node.js with the npm that comes with them, from the npm registry; kept in `node_modules/.cache`. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'

/** The npm that each release line brings along. */
const npmVersions = { 20: '10', 22: '10', 24: '11' } as const

export type NodeMajor = keyof typeof npmVersions
export const nodeMajors = Object.keys(npmVersions).map(Number) as NodeMajor[]

/** @returns the folder with `node` and `npm`, to put before others in `PATH` */
export async function provideNode(major: NodeMajor): Promise<string> {
  const home = resolve('node_modules/.cache/node-releases', String(major))
  const bin = join(home, 'bin')
  if (existsSync(join(bin, 'npm'))) return bin
  await mkdir(bin, { recursive: true })
  await writeFile(join(home, 'package.json'), '{ "private": true }')
  // The packages `node@22` and so on only choose this one, by a script as they are installed.
  const wanted = [`node@npm:node-${process.platform}-${process.arch}@${major}`, `npm@${npmVersions[major]}`]
  execFileSync('npm', ['install', '--no-save', '--no-package-lock', '--ignore-scripts', ...wanted], {
    cwd: home,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const modules = join(home, 'node_modules')
  await link(join(bin, 'node'), join(modules, 'node/bin/node'), '"$@"')
  await link(join(bin, 'npm'), join(bin, 'node'), `${join(modules, 'npm/bin/npm-cli.js')} "$@"`)
  return bin
}

async function link(path: string, program: string, args: string): Promise<void> {
  await writeFile(path, `#!/bin/sh\nexec ${program} ${args}\n`, { mode: 0o755 })
}

/** The environment of this process, with another Node.js, and nothing of an npm that started it. */
export function withNode(bin: string): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(
    // A registry and a cache that the machine names by the environment go on to count.
    ([name]) =>
      !/^npm_(package|lifecycle|command|execpath|node_execpath|config_(local_prefix|global))/.test(name),
  )
  return { ...Object.fromEntries(inherited), NODE_ENV: '', PATH: `${bin}:${process.env.PATH}` }
}
