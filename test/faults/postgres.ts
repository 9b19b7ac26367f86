/**
 * A PostgreSQL that is there to be broken: the embedded one's programs and settings, with durability as it is
 * delivered, but a child of this process on a port that stays, so that it can be killed, frozen and brought back.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { chooseAccount } from '../../src/platform/embedded-postgres/account.js'
import { provideBinaries } from '../../src/platform/embedded-postgres/binaries.js'
import { provideCluster } from '../../src/platform/embedded-postgres/cluster.js'
import { clusterIn, provideHome } from '../../src/platform/embedded-postgres/home.js'
import { readPassword } from '../../src/platform/embedded-postgres/password.js'
import { runOptions } from '../../src/platform/embedded-postgres/run.js'
import { defaultSettings } from '../../src/platform/embedded-postgres/server-settings.js'
import { endProcess, hasEnded } from '../support/child-process.js'
import type { PostgresPrograms } from '../support/postgres-server.js'
import type { Settings } from '../support/service.js'
import { asSuperuser, makeStandby } from './standby.js'
import { findSteadyPort } from './steady-port.js'
import { until } from './until.js'

export interface BreakablePostgres extends AsyncDisposable {
  /** Another one after a failover. */
  readonly url: string
  /** The harness's own look at the data. */
  query<Row extends object = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>
  /** An immediate stop, as `pg_ctl stop -m immediate` asks for: no farewell, and recovery at the next start. */
  stopAtOnce(): Promise<void>
  /** `kill -9` of the server's first process; the others notice and follow. */
  kill(): Promise<void>
  /** Resolves once it takes connections. */
  start(): Promise<void>
  /** Ends the connections of everyone but the harness. */
  terminateConnections(): Promise<void>
  /** Freezes every one of its processes, so that it keeps its connections and answers nothing. */
  pause(): Promise<void>
  resume(): void
  /** Makes a synchronous standby, kills the server after a while, and goes on with the standby in its place. */
  failOver(afterMs: number): Promise<void>
}

export interface BreakablePostgresOptions {
  directory: string
  /** Those of the npm package, unless given. */
  programs?: PostgresPrograms | undefined
  /** Added to the environment of its processes. */
  environment?: Settings
  /** PostgreSQL's own, over those of the embedded one. */
  settings?: Settings | undefined
}

const DATABASE = 'faults'
const START_TIMEOUT_MS = 120_000

export async function startBreakablePostgres({
  directory,
  programs,
  environment = {},
  settings: ownSettings,
}: BreakablePostgresOptions): Promise<BreakablePostgres> {
  const account = await chooseAccount(clusterIn(directory))
  const home = await provideHome(directory, account, () => {})
  const folder = programs?.directory
  const binaries = folder
    ? { initdb: join(folder, 'initdb'), postgres: join(folder, 'postgres') }
    : await provideBinaries(home, account)
  await provideCluster(home, binaries, account)
  const password = await readPassword(home)
  let cluster = clusterIn(home)
  let port = await findSteadyPort()
  const urlOf = (database: string) => `postgres://postgres:${password}@127.0.0.1:${port}/${database}`

  function run(inCluster = cluster, onPort = port): ChildProcess {
    const settings = Object.entries({
      ...{ ...defaultSettings, max_connections: '200', port: String(onPort) },
      ...ownSettings,
    })
    const options = runOptions(account)
    return spawn(
      binaries.postgres,
      ['-D', inCluster, ...settings.flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      { ...options, env: { ...options.env, ...environment }, stdio: 'ignore' },
    )
  }

  let server = run()
  let frozen: number[] = []
  const openPool = () =>
    new pg.Pool({ connectionString: urlOf(DATABASE), max: 2, application_name: 'harness' }).on(
      'error',
      () => {},
    )
  let pool = openPool()

  /** What is left of a server that was killed may keep the next one from starting for a moment. */
  const isUp = async (): Promise<boolean> => {
    if (hasEnded(server)) server = run()
    const client = new pg.Client({ connectionString: urlOf('postgres'), connectionTimeoutMillis: 2000 })
    client.on('error', () => {})
    await client.connect()
    await client.end()
    return true
  }
  const start = () => until('PostgreSQL takes connections', isUp, { timeoutMs: START_TIMEOUT_MS })

  const end = (signal: NodeJS.Signals) => endProcess(server, signal)

  function resume(): void {
    for (const pid of frozen.splice(0)) sendSignal(pid, 'SIGCONT')
    server.kill('SIGCONT')
  }

  async function promote(): Promise<boolean> {
    await asSuperuser(urlOf('postgres'), 'select pg_promote()')
    return true
  }

  await start()
  await createDatabase(urlOf('postgres'))
  return {
    get url() {
      return urlOf(DATABASE)
    },
    async query<Row extends object>(text: string, values: unknown[] = []) {
      return (await pool.query<Row>(text, values)).rows
    },
    stopAtOnce: () => end('SIGQUIT'),
    kill: () => end('SIGKILL'),
    start,
    async terminateConnections() {
      await pool.query(`
        select pg_terminate_backend(pid) from pg_stat_activity
        where backend_type = 'client backend' and application_name <> 'harness'`)
    },
    async pause() {
      const eyes = await pool.connect()
      // The first process before the others, so that it can't make new ones that would go unseen.
      server.kill('SIGSTOP')
      const { rows } = await eyes.query<{ pid: number }>('select pid from pg_stat_activity')
      frozen = rows.map(({ pid }) => pid)
      for (const pid of frozen) sendSignal(pid, 'SIGSTOP')
      eyes.release()
    },
    resume,
    async failOver(afterMs) {
      const standby = {
        cluster: `${clusterIn(home)}-${await findSteadyPort()}`,
        port: await findSteadyPort(),
      }
      const process = await makeStandby({
        ...{ cluster, standby, primaryUrl: urlOf('postgres'), account },
        start: () => run(standby.cluster, standby.port),
      })
      await pause(afterMs)
      await end('SIGKILL')
      await pool.end()
      const old = cluster
      ;[cluster, port, server] = [standby.cluster, standby.port, process]
      pool = openPool()
      await until('the standby takes writes', promote, { timeoutMs: START_TIMEOUT_MS })
      await rm(old, { recursive: true, force: true })
    },
    async [Symbol.asyncDispose]() {
      resume()
      await pool.end()
      await end('SIGQUIT')
    },
  }
}

/** To a process that may be gone. */
function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

const createDatabase = (serverUrl: string) => asSuperuser(serverUrl, `create database ${DATABASE}`)
