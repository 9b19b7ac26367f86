/**
 * Migrations: those of `prisma/migrations`, applied and recorded as Prisma does, and BullMQ's own for its queue
 * on PostgreSQL. Nothing is downloaded: Prisma's schema engine comes as WebAssembly from the npm registry.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { assertSchemaCompatibility, runMigrations as migrateQueue } from 'bullmq'
import pg from 'pg'
import { withSchemaEngine } from './schema-engine.js'

const packageRoot = fileURLToPath(new URL('../../../', import.meta.url))
export const migrationsDirectory = join(packageRoot, 'prisma', 'migrations')

/** Any number, the same in every process: it spells "mig". */
const MIGRATION_LOCK = 0x6d6967

/** Brings a database up to date. Several processes may do so at once: one does, the others wait for it. */
export async function applyMigrations({
  databaseUrl,
}: {
  databaseUrl: string
}): Promise<{ applied: string[] }> {
  return withClient(databaseUrl, async (client) => {
    await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK])
    await migrateQueue(client)
    const applied = (await findPending(client)).length > 0 ? await applyByPrisma(databaseUrl) : []
    return { applied }
  })
}

/** The migrations that a database lacks, oldest first; `bullmq` stands for those of the queue. */
export function pendingMigrations({ databaseUrl }: { databaseUrl: string }): Promise<string[]> {
  return withClient(databaseUrl, async (client) => {
    const isQueueThere = await assertSchemaCompatibility(client).then(
      () => true,
      () => false,
    )
    return isQueueThere ? findPending(client) : [...(await findPending(client)), 'bullmq']
  })
}

/** The names of all migrations, oldest first. */
export function migrationNames(): string[] {
  const entries = readdirSync(migrationsDirectory, { withFileTypes: true })
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .toSorted()
}

async function findPending(client: pg.Client): Promise<string[]> {
  const { rows: tables } = await client.query(`select to_regclass('_prisma_migrations') as found`)
  if (tables[0].found === null) return migrationNames()
  const { rows } = await client.query(
    'select migration_name from _prisma_migrations where finished_at is not null and rolled_back_at is null',
  )
  const applied = new Set(rows.map(({ migration_name }) => migration_name))
  return migrationNames().filter((name) => !applied.has(name))
}

function applyByPrisma(databaseUrl: string): Promise<string[]> {
  return withSchemaEngine({ databaseUrl }, async (engine) => {
    const { appliedMigrationNames } = await engine.applyMigrations({
      migrationsList: {
        baseDir: migrationsDirectory,
        lockfile: { path: 'migration_lock.toml', content: readMigrationFile('migration_lock.toml') },
        shadowDbInitScript: '',
        migrationDirectories: migrationNames().map((name) => ({
          path: name,
          migrationFile: {
            path: 'migration.sql',
            content: { tag: 'ok', value: readMigrationFile(join(name, 'migration.sql')) },
          },
        })),
      },
      filters: { externalTables: [], externalEnums: [] },
    })
    return appliedMigrationNames
  })
}

const readMigrationFile = (path: string): string => readFileSync(join(migrationsDirectory, path), 'utf8')

async function withClient<Result>(
  databaseUrl: string,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 })
  await client.connect()
  try {
    return await work(client)
  } finally {
    // Ends the lock with it.
    await client.end()
  }
}
