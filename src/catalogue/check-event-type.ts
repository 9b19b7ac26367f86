import { badInput, type ServiceError } from '../errors.js'
import { MAX_JSON_DEPTH, tooDeep } from '../events/raw-json.js'
import type { EventTypeMode } from '../generated/prisma/enums.js'
import type { NewEventType } from './event-type.js'
import { compiledSchema, loadSchemas } from './schemas/compiled-schemas.js'
import { type CompiledSchema, MAX_SCHEMA_BYTES, SchemaError } from './schemas/schema.js'

/** An event type whose schema and examples are texts, as they are stored. */
export interface CheckedEventType {
  name: string
  mode: EventTypeMode
  description: string | null
  schema: string
  dataExamples: string
}

/** @throws ServiceError BAD_USER_INPUT that says what is wrong with the schema or an example, and where */
export async function checkEventType(input: NewEventType): Promise<CheckedEventType> {
  const { name, description = null, mode = 'OFF', dataExamples = [] } = input
  const schema = toText(input.schema, 'schema')
  const { check } = await compile(schema)
  const violations = dataExamples.flatMap((example, index) =>
    check(example).map(({ path, message }) => ({
      path: path.replace('data', `dataExamples.${index}`),
      message,
    })),
  )
  if (violations.length > 0) throw badInput(violations)
  return { name, description, mode, schema, dataExamples: toText(dataExamples, 'dataExamples') }
}

async function compile(schema: string): Promise<CompiledSchema> {
  await loadSchemas()
  try {
    return compiledSchema(schema)
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error
    throw badInput([{ path: ['schema', error.path].filter(Boolean).join('.'), message: error.message }])
  }
}

function toText(value: unknown, path: string): string {
  checkDepth(value, path)
  const text = JSON.stringify(value)
  if (Buffer.byteLength(text) > MAX_SCHEMA_BYTES) throw schemaTooLarge(path)
  return text
}

export const schemaTooLarge = (path: string): ServiceError =>
  badInput([{ path, message: `must have at most ${MAX_SCHEMA_BYTES} bytes of JSON` }])

/** @throws ServiceError BAD_USER_INPUT */
export function checkDepth(value: unknown, path: string): void {
  if (isDeeperThan(value, MAX_JSON_DEPTH)) throw tooDeep(path)
}

const isDeeperThan = (value: unknown, levels: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some((member) => isDeeperThan(member, levels - 1)))
