/**
 * The catalogue in the memory of a process: the schemas by which it checks what is published. A change counts at once
 * in the process that made it, and within moments in the others.
 */
import type { EventTypeMode } from '../generated/prisma/enums.js'
import type { Database, Statement } from '../platform/postgres/database.js'
import { shareRefreshes } from '../platform/refresher.js'
import { compiledSchema, loadSchemas } from './schemas/compiled-schemas.js'
import { SchemaError, type Violation } from './schemas/schema.js'

export interface CheckedType {
  id: string
  mode: Exclude<EventTypeMode, 'OFF'>
  /** What the newest schema does not allow in the data of an event, given as JSON text. */
  check(data: string): Violation[]
}

export interface Catalogue {
  /** Undefined for a type that is not in the catalogue, or whose schema is off. */
  find(eventType: string): CheckedType | undefined
  /** Resolves when the catalogue has every change that was committed before this call. */
  refresh(): Promise<void>
}

/** `$1` ids and `$2` versions whose schemas are known. */
const readCatalogue: Statement = {
  name: 'read-event-types-to-check',
  text: `
    select id, name, mode, version, case when known.id is null then schema::text end as schema
    from event_types
    left join unnest($1::uuid[], $2::int[]) as known (id, version) using (id, version)
    where mode <> 'OFF'`,
}

interface Row {
  id: string
  name: string
  mode: CheckedType['mode']
  version: number
  schema: string | null
}

export async function createCatalogue(database: Database): Promise<Catalogue> {
  let types = new Map<string, Row & { schema: string }>()

  async function load(): Promise<void> {
    const known = new Map([...types.values()].map((row) => [row.id, row]))
    const rows = await database.query<Row>(readCatalogue, [
      [...known.keys()],
      [...known.values()].map(({ version }) => version),
    ])
    if (rows.length > 0) await loadSchemas()
    types = new Map(
      rows.map((row) => [row.name, { ...row, schema: row.schema ?? (known.get(row.id)?.schema as string) }]),
    )
  }

  await load()

  return {
    find(eventType) {
      const row = types.get(eventType)
      return row && { id: row.id, mode: row.mode, check: (data) => check(row.schema, data) }
    },
    refresh: shareRefreshes(load),
  }
}

/** A schema that was stored by another version may be one that this version refuses: it then allows everything. */
function check(schema: string, data: string): Violation[] {
  try {
    return compiledSchema(schema).check(JSON.parse(data))
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error
    return []
  }
}
