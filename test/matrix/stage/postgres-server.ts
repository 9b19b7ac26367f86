/** A PostgreSQL server of a ground's own, with the settings that `initdb` gives it and no others but where it listens. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { type Account, chooseAccount } from '../../../src/platform/embedded-postgres/account.js'
import { findFreePort } from '../../../src/platform/free-port.js'
import { endProcess, hasEnded } from '../../support/child-process.js'

export interface PostgresServer extends AsyncDisposable {
  /** Of its first process. */
  pid: number
  urlOf(database: string, user: string, password: string): string
  /** To its database `postgres`. */
  superuserUrl: string
  /** As its superuser: one statement, or several, each in a transaction of its own. */
  query<Row extends object>(statements: string | string[], database?: string): Promise<Row[]>
  /** As a failover to a standby that keeps connections: from now on, or no longer, it refuses all writes (SQLSTATE 25006). */
  setReadOnly(isReadOnly: boolean): Promise<void>
}

const SUPERUSER = 'postgres'
const PASSWORD = 'of-the-superuser'
const START_TIMEOUT_MS = 60_000

/**
 * @param bin the folder of `initdb` and `postgres`
 * @param settings over those that `initdb` gives
 */
export async function startPostgresServer(
  bin: string,
  settings: Record<string, string> = {},
): Promise<PostgresServer> {
  const home = await mkdtemp(join(tmpdir(), 'node-event-service-matrix-'))
  const removeHome = () => rm(home, { recursive: true, force: true })
  try {
    const account = await chooseAccount(home)
    await chmod(home, 0o755)
    if (account) await chown(home, account.uid, account.gid)
    const data = await initialize(bin, home, account)
    const port = await findFreePort()
    const own = Object.entries(settings).map(([name, value]) => `${name}=${value}`)
    const set = ['listen_addresses=127.0.0.1', `port=${port}`, 'unix_socket_directories=', ...own]
    const server = spawn(join(bin, 'postgres'), ['-D', data, ...set.flatMap((one) => ['-c', one])], {
      ...asUser(account),
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const accessed = { ...createAccess(port), pid: server.pid as number }
    await untilAnswering(server, accessed)
    return {
      ...accessed,
      async [Symbol.asyncDispose]() {
        // Without waiting for anybody: its data is thrown away.
        await endProcess(server, 'SIGQUIT')
        await removeHome()
      },
    }
  } catch (error) {
    await removeHome()
    throw error
  }
}

const asUser = (account: Account | undefined) => ({
  cwd: '/',
  env: { PATH: process.env.PATH, LANG: 'C.UTF-8' },
  ...(account && { uid: account.uid, gid: account.gid }),
})

async function initialize(bin: string, home: string, account: Account | undefined): Promise<string> {
  const [data, passwordFile] = [join(home, 'data'), join(home, 'password')]
  await writeFile(passwordFile, PASSWORD)
  const login = [`--username=${SUPERUSER}`, '--auth=scram-sha-256', `--pwfile=${passwordFile}`]
  const args = [`--pgdata=${data}`, '--encoding=UTF8', '--no-sync', ...login]
  await promisify(execFile)(join(bin, 'initdb'), args, asUser(account))
  return data
}

function createAccess(port: number): Omit<PostgresServer, keyof AsyncDisposable | 'pid'> {
  const urlOf = (database: string, user: string, password: string) =>
    `postgres://${user}:${password}@127.0.0.1:${port}/${database}`

  async function query<Row extends object>(statements: string | string[], database = 'postgres') {
    const client = new pg.Client(urlOf(database, SUPERUSER, PASSWORD))
    client.on('error', () => {})
    await client.connect()
    try {
      let rows: Row[] = []
      for (const statement of [statements].flat()) ({ rows } = await client.query<Row>(statement))
      return rows
    } finally {
      await client.end()
    }
  }

  return {
    ...{ urlOf, query, superuserUrl: urlOf('postgres', SUPERUSER, PASSWORD) },
    async setReadOnly(isReadOnly) {
      const value = isReadOnly ? 'on' : 'off'
      await query([`alter system set default_transaction_read_only = ${value}`, 'select pg_reload_conf()'])
    },
  }
}

async function untilAnswering(server: ChildProcess, { query }: Pick<PostgresServer, 'query'>): Promise<void> {
  let said = ''
  server.stderr?.on('data', (data) => {
    // What it says later, of connections that end, is of no use to anybody.
    if (said.length < 10_000) said += data
  })
  server.on('error', (error) => {
    said += error.message
  })
  const giveUpAt = performance.now() + START_TIMEOUT_MS
  for (;;) {
    try {
      await query('select')
      return
    } catch (error) {
      if (hasEnded(server) || server.pid === undefined) throw new Error(`PostgreSQL did not start:\n${said}`)
      if (performance.now() > giveUpAt) {
        await endProcess(server, 'SIGKILL')
        throw new Error(`PostgreSQL did not answer within ${START_TIMEOUT_MS / 1000} s:\n${said}`, {
          cause: error,
        })
      }
      await pause(50)
    }
  }
}
