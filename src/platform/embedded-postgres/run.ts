/** Runs PostgreSQL's programs: as the right user, in a known environment, with errors that say what to do. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { ExpectedStartError } from '../../errors.js'
import type { Account } from './account.js'

export class EmbeddedPostgresError extends ExpectedStartError {
  override readonly name = 'EmbeddedPostgresError'

  constructor(problem: string, cause?: unknown) {
    const message = `No embedded PostgreSQL: ${problem}\nSet DATABASE_URL to use a PostgreSQL of your own.`
    super(message, cause === undefined ? undefined : { cause })
  }
}

const environment = {
  PATH: '/usr/bin:/bin',
  // Neither the locale nor the PG* variables of whoever starts the service may change what it gets.
  LC_ALL: 'C',
  TZ: 'UTC',
}

/** @returns what the program printed @throws EmbeddedPostgresError with what it complained of */
export async function run(program: string, args: string[], account: Account | undefined): Promise<string> {
  // The folder that the service was started in may be closed to `account`; the root is closed to nobody.
  const options = { cwd: '/', env: environment, ...(account && { uid: account.uid, gid: account.gid }) }
  try {
    const { stdout } = await promisify(execFile)(program, args, options)
    return stdout
  } catch (error) {
    const { stdout, stderr, message } = error as { stdout?: string; stderr?: string; message: string }
    throw new EmbeddedPostgresError([message, stdout, stderr].filter(Boolean).join('\n').trim(), error)
  }
}
