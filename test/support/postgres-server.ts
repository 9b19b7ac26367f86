/**
 * A PostgreSQL server of a test's own, of whichever programs there are: those of the npm package, and those of the
 * machine, which come with other defaults.
 */
import { existsSync, readdirSync } from 'node:fs'
import { appendFile, chmod, chown, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { type Account, chooseAccount } from '../../src/platform/embedded-postgres/account.js'
import { provideBinaries } from '../../src/platform/embedded-postgres/binaries.js'
import { run } from '../../src/platform/embedded-postgres/run.js'
import { findFreePort } from '../../src/platform/free-port.js'

export interface PostgresPrograms {
  /** For the title of a test. */
  name: string
  /** Where `initdb` and `pg_ctl` are; undefined for those of the npm package. */
  directory: string | undefined
}

const MACHINE_DIRECTORY = '/usr/lib/postgresql'

/** Those of the npm package, which are always there, and those that Debian's packages have brought. */
export function findPostgresPrograms(): PostgresPrograms[] {
  const versions = existsSync(MACHINE_DIRECTORY) ? readdirSync(MACHINE_DIRECTORY) : []
  const ofMachine = versions
    .map((version) => ({ name: `Debian's ${version}`, directory: join(MACHINE_DIRECTORY, version, 'bin') }))
    .filter(({ directory }) => existsSync(join(directory, 'initdb')))
  return [{ name: 'the embedded', directory: undefined }, ...ofMachine]
}

export interface PostgresServer extends AsyncDisposable {
  /** Of its superuser, to its database `postgres`. */
  url: string
  address: string
  /** One statement, or several, as its superuser. */
  query<Row extends object>(text: string, database?: string): Promise<Row[]>
  urlOf(database: string, user?: string, password?: string): string
  start(): Promise<void>
  stop(): Promise<void>
  /** After the next start it is a standby, which can only be read and waits for a primary. */
  becomeStandby(): Promise<void>
  /** A standby that follows this one: what is committed here from now on is there as well, before it is answered. */
  startStandby(): Promise<PostgresServer>
  /** A standby takes writes from now on. */
  promote(): Promise<void>
  /** As the kernel does it that has no memory left. */
  kill(): Promise<void>
}

const PASSWORD = 'of-the-superuser'

export async function startPostgresServer({ directory }: PostgresPrograms): Promise<PostgresServer> {
  const home = await mkdtemp(join(tmpdir(), 'node-event-service-postgres-'))
  const data = join(home, 'data')
  const account = await chooseAccount(data)
  await chmod(home, 0o755)
  if (account) await chown(home, account.uid, account.gid)
  const programs = directory ?? dirname((await provideBinaries(home, account)).initdb)
  const passwordFile = join(home, 'password')
  await writeFile(passwordFile, PASSWORD)
  await run(
    join(programs, 'initdb'),
    [`--pgdata=${data}`, '--username=postgres', '--auth=scram-sha-256', `--pwfile=${passwordFile}`],
    account,
  )
  return startIn({ home, data, account, programs })
}

interface Place {
  /** Removed in the end. */
  home: string
  data: string
  account: Account | undefined
  /** Where they are. */
  programs: string
}

async function startIn(place: Place): Promise<PostgresServer> {
  const { home, data, account, programs } = place
  const port = await findFreePort()
  const address = `127.0.0.1:${port}`
  const options = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off`
  const pgCtl = (command: string, ...args: string[]) =>
    run(join(programs, 'pg_ctl'), [command, `--pgdata=${data}`, '--wait', ...args], account)

  const urlOf = (database: string, user = 'postgres', password = PASSWORD) =>
    `postgres://${user}:${password}@${address}/${database}`
  async function start(): Promise<void> {
    await pgCtl('start', `--log=${join(home, 'log')}`, `-o ${options}`)
  }
  async function stop(mode = 'immediate'): Promise<void> {
    await pgCtl('stop', `--mode=${mode}`)
  }
  async function query<Row extends object>(text: string, database = 'postgres'): Promise<Row[]> {
    const client = new pg.Client(urlOf(database))
    await client.connect()
    try {
      return (await client.query<Row>(text)).rows
    } finally {
      await client.end()
    }
  }
  await start()
  return {
    ...{ url: urlOf('postgres'), address, urlOf, query, start, stop },
    becomeStandby: () => writeFile(join(data, 'standby.signal'), ''),
    async startStandby() {
      await stop('fast')
      const copy = await copyPlace(place)
      await start()
      const follow = `host=127.0.0.1 port=${port} user=postgres password=${PASSWORD} application_name=standby`
      await appendFile(join(copy.data, 'postgresql.auto.conf'), `primary_conninfo = '${follow}'\n`)
      await writeFile(join(copy.data, 'standby.signal'), '')
      const standby = await startIn(copy)
      await query("alter system set synchronous_standby_names = 'standby'")
      await query('select pg_reload_conf()')
      const isFollowing = async () => (await query(sqlFollowing)).length === 1
      while (!(await isFollowing())) await pause(20)
      return standby
    },
    promote: async () => void (await pgCtl('promote')),
    async kill() {
      const [pid] = (await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n')
      process.kill(Number(pid), 'SIGKILL')
    },
    async [Symbol.asyncDispose]() {
      await stop().catch(() => {})
      await rm(home, { recursive: true, force: true })
    },
  }
}

const sqlFollowing = `select from pg_stat_replication where sync_state = 'sync'`

/** Of a server that is stopped: what pg_basebackup does for one that runs, which the npm package doesn't have. */
async function copyPlace({ data, account, programs }: Place): Promise<Place> {
  const home = await mkdtemp(join(tmpdir(), 'node-event-service-standby-'))
  await chmod(home, 0o755)
  if (account) await chown(home, account.uid, account.gid)
  await run('cp', ['--archive', data, home], account)
  return { home, data: join(home, 'data'), account, programs }
}
