/** Runs PostgreSQL's programs: as the right user, in a known environment, with errors that say what to do. */
import { execFile, type SpawnOptions } from 'node:child_process'
import { promisify } from 'node:util'
import { ExpectedStartError } from '../../errors.js'
import type { Account } from './account.js'

export class EmbeddedPostgresError extends ExpectedStartError {
  override readonly name = 'EmbeddedPostgresError'

  /** The sentence alone, for a server that did start once. */
  readonly problem: string

  constructor(problem: string, cause?: unknown) {
    const message = `No embedded PostgreSQL: ${problem}\nSet DATABASE_URL to use a PostgreSQL of your own.`
    super(message, cause === undefined ? undefined : { cause })
    this.problem = problem
  }
}

export const runOptions = (account: Account | undefined) =>
  ({
    // `account` may lack access to the working directory. Every user can enter the root.
    cwd: '/',
    env: {
      PATH: '/usr/bin:/bin',
      // The locale and the PG* variables of the service's environment must not change the server.
      LC_ALL: 'C',
      // initdb writes it down as the server's time zone.
      TZ: 'UTC',
    },
    ...(account && { uid: account.uid, gid: account.gid }),
  }) satisfies SpawnOptions

interface RunOptions {
  input?: string
  signal?: AbortSignal | undefined
}

/** @returns what the program printed @throws EmbeddedPostgresError with what it complained of */
export async function run(
  program: string,
  args: string[],
  account: Account | undefined,
  { input = '', signal }: RunOptions = {},
): Promise<string> {
  try {
    const running = promisify(execFile)(program, args, { ...runOptions(account), signal })
    // A program that ends without reading its input is reported by its exit code.
    running.child.stdin?.on('error', () => {}).end(input)
    return (await running).stdout
  } catch (error) {
    signal?.throwIfAborted()
    const { stdout, stderr, message } = error as { stdout?: string; stderr?: string; message: string }
    throw new EmbeddedPostgresError([message, stdout, stderr].filter(Boolean).join('\n').trim(), error)
  }
}
