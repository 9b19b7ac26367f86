/** The migrations of this version: `prisma/migrations/<name>/migration.sql`, oldest first. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from '../package-root.js'

export const migrationsDirectory = join(packageRoot, 'prisma', 'migrations')

export interface Migration {
  name: string
  sql: string
  /** SHA-256 of the file in hex, as Prisma computes it. */
  checksum: string
}

/** Oldest first. */
export function migrationNames(): string[] {
  const entries = readdirSync(migrationsDirectory, { withFileTypes: true })
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .toSorted()
}

export function readMigrations(): Migration[] {
  return migrationNames().map((name) => {
    const file = readFileSync(join(migrationsDirectory, name, 'migration.sql'))
    return { name, sql: file.toString('utf8'), checksum: createHash('sha256').update(file).digest('hex') }
  })
}
