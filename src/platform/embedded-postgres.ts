/**
 * A real PostgreSQL, out of an npm package, for a start with nothing installed and nothing set.
 *
 * The server is a process of its own. When this process is killed the server goes on, by design: nothing that
 * was committed needs recovering, and the next start adopts it. When the server is killed it is started again. Only
 * `stop` stops it, and only one service at a time can have it.
 */
import { resolve } from 'node:path'
import type pg from 'pg'
import { type Account, chooseAccount } from './embedded-postgres/account.js'
import { provideBinaries } from './embedded-postgres/binaries.js'
import { provideCluster } from './embedded-postgres/cluster.js'
import {
  type Connection,
  connect,
  connectPatiently,
  WrongPasswordError,
} from './embedded-postgres/connection.js'
import { explain } from './embedded-postgres/explain.js'
import { type Hold, takeHold } from './embedded-postgres/hold.js'
import { clusterIn, passwordFileIn, provideHome } from './embedded-postgres/home.js'
import { readPassword, resetPassword } from './embedded-postgres/password.js'
import {
  findServer,
  type Place,
  startOrFindServer,
  startServer,
  stopServer,
} from './embedded-postgres/server.js'
import { defaultSettings } from './embedded-postgres/server-settings.js'
import { watchServer } from './embedded-postgres/watch.js'

export interface EmbeddedPostgresOptions {
  dataDirectory: string
  log?: (line: string) => void
  /** Called when the server died, and with the result of its restart. The default is `log`. */
  warn?: (line: string) => void
  /** Settings of PostgreSQL that override our defaults. An adopted server keeps the settings of its start. */
  settings?: Record<string, string>
  /** Gives up the start, and stops the server if this start has started it. */
  signal?: AbortSignal
}

export interface EmbeddedPostgres extends AsyncDisposable {
  url: string
  /** The real path, without symbolic links. */
  dataDirectory: string
  /** Whether the server was already running, because an earlier process was killed. */
  adopted: boolean
  stop(): Promise<void>
}

const DATABASE = 'node_event_service'

/** @throws EmbeddedPostgresError that says what to do, or `options.signal.reason` */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const requested = resolve(options.dataDirectory)
  let hold: Hold | undefined
  try {
    const account = await chooseAccount(clusterIn(requested))
    const home = await provideHome(requested, account, options.log ?? (() => {}))
    hold = await takeHold(home, requested)
    return await startHeld(home, account, hold, options)
  } catch (error) {
    hold?.release()
    throw explain(error, requested)
  }
}

async function startHeld(
  home: string,
  account: Account | undefined,
  hold: Hold,
  { log = () => {}, warn = log, settings, signal }: EmbeddedPostgresOptions,
): Promise<EmbeddedPostgres> {
  const binaries = await provideBinaries(home, account)
  await provideCluster(home, binaries, account, signal)
  const place: Place = { home, account, binaries, settings: { ...defaultSettings, ...settings } }
  try {
    const { adopted, port, password, connection } = await startAndConnect(place, warn, signal)
    if (adopted) log('Adopted the PostgreSQL that an earlier process left running')
    await createDatabase(connection.client)
    signal?.throwIfAborted()
    const server = {
      connect: () => connect(urlOf(port, password, 'postgres')),
      isRunning: async () => (await findServer(clusterIn(home))) !== undefined,
      isInPlace: hold.isOfThisFolder,
      start: (stop: AbortSignal) =>
        startServer(place, port, stop).catch((error: unknown) => {
          throw explain(error, home)
        }),
    }
    const watch = watchServer(server, connection, { info: log, warn })
    let stopping: Promise<void> | undefined
    const stop = () => {
      stopping ??= stopHeld(place, hold, watch)
      return stopping
    }
    const url = urlOf(port, password, DATABASE)
    return { url, dataDirectory: home, adopted, stop, [Symbol.asyncDispose]: stop }
  } catch (error) {
    await stopServer(place).catch(() => {})
    throw error
  }
}

/** Held to the end, so that no other process adopts a server that is about to stop. */
async function stopHeld(place: Place, hold: Hold, watch: AsyncDisposable): Promise<void> {
  try {
    await watch[Symbol.asyncDispose]()
    // A folder that was deleted and made again belongs to another process.
    if (await hold.isOfThisFolder()) await stopServer(place)
  } finally {
    hold.release()
  }
}

interface Started {
  port: number
  adopted: boolean
  password: string
  connection: Connection
}

async function startAndConnect(
  place: Place,
  warn: (line: string) => void,
  signal?: AbortSignal,
): Promise<Started> {
  for (let isReset = false; ; isReset = true) {
    const { port, adopted } = await startOrFindServer(place, signal)
    const password = await readPassword(place.home)
    try {
      if (password === undefined) throw new WrongPasswordError()
      const connection = await connectPatiently(urlOf(port, password, 'postgres'), signal)
      return { port, adopted, password, connection }
    } catch (error) {
      if (isReset || !(error instanceof WrongPasswordError)) throw error
      await stopServer(place)
      await resetPassword(place)
      warn(
        `${passwordFileIn(place.home)} was lost or did not fit: the embedded PostgreSQL has its password anew`,
      )
    }
  }
}

const urlOf = (port: number, password: string, database: string) =>
  `postgres://postgres:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`

async function createDatabase(client: pg.Client): Promise<void> {
  const { rowCount } = await client.query('select from pg_database where datname = $1', [DATABASE])
  if (rowCount === 0) await client.query(`create database ${DATABASE}`)
}
