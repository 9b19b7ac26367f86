/**
 * The password of PostgreSQL's user `postgres`, kept in a file that only its owner can read. The file can get lost, or
 * be truncated by a full disk. The server then gets a new password, because access to the folder is access to the data
 * anyway.
 */
import { randomBytes } from 'node:crypto'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { type Account, giveTo } from './account.js'
import { clusterIn, passwordFileIn } from './home.js'
import { run } from './run.js'
import type { Place } from './server.js'
import { syncDirectory } from './whole-directory.js'

/** @returns undefined when there is none */
export async function readPassword(home: string): Promise<string | undefined> {
  const text = await readFile(passwordFileIn(home), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return ''
    throw error
  })
  return text.trim() || undefined
}

/** Renamed into place after fsync, so that a crash leaves the old file or the new one. */
export async function makePassword(home: string, account: Account | undefined): Promise<string> {
  const file = passwordFileIn(home)
  const draft = `${file}.draft`
  const password = randomBytes(BYTES).toString('hex')
  await rm(draft, { force: true })
  await writeFile(draft, password, { mode: 0o600, flag: 'wx', flush: true })
  await giveTo(account, draft)
  await rename(draft, file)
  await syncDirectory(home)
  return password
}

const BYTES = 24

/**
 * Sets a new password, without the old one. The server must be stopped, because this uses the single-user mode, which
 * has no authentication.
 */
export async function resetPassword({ home, binaries, account }: Place): Promise<void> {
  const password = await makePassword(home, account)
  const statement = `alter role postgres password '${password}'\n`
  await run(binaries.postgres, ['--single', '-D', clusterIn(home), 'postgres'], account, { input: statement })
}
