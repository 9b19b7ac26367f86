/**
 * Applies the migrations of `prisma/migrations`, recorded in Prisma's way, and BullMQ's own for its queue on
 * PostgreSQL. The process may be killed at any moment: the next run continues from there.
 */
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { ExpectedStartError } from '../../errors.js'
import { isUnavailable } from '../postgres/database-errors.js'
import { queueSchemaOf, schemaOf } from '../postgres/url.js'
import { applyMigration, inTransaction } from './apply.js'
import { readMigrations } from './files.js'
import { createHistory, readHistory, selectPending } from './history.js'
import { withMigrationLock } from './lock.js'
import { isQueueMigrated, migrateQueue } from './queue.js'
import { ensureSchema } from './schemas.js'
import { withReader, withSession } from './session.js'

export { migrationNames, migrationsDirectory } from './files.js'

export interface MigrationOptions {
  /** Its `?schema=` names the schema; without it `public`. */
  databaseUrl: string
  /** Aborts at once. The next run continues the work, or begins it again. */
  signal?: AbortSignal | undefined
  /** Called once with each reason for a wait, as text for the log. */
  onWait?(reason: string): void
}

/**
 * Brings a database up to date. Several processes may call this at once: one migrates, the others wait for it.
 *
 * @throws ExpectedStartError with advice, when a migration can't be applied
 */
export async function applyMigrations(options: MigrationOptions): Promise<{ applied: string[] }> {
  const { databaseUrl, signal } = options
  if ((await pendingMigrations(options)).length === 0) return { applied: [] }
  const wait = onceEach(options.onWait)
  const onWait = () => wait("waiting for another process's migration")
  return withMigrationLock({ databaseUrl, signal, onWait }, (held) =>
    withSession(databaseUrl, held, (client) => migrate(client, { databaseUrl, signal: held, onWait: wait })),
  )
}

async function migrate(
  client: pg.Client,
  { databaseUrl, signal, onWait }: Required<MigrationOptions> & { signal: AbortSignal },
): Promise<{ applied: string[] }> {
  const schema = schemaOf(databaseUrl)
  const queueSchema = queueSchemaOf(schema)
  const step = (name: string, work: () => Promise<void>) =>
    untilTablesAreFree(() => explainRefusal(name, work), { signal, onWait })

  const isQueueDue = !(await isQueueMigrated(client, queueSchema))
  const prepare = async () => {
    await ensureSchema(client, schema)
    if (isQueueDue) await ensureSchema(client, queueSchema)
    await createHistory(client)
  }
  await step('of the schema', () => inTransaction(client, schema, prepare))
  if (isQueueDue) await step('of the queue', () => migrateQueue(client, queueSchema))
  const pending = selectPending(readMigrations(), await readHistory(client, schema))
  for (const migration of pending)
    await step(migration.name, () => applyMigration(client, { migration, schema, signal }))
  return { applied: pending.map(({ name }) => name) }
}

/**
 * The names of the missing migrations, oldest first; `bullmq` stands for the queue's migrations.
 *
 * @throws ExpectedStartError when the file of an applied migration has other content now
 */
export function pendingMigrations({
  databaseUrl,
  signal,
}: Pick<MigrationOptions, 'databaseUrl' | 'signal'>): Promise<string[]> {
  return withReader(databaseUrl, signal, async (client) => {
    const schema = schemaOf(databaseUrl)
    const pending = selectPending(readMigrations(), await readHistory(client, schema))
    const isQueueThere = await isQueueMigrated(client, queueSchemaOf(schema))
    return [...pending.map(({ name }) => name), ...(isQueueThere ? [] : ['bullmq'])]
  })
}

const LOCK_NOT_AVAILABLE = '55P03'
const TRY_AGAIN_MS = 250

/** Repeats a transaction until it can lock its tables. In the pauses, other sessions can use the tables. */
async function untilTablesAreFree(
  work: () => Promise<void>,
  { signal, onWait }: { signal: AbortSignal; onWait(reason: string): void },
): Promise<void> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if ((error as pg.DatabaseError).code !== LOCK_NOT_AVAILABLE) throw error
      onWait('a migration waits for a table that another session has locked')
      await pause(TRY_AGAIN_MS, undefined, { signal })
    }
  }
}

const DUPLICATE_TABLE = '42P07'

/** Turns PostgreSQL's refusal into an ExpectedStartError, because an operator can solve it. */
async function explainRefusal(name: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    const isRefused = error instanceof pg.DatabaseError && !isUnavailable(error)
    if (!isRefused || error.code === LOCK_NOT_AVAILABLE) throw error
    const advice =
      error.code === DUPLICATE_TABLE
        ? ' Something else has a table of that name: give the service a schema of its own, DATABASE_URL=…?schema=name.'
        : ''
    throw new ExpectedStartError(`The migration ${name} can't be applied: ${error.message}.${advice}`)
  }
}

function onceEach(tell: MigrationOptions['onWait']): (reason: string) => void {
  const told = new Set<string>()
  return (reason) => {
    if (!told.has(reason)) tell?.(reason)
    told.add(reason)
  }
}
