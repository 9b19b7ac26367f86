/**
 * A PostgreSQL server of a test, of any programs: those of the npm package, and those of the machine, which have other
 * defaults. It has the settings that `initdb` gives it, and those that the test adds.
 */
import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { appendFile, chmod, chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { type Account, chooseAccount } from '../../src/platform/embedded-postgres/account.js'
import { provideBinaries } from '../../src/platform/embedded-postgres/binaries.js'
import { findFreePort } from '../../src/platform/free-port.js'

export interface PostgresPrograms {
  /** For the title of a test. */
  name: string
  /** The folder of `initdb` and `pg_ctl`; undefined for those of the npm package. */
  directory: string | undefined
}

const MACHINE_DIRECTORY = '/usr/lib/postgresql'

/** The programs of the npm package, which every machine has, and those of Debian's packages. */
export function findPostgresPrograms(): PostgresPrograms[] {
  const versions = existsSync(MACHINE_DIRECTORY) ? readdirSync(MACHINE_DIRECTORY) : []
  const ofMachine = versions
    .map((version) => ({ name: `Debian's ${version}`, directory: join(MACHINE_DIRECTORY, version, 'bin') }))
    .filter(({ directory }) => existsSync(join(directory, 'initdb')))
  return [{ name: 'the embedded', directory: undefined }, ...ofMachine]
}

export interface PostgresServer extends AsyncDisposable {
  /** Of the superuser, to the database `postgres`. */
  url: string
  address: string
  /** Of the postmaster. */
  pid(): Promise<number>
  /** One statement, or several, each in a transaction of its own, as the superuser. */
  query<Row extends object>(statements: string | string[], database?: string): Promise<Row[]>
  urlOf(database: string, user?: string, password?: string): string
  start(): Promise<void>
  stop(): Promise<void>
  /** Refuses all writes from now on (SQLSTATE 25006), or no longer, as a failover that keeps connections. */
  setReadOnly(isReadOnly: boolean): Promise<void>
  /** After the next start it is a standby, which can only be read and waits for a primary. */
  becomeStandby(): Promise<void>
  /** A synchronous standby of this server: a commit is answered once the standby has it. */
  startStandby(): Promise<PostgresServer>
  /** A standby takes writes from now on. */
  promote(): Promise<void>
  /** SIGKILL to the postmaster. */
  kill(): Promise<void>
}

const SUPERUSER = 'postgres'
const PASSWORD = 'of-the-superuser'

export interface PostgresServerOptions {
  /** The folder of `initdb` and `pg_ctl`; undefined for those of the npm package. */
  directory?: string | undefined
  settings?: Record<string, string>
}

export async function startPostgresServer(options: PostgresServerOptions): Promise<PostgresServer> {
  const home = await mkdtemp(join(tmpdir(), 'node-event-service-postgres-'))
  try {
    const account = await chooseAccount(home)
    await enter(home, account)
    const programs = options.directory ?? dirname((await provideBinaries(home, account)).initdb)
    const files = { home, data: join(home, 'data'), account, programs }
    await initialize(files)
    const settings = { listen_addresses: '127.0.0.1', unix_socket_directories: '', ...options.settings }
    await configure(files, settings)
    return await startIn(files)
  } catch (error) {
    await rm(home, { recursive: true, force: true })
    throw error
  }
}

interface ServerFiles {
  /** Removed in the end. */
  home: string
  data: string
  account: Account | undefined
  programs: string
}

/** The user that PostgreSQL runs as must be able to enter the folder. */
async function enter(home: string, account: Account | undefined): Promise<void> {
  await chmod(home, 0o755)
  if (account) await chown(home, account.uid, account.gid)
}

/** Waits for its end, not for its output: a server that `pg_ctl` starts keeps that open. */
async function run(program: string, args: string[], { programs, account }: ServerFiles): Promise<void> {
  const user = account && { uid: account.uid, gid: account.gid }
  const env = { PATH: process.env.PATH, LANG: 'C.UTF-8' }
  await promisify(execFile)(join(programs, program), args, { cwd: '/', env, ...user })
}

async function initialize(files: ServerFiles): Promise<void> {
  const passwordFile = join(files.home, 'password')
  await writeFile(passwordFile, PASSWORD)
  const login = [`--username=${SUPERUSER}`, '--auth=scram-sha-256', `--pwfile=${passwordFile}`]
  await run('initdb', [`--pgdata=${files.data}`, '--encoding=UTF8', '--no-sync', ...login], files)
}

/** Later values override earlier ones. */
async function configure({ data }: ServerFiles, settings: Record<string, string>): Promise<void> {
  const lines = Object.entries(settings).map(
    ([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`,
  )
  await appendFile(join(data, 'postgresql.conf'), lines.join(''))
}

async function startIn(files: ServerFiles): Promise<PostgresServer> {
  const { home, data } = files
  const port = await findFreePort()
  await configure(files, { port: `${port}` })
  const address = `127.0.0.1:${port}`
  const urlOf = (database: string, user = SUPERUSER, password = PASSWORD) =>
    `postgres://${user}:${password}@${address}/${database}`
  const pgCtl = (command: string, ...args: string[]) =>
    run('pg_ctl', [command, `--pgdata=${data}`, '--wait', ...args], files)

  async function start(): Promise<void> {
    const log = join(home, 'log')
    await pgCtl('start', `--log=${log}`, '--silent').catch(async (cause) => {
      throw new Error(`PostgreSQL did not start:\n${await readFile(log, 'utf8')}`, { cause })
    })
  }
  /** At once: its data is thrown away, or recovered by the next start. */
  const stop = (mode = 'immediate') => pgCtl('stop', `--mode=${mode}`)

  async function query<Row extends object>(statements: string | string[], database = 'postgres') {
    const client = new pg.Client(urlOf(database))
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

  async function pid(): Promise<number> {
    const [first] = (await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n')
    return Number(first)
  }

  await start()
  return {
    ...{ url: urlOf('postgres'), address, pid, query, urlOf, start, stop },
    async setReadOnly(isReadOnly) {
      const value = isReadOnly ? 'on' : 'off'
      await query([`alter system set default_transaction_read_only = ${value}`, 'select pg_reload_conf()'])
    },
    becomeStandby: () => writeFile(join(data, 'standby.signal'), ''),
    async startStandby() {
      await stop('fast')
      const copy = await copyFiles(files)
      await start()
      const primary = `host=127.0.0.1 port=${port} user=${SUPERUSER} password=${PASSWORD}`
      await configure(copy, { primary_conninfo: `${primary} application_name=standby` })
      await writeFile(join(copy.data, 'standby.signal'), '')
      const standby = await startIn(copy)
      await query(["alter system set synchronous_standby_names = 'standby'", 'select pg_reload_conf()'])
      const isFollowing = async () => (await query(sqlFollowing)).length === 1
      while (!(await isFollowing())) await pause(20)
      return standby
    },
    promote: () => pgCtl('promote'),
    kill: async () => void process.kill(await pid(), 'SIGKILL'),
    async [Symbol.asyncDispose]() {
      await stop().catch(() => {})
      await rm(home, { recursive: true, force: true })
    },
  }
}

const sqlFollowing = `select from pg_stat_replication where sync_state = 'sync'`

/** Of a server that is stopped: `pg_basebackup`, which copies a running one, is not in the npm package. */
async function copyFiles(files: ServerFiles): Promise<ServerFiles> {
  const home = await mkdtemp(join(tmpdir(), 'node-event-service-standby-'))
  await enter(home, files.account)
  const copy = { ...files, home, data: join(home, 'data') }
  await promisify(execFile)('cp', ['--archive', files.data, home])
  return copy
}
