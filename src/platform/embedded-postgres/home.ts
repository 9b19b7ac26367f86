/**
 * Where the embedded PostgreSQL keeps what it keeps. `home` holds
 *
 *     lock          held by the service that this folder is for
 *     cluster/      PostgreSQL's data directory
 *     password      of its user `postgres`, readable by its owner only
 *     server.log    of this run, and server.log.old of the one before
 *
 * As root `home` itself stays root's: root must not write into a folder where another user could put links.
 */
import { createHash } from 'node:crypto'
import { chmod, lstat, mkdir, readdir, realpath, rmdir, symlink, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { type Account, canEnter } from './account.js'
import { EmbeddedPostgresError } from './run.js'
import { exists } from './whole-directory.js'

/** Root's service puts files here when PostgreSQL's user can't reach them in the checkout. */
export const SYSTEM_DIRECTORY = '/var/lib/node-event-service'

export const clusterIn = (home: string): string => join(home, 'cluster')
export const passwordFileIn = (home: string): string => join(home, 'password')
export const logFileIn = (home: string): string => join(home, 'server.log')

/** @returns the real path of `directory`, or of the place that it now links to */
export async function provideHome(
  directory: string,
  account: Account | undefined,
  log: (line: string) => void,
): Promise<string> {
  await mkdir(dirname(directory), { recursive: true })
  if (account && !(await canEnter(await realpath(await nearest(directory)), account))) {
    return provideHomeElsewhere(directory, account, log)
  }
  await makePassable(directory, account)
  return realpath(directory)
}

async function provideHomeElsewhere(
  directory: string,
  account: Account,
  log: (line: string) => void,
): Promise<string> {
  const key = createHash('sha256').update(directory).digest('hex').slice(0, 12)
  const home = join(SYSTEM_DIRECTORY, key)
  await makeWayFor(directory, account)
  await makePassable(SYSTEM_DIRECTORY, account)
  await makePassable(home, account)
  await symlink(home, directory)
  log(`User ${account.name}, as whom PostgreSQL runs, can't reach ${directory}: it is now a link to ${home}`)
  return home
}

/** Clears away an empty folder or a dead link. Data is never touched. */
async function makeWayFor(directory: string, account: Account): Promise<void> {
  const found = await lstat(directory).catch(() => undefined)
  if (found?.isSymbolicLink()) return unlink(directory)
  if (!found) return
  if ((await readdir(directory)).length > 0) {
    const reason = `user ${account.name}, as whom it runs, can't reach the data in ${directory}.`
    throw new EmbeddedPostgresError(
      `${reason} Open the folders above, or move the data to where they are open.`,
    )
  }
  await rmdir(directory)
}

const nearest = async (directory: string) => ((await exists(directory)) ? directory : dirname(directory))

/** The mode is set apart from making the folder, so that a strict umask doesn't shut PostgreSQL's user out. */
async function makePassable(directory: string, account: Account | undefined): Promise<void> {
  await mkdir(directory, { recursive: true })
  try {
    await chmod(directory, account ? 0o711 : 0o700)
  } catch (error) {
    throw new EmbeddedPostgresError(`${directory} belongs to another user.`, error)
  }
}
