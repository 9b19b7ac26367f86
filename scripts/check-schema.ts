/**
 * Proves that the migrations lead to prisma/schema.prisma: one database made from the model at once, one by the
 * migrations, must have the same catalogue. And that new ones hold up nobody.
 */
import { readFile } from 'node:fs/promises'
import pg from 'pg'
import { readMigrations } from '../src/platform/migrations/files.js'
import { applyMigrations } from '../src/platform/migrations/index.js'
import { findBlocking } from './migration-rules.js'
import { diffSchemas, MIGRATED_SCHEMA_FILE, SCHEMA_FILE, withThrowawayPostgres } from './schema-diff.js'

const catalogue = `
  select format('column %s.%s %s%s default %s', table_name, column_name, udt_name,
                case is_nullable when 'NO' then ' not null' else '' end, coalesce(column_default, 'none'))
           || coalesce(' (' || datetime_precision || ')', '') as line
  from information_schema.columns where table_schema = 'public' and table_name <> '_prisma_migrations'
  union all
  select format('enum %s %s', typname, string_agg(enumlabel, ', ' order by enumsortorder))
  from pg_enum join pg_type on pg_type.oid = enumtypid
  where typnamespace = 'public'::regnamespace group by typname
  union all
  select format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
  from pg_constraint where connamespace = 'public'::regnamespace and conrelid::regclass::text <> '_prisma_migrations'
  union all
  select format('index %s', indexdef) from pg_indexes
  where schemaname = 'public' and tablename <> '_prisma_migrations'
  order by line`

async function readCatalogue(
  url: string,
  prepare: (client: pg.Client) => Promise<unknown>,
): Promise<Set<string>> {
  const client = new pg.Client(url)
  await client.connect()
  try {
    await prepare(client)
    const { rows } = await client.query<{ line: string }>(catalogue)
    return new Set(rows.map(({ line }) => line))
  } finally {
    await client.end()
  }
}

const withDatabase = (url: string, name: string): string =>
  Object.assign(new URL(url), { pathname: `/${name}` }).href

const model = await readFile(SCHEMA_FILE, 'utf8')
const [modelled, migrated] = await withThrowawayPostgres(async (url) => {
  await readCatalogue(url, async (client) => {
    for (const name of ['modelled', 'migrated']) await client.query(`create database ${name}`)
  })
  const sql = await diffSchemas(url, undefined, model)
  await applyMigrations({ databaseUrl: withDatabase(url, 'migrated') })
  return Promise.all([
    readCatalogue(withDatabase(url, 'modelled'), (client) => client.query(sql)),
    readCatalogue(withDatabase(url, 'migrated'), async () => {}),
  ])
})

const differences = [
  ...[...modelled].filter((line) => !migrated.has(line)).map((line) => `only in ${SCHEMA_FILE}: ${line}`),
  ...[...migrated].filter((line) => !modelled.has(line)).map((line) => `only in the migrations: ${line}`),
]
if ((await readFile(MIGRATED_SCHEMA_FILE, 'utf8')) !== model)
  differences.push(`${MIGRATED_SCHEMA_FILE} is not ${SCHEMA_FILE} as it is now`)

const blocking = readMigrations().flatMap(findBlocking)
for (const problem of [...blocking, ...differences]) console.error(problem)
if (blocking.length > 0) process.exitCode = 1
if (differences.length > 0) {
  console.error('Make the missing migration: npm run migration:new -- <name>')
  process.exitCode = 1
}
