import { randomBytes } from 'node:crypto'
import { chmod, link, readFile, rm, writeFile } from 'node:fs/promises'
import { type Account, giveTo } from './account.js'
import type { Binaries } from './binaries.js'
import { clusterIn, passwordFileIn } from './home.js'
import { EmbeddedPostgresError, run } from './run.js'
import { exists, makeWhole } from './whole-directory.js'

/** Sees to it that `home` holds a cluster. @returns the password of its user `postgres` */
export async function provideCluster(
  home: string,
  binaries: Binaries,
  account: Account | undefined,
): Promise<string> {
  const passwordFile = passwordFileIn(home)
  if (!(await exists(clusterIn(home)))) await providePassword(passwordFile, account)
  await makeWhole(clusterIn(home), async (draft) => {
    await chmod(draft, 0o700)
    await giveTo(account, draft)
    // 127.0.0.1 is open to every user of the machine, so each connection has to know the password.
    const auth = ['--auth=scram-sha-256', `--pwfile=${passwordFile}`, '--username=postgres']
    await run(binaries.initdb, [`--pgdata=${draft}`, '--encoding=UTF8', '--locale=C', ...auth], account)
  })
  try {
    return await readFile(passwordFile, 'utf8')
  } catch (error) {
    throw new EmbeddedPostgresError(`the password of its data can't be read from ${passwordFile}.`, error)
  }
}

/** Linked into place, so that nobody reads half a password and of two processes at once the first one's counts. */
async function providePassword(file: string, account: Account | undefined): Promise<void> {
  const draft = `${file}.${randomBytes(4).toString('hex')}`
  await writeFile(draft, randomBytes(24).toString('hex'), { mode: 0o600, flag: 'wx', flush: true })
  await giveTo(account, draft)
  try {
    await link(draft, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    await rm(draft)
  }
}
