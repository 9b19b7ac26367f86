/**
 * A PostgreSQL server of a test's own, of whichever programs there are: those of the npm package, and those of the
 * machine, which come with other defaults.
 */
import { existsSync, readdirSync } from 'node:fs'
import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { chooseAccount } from '../../src/platform/embedded-postgres/account.js'
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
}

const PASSWORD = 'of-the-superuser'

export async function startPostgresServer({ directory }: PostgresPrograms): Promise<PostgresServer> {
  const home = await mkdtemp(join(tmpdir(), 'node-event-service-postgres-'))
  const data = join(home, 'data')
  const account = await chooseAccount(data)
  await chmod(home, 0o755)
  if (account) await chown(home, account.uid, account.gid)
  const programs = directory ?? dirname((await provideBinaries(home, account)).initdb)
  const pgCtl = join(programs, 'pg_ctl')
  const passwordFile = join(home, 'password')
  await writeFile(passwordFile, PASSWORD)
  await run(
    join(programs, 'initdb'),
    [`--pgdata=${data}`, '--username=postgres', '--auth=scram-sha-256', `--pwfile=${passwordFile}`],
    account,
  )
  const port = await findFreePort()
  const address = `127.0.0.1:${port}`
  const options = `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off`

  const urlOf = (database: string, user = 'postgres', password = PASSWORD) =>
    `postgres://${user}:${password}@${address}/${database}`
  async function start(): Promise<void> {
    await run(
      pgCtl,
      ['start', `--pgdata=${data}`, '--wait', `--log=${join(home, 'log')}`, `-o ${options}`],
      account,
    )
  }
  async function stop(): Promise<void> {
    await run(pgCtl, ['stop', `--pgdata=${data}`, '--mode=immediate', '--wait'], account)
  }
  await start()
  return {
    ...{ url: urlOf('postgres'), address, urlOf, start, stop },
    async query<Row extends object>(text: string, database = 'postgres') {
      const client = new pg.Client(urlOf(database))
      await client.connect()
      try {
        return (await client.query<Row>(text)).rows
      } finally {
        await client.end()
      }
    },
    becomeStandby: () => writeFile(join(data, 'standby.signal'), ''),
    async [Symbol.asyncDispose]() {
      await stop().catch(() => {})
      await rm(home, { recursive: true, force: true })
    },
  }
}
