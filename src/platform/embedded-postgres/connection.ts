/** The service keeps one connection to its server open while it runs: the end of it shows a crash at once. */
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { isUnavailable } from '../postgres/database-errors.js'
import { EmbeddedPostgresError } from './run.js'

export interface Connection {
  client: pg.Client
  /** Resolves when either side has ended it. */
  closed: Promise<void>
}

const CONNECT_TIMEOUT_MS = 5000
const PATIENCE_MS = 60_000
const POLL_MS = 100

export async function connect(url: string): Promise<Connection> {
  const client = new pg.Client({
    connectionString: url,
    application_name: `node-event-service, process ${process.pid}`,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
  })
  // `closed` reports the loss. Without a listener the error would end the process.
  client.on('error', () => {})
  const closed = new Promise<void>((resolve) => client.once('end', () => resolve()))
  await client.connect()
  return { client, closed }
}

/** @throws WrongPasswordError, or EmbeddedPostgresError once a server that has started can't be reached for a minute */
export async function connectPatiently(url: string, signal?: AbortSignal): Promise<Connection> {
  for (const deadlineMs = Date.now() + PATIENCE_MS; ; await sleep(POLL_MS, undefined, { signal })) {
    try {
      return await connect(url)
    } catch (error) {
      const { code, message } = error as pg.DatabaseError
      if (code === INVALID_PASSWORD) throw new WrongPasswordError()
      if (isUnavailable(error) && Date.now() < deadlineMs) continue
      throw new EmbeddedPostgresError(`its server can't be asked: ${message}.`, error)
    }
  }
}

export class WrongPasswordError extends EmbeddedPostgresError {
  constructor() {
    super('its server does not take the password of its own folder.')
  }
}

// https://www.postgresql.org/docs/current/errcodes-appendix.html
const INVALID_PASSWORD = '28P01'
