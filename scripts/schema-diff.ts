/** What separates two versions of the data model, as SQL. */
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startEmbeddedPostgres } from '../src/platform/embedded-postgres.js'
import { withSchemaEngine } from './schema-engine.js'

export const SCHEMA_FILE = 'prisma/schema.prisma'
/** The model that the migrations lead to. */
export const MIGRATED_SCHEMA_FILE = 'prisma/migrations/schema.prisma'

/** A PostgreSQL whose data is removed when it is disposed of. */
export async function withThrowawayPostgres<Result>(work: (url: string) => Promise<Result>): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), 'node-event-service-schema-'))
  // Root's PostgreSQL runs as another user, who has to get in.
  await chmod(directory, 0o755)
  const postgres = await startEmbeddedPostgres({
    dataDirectory: join(directory, 'postgres'),
    settings: { fsync: 'off' },
  })
  try {
    return await work(postgres.url)
  } finally {
    await postgres[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true })
  }
}

/** The SQL that leads from one data model to another; empty when they are the same. @param from absent: nothing */
export function diffSchemas(databaseUrl: string, from: string | undefined, to: string): Promise<string> {
  const model = (content: string) => ({
    tag: 'schemaDatamodel' as const,
    files: [{ path: SCHEMA_FILE, content }],
  })
  return withSchemaEngine({ databaseUrl, schema: to }, async (engine) => {
    const { stdout } = await engine.diff({
      from: from === undefined ? { tag: 'empty' } : model(from),
      to: model(to),
      script: true,
      exitCode: null,
      filters: { externalTables: [], externalEnums: [] },
    })
    const sql = stdout ?? ''
    // Says that nothing changed, or makes the schema that every database has.
    return sql
      .replace(/^-- This is an empty migration\.\s*/, '')
      .replace(/^-- CreateSchema\n.*"public";\n\n/, '')
  })
}
