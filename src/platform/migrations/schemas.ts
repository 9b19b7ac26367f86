/** The schemas of the service and of its queue. */
import type pg from 'pg'
import { ExpectedStartError } from '../../errors.js'

/** Creates the schema if it is missing. @throws ExpectedStartError with the `grant` to run */
export async function ensureSchema(client: pg.ClientBase, schema: string): Promise<void> {
  const { rows } = await client.query<Rights>(rights, [schema])
  const { isThere, mayCreateIn, mayCreate, role, database } = rows[0] as Rights
  if (mayCreateIn) return
  const [quotedSchema, quotedRole, quotedDatabase] = [schema, role, database].map(client.escapeIdentifier)
  if (isThere) {
    throw new ExpectedStartError(
      `The role ${quotedRole} may not create tables in the schema ${quotedSchema}. Let its owner run: ` +
        `grant usage, create on schema ${quotedSchema} to ${quotedRole}; or name a schema that the role owns: DATABASE_URL=…?schema=name.`,
    )
  }
  if (!mayCreate) {
    throw new ExpectedStartError(
      `There is no schema ${quotedSchema} in this database, and the role ${quotedRole} may not create one. Let the database's owner run: ` +
        `create schema ${quotedSchema} authorization ${quotedRole}; or: grant create on database ${quotedDatabase} to ${quotedRole}; ` +
        'or name a schema that the role owns: DATABASE_URL=…?schema=name.',
    )
  }
  await client.query(`create schema if not exists ${quotedSchema}`)
}

interface Rights {
  isThere: boolean
  mayCreateIn: boolean
  mayCreate: boolean
  role: string
  database: string
}

const rights = `
  select
    exists (select from pg_namespace where nspname = $1) as "isThere",
    exists (
      select from pg_namespace
      where nspname = $1 and has_schema_privilege(oid, 'create') and has_schema_privilege(oid, 'usage')
    ) as "mayCreateIn",
    has_database_privilege(current_database(), 'create') as "mayCreate",
    current_user as role,
    current_database() as database`
