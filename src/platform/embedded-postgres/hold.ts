/**
 * The right to a running server: whoever stops it must be the only service on it. It is an advisory lock on a
 * connection of its own rather than a file, since it ends with the process however that ends, and can't go
 * stale. A crash of PostgreSQL itself loses it; a second service that is started after that is let in.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { EmbeddedPostgresError } from './run.js'

export class AnotherServiceRunsError extends EmbeddedPostgresError {}

const LOCK_KEY = 0x4e_45_53 // "NES"
const applicationName = 'node-event-service, process'

/** @returns the connection that holds the lock @throws AnotherServiceRunsError */
export async function takeHold(url: string, directory: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    application_name: `${applicationName} ${process.pid}`,
    keepAlive: true,
  })
  // A connection that breaks means that the server is gone; whoever asks it for something will say so.
  client.on('error', () => {})
  await client.connect()
  try {
    // PostgreSQL takes a moment to notice that a process with a connection was killed.
    for (let tries = 0; tries < 20; tries++) {
      if (await tryLock(client)) return client
      await sleep(50)
    }
    throw new AnotherServiceRunsError(
      `another Node Event Service runs on ${directory} (pid ${await holderPid(client)}); stop it first.`,
    )
  } catch (error) {
    await client.end()
    throw error
  }
}

async function tryLock(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query('select pg_try_advisory_lock($1) as held', [LOCK_KEY])
  return rows[0].held
}

async function holderPid(client: pg.Client): Promise<string> {
  const { rows } = await client.query(
    `select application_name from pg_stat_activity join pg_locks using (pid)
     where locktype = 'advisory' and objid = $1 and granted`,
    [LOCK_KEY],
  )
  return rows[0]?.application_name.slice(applicationName.length + 1) ?? 'unknown'
}
