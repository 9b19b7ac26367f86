/**
 * A real PostgreSQL, out of an npm package, for a start with nothing installed and nothing set.
 *
 * The server is a process of its own. When this process is killed the server goes on, by design: nothing that
 * was committed needs recovering, and the next start adopts it. Only `stop` stops it, and only one service at a
 * time can have it.
 */
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { isUnavailable } from './database-errors.js'
import { chooseAccount } from './embedded-postgres/account.js'
import { provideBinaries } from './embedded-postgres/binaries.js'
import { provideCluster } from './embedded-postgres/cluster.js'
import { AnotherServiceRunsError, takeHold } from './embedded-postgres/hold.js'
import { clusterIn, provideHome } from './embedded-postgres/home.js'
import { EmbeddedPostgresError } from './embedded-postgres/run.js'
import { type Place, startOrFindServer, stopServer } from './embedded-postgres/server.js'
import { defaultSettings } from './embedded-postgres/settings.js'

export interface EmbeddedPostgresOptions {
  dataDirectory: string
  log?: (line: string) => void
  /** PostgreSQL's own, over our defaults. A server that is adopted keeps those that it was started with. */
  settings?: Record<string, string>
}

export interface EmbeddedPostgres extends AsyncDisposable {
  url: string
  /** The real one, where `options.dataDirectory` may be a link to. */
  dataDirectory: string
  /** Whether the server was running already, left behind by a process that was killed. */
  adopted: boolean
  stop(): Promise<void>
}

const DATABASE = 'node_event_service'
const PATIENCE_MS = 60_000

/** @throws EmbeddedPostgresError that says what to do */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { log = () => {}, settings } = options
  const requested = resolve(options.dataDirectory)
  const account = await chooseAccount(clusterIn(requested))
  const home = await provideHome(requested, account, log)
  const place: Place = { home, account, binaries: await provideBinaries(home, account) }
  const password = await provideCluster(home, place.binaries, account)
  const urlOf = (port: number, database: string) =>
    `postgres://postgres:${password}@127.0.0.1:${port}/${database}`

  const { hold, port, adopted } = await startAndHold()
  if (adopted) log('Adopted the PostgreSQL that an earlier process left running')

  let stopping: Promise<void> | undefined
  const stop = () => {
    // Held to the end, so that nobody adopts a server that is about to stop.
    stopping ??= stopServer(place).finally(() => hold.end())
    return stopping
  }
  try {
    await createDatabase(hold)
  } catch (error) {
    await stop()
    throw error
  }
  return { url: urlOf(port, DATABASE), dataDirectory: home, adopted, stop, [Symbol.asyncDispose]: stop }

  async function startAndHold() {
    for (const deadlineMs = Date.now() + PATIENCE_MS; ; await sleep(100)) {
      const server = await startOrFindServer(place, { ...defaultSettings, ...settings })
      try {
        return { ...server, hold: await takeHold(urlOf(server.port, 'postgres'), requested) }
      } catch (error) {
        // One that was found may be starting or stopping: then wait for it, or for its end.
        if (error instanceof AnotherServiceRunsError) throw error
        if (isUnavailable(error) && Date.now() < deadlineMs) continue
        throw new EmbeddedPostgresError(`its server can't be asked: ${(error as Error).message}`, error)
      }
    }
  }
}

async function createDatabase(client: pg.Client): Promise<void> {
  const { rowCount } = await client.query('select from pg_database where datname = $1', [DATABASE])
  if (rowCount === 0) await client.query(`create database ${DATABASE}`)
}
