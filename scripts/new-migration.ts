/**
 * `npm run migration:new -- <name>`: writes the migration from the data model as the last migration left it to
 * prisma/schema.prisma as it is now. Each migration keeps the model that it leads to, so nothing has to be read
 * back from a database. What Prisma can't express is added to the SQL by hand.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { migrationNames, migrationsDirectory } from '../src/platform/migrations/index.js'
import { diffSchemas, SCHEMA_FILE, withThrowawayPostgres } from './schema-diff.js'

const name = process.argv[2]
if (name === undefined || !/^[a-z0-9_]+$/.test(name)) {
  throw new Error('Name the migration in a-z, 0-9 and _: npm run migration:new -- add_something')
}

const last = migrationNames().at(-1)
const before = last && (await readFile(join(migrationsDirectory, last, 'schema.prisma'), 'utf8'))
const now = await readFile(SCHEMA_FILE, 'utf8')
const sql = await withThrowawayPostgres((url) => diffSchemas(url, before, now))
if (sql.trim() === '') throw new Error(`Nothing has changed in ${SCHEMA_FILE} since ${last}.`)

const timestamp = new Date().toISOString().replace(/\D/g, '').slice(0, 14)
const directory = join(migrationsDirectory, `${timestamp}_${name}`)
await mkdir(directory)
await writeFile(join(directory, 'migration.sql'), sql)
await writeFile(join(directory, 'schema.prisma'), now)
console.log(`Wrote ${directory}. Read the SQL, add what is missing, and commit it.`)
