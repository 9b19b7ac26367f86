/** JSON Schemas of event data, draft 2020-12: what a type's `data` may be. */

/** As the author wrote it: `true` and `false`, which are schemas too, say nothing about an object. */
export type Schema = Record<string, unknown>

/** One thing that a schema does not allow: `path` is dotted and begins with `data`. */
export interface Violation {
  path: string
  message: string
}

export interface CompiledSchema {
  /** What it does not allow in the data of an event; none for data as it should be. */
  check(data: unknown): Violation[]
}

export const MAX_SCHEMA_BYTES = 32 * 1024

/** What a schema may be, as both faces document it. */
export const SCHEMA_FORM =
  `A JSON Schema (2020-12) of \`data\`, at most ${MAX_SCHEMA_BYTES / 1024} KiB. References lead within it ` +
  '(`#/$defs/…`), and patterns are those of RE2: without look-around and back-references.'

/** Refuses a schema. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError'
  /** Where in the schema: `properties.amount`; empty for the whole. */
  readonly path: string

  constructor(path: string, problem: string) {
    super(problem)
    this.path = path
  }
}
