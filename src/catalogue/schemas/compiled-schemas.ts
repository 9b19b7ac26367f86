/** Compiled schemas by their text: compiling is done once for all events of a type. */
import type { CompiledSchema, Schema } from './schema.js'

/** About 100 KB each. The least recently used make room. */
const MAX_COMPILED = 200

const compiled = new Map<string, CompiledSchema>()
let compile: ((schema: Schema) => CompiledSchema) | undefined

/** Must have resolved before `compiledSchema` is called. */
export async function loadSchemas(): Promise<void> {
  if (compile === undefined) compile = (await import('./compile-schema.js')).compileSchema
}

/** @throws SchemaError */
export function compiledSchema(text: string): CompiledSchema {
  if (compile === undefined) throw new Error('schemas are used before they are loaded')
  const schema = compiled.get(text) ?? compile(JSON.parse(text))
  compiled.delete(text)
  compiled.set(text, schema)
  if (compiled.size > MAX_COMPILED) compiled.delete(compiled.keys().next().value as string)
  return schema
}
