/** Where something is left that was to be erased. */
import type { TestService } from './service.js'

/** What the payloads of a test say. */
export const SECRET = 'jane-doe-4711'

/** The tables with a row that holds the secret, by name. Kept answers are decoded. */
export async function tablesWithSecret({ database }: Pick<TestService, 'database'>): Promise<string[]> {
  const tables = await database.query<{ name: string }>(
    `select c.oid::regclass::text as name from pg_class c
     where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace`,
  )
  const found: string[] = []
  for (const { name } of tables) {
    const hex = Buffer.from(SECRET).toString('hex')
    const rows = await database.query(
      `select from ${name} t where t::text like '%${SECRET}%' or t::text like '%${hex}%'`,
    )
    if (rows.length > 0) found.push(name)
  }
  return found
}
