/**
 * Worker presence: whether other workers are alive. Each worker holds a shared advisory lock for as long as its
 * connection lasts, so PostgreSQL itself notices when one dies. A worker that starts as the only one knows that no
 * lease is held any more, and takes them back without waiting until they run out: after a crash of the whole
 * service, deliveries go on as soon as it is back.
 */
import { setTimeout as pause } from 'node:timers/promises'
import type pg from 'pg'
import type { Database } from '../../platform/postgres/database.js'

/** Any number, the same in every process: it spells "nes" (node event service). */
const PRESENCE_LOCK = 0x6e6573

const RECONNECT_MS = 2000

export interface WorkerPresenceOptions {
  database: Database
  /** Called at the start when no other worker is alive. Until it resolves no other worker can start. */
  onOnlyWorker(): Promise<void>
  onError(error: unknown): void
}

export async function createWorkerPresence(options: WorkerPresenceOptions): Promise<AsyncDisposable> {
  const { database, onOnlyWorker, onError } = options
  let closed = false
  let client = await database.connect()
  if (await lock(client, 'pg_try_advisory_lock')) {
    await onOnlyWorker()
    await holdSharedLock(client)
    await lock(client, 'pg_advisory_unlock')
  } else {
    await holdSharedLock(client)
  }

  async function holdSharedLock(connection: pg.Client): Promise<void> {
    await lock(connection, 'pg_advisory_lock_shared')
    connection.once('end', () => void reconnect())
  }

  async function reconnect(): Promise<void> {
    while (!closed) {
      try {
        client = await database.connect()
        return await holdSharedLock(client)
      } catch (error) {
        onError(error)
        await pause(RECONNECT_MS, undefined, { ref: false })
      }
    }
  }

  return {
    async [Symbol.asyncDispose]() {
      closed = true
      await client.end()
    },
  }
}

type LockFunction = 'pg_try_advisory_lock' | 'pg_advisory_unlock' | 'pg_advisory_lock_shared'

async function lock(client: pg.Client, lockFunction: LockFunction): Promise<boolean> {
  const { rows } = await client.query(`select ${lockFunction}($1) as done`, [PRESENCE_LOCK])
  return rows[0]?.done === true
}
