/**
 * `npm run migration:new -- <name>`: writes the migration from the data model as the last migration left it
 * (prisma/migrations/schema.prisma) to prisma/schema.prisma as it is now, so nothing has to be read back from a
 * database. Indexes of tables that may be large become a second one. What Prisma can't express is added by hand.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CONCURRENTLY_MARKER } from '../src/platform/migrations/concurrently.js'
import { migrationsDirectory } from '../src/platform/migrations/index.js'
import { splitLargeIndexes } from './migration-rules.js'
import { diffSchemas, MIGRATED_SCHEMA_FILE, SCHEMA_FILE, withThrowawayPostgres } from './schema-diff.js'

const name = process.argv[2]
if (name === undefined || !/^[a-z0-9_]+$/.test(name)) {
  throw new Error('Name the migration in a-z, 0-9 and _: npm run migration:new -- add_something')
}

const before = await readFile(MIGRATED_SCHEMA_FILE, 'utf8')
const now = await readFile(SCHEMA_FILE, 'utf8')
const sql = await withThrowawayPostgres((url) => diffSchemas(url, before, now))
if (sql.trim() === '') throw new Error(`Nothing has changed in ${SCHEMA_FILE} since the last migration.`)

const nowMs = Date.now()
const { transactional, concurrent } = splitLargeIndexes(sql)
if (transactional !== '') await write(nowMs, name, `${transactional}\n`)
if (concurrent !== '')
  await write(nowMs + 1000, `${name}_indexes`, `${CONCURRENTLY_MARKER}\n\n${concurrent}\n`)
await writeFile(MIGRATED_SCHEMA_FILE, now)
console.log('Read the SQL, add what is missing, and commit it.')

async function write(timeMs: number, title: string, content: string): Promise<void> {
  const timestamp = new Date(timeMs).toISOString().replace(/\D/g, '').slice(0, 14)
  const directory = join(migrationsDirectory, `${timestamp}_${title}`)
  await mkdir(directory)
  await writeFile(join(directory, 'migration.sql'), content)
  console.log(`Wrote ${directory}.`)
}
