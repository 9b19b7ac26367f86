/**
 * Checks a schema and prepares it: it may use the keywords of JSON Schema 2020-12 that stay within the schema, and each
 * of its parts gets the step that charges it. See `allowance.ts`.
 */
import { isJsonObject } from '../../platform/json-object.js'
import { PatternError } from '../../platform/linear-pattern.js'
import type { Cost } from './allowance.js'
import { compileMeteredPattern } from './metered-pattern.js'
import { type Schema, SchemaError } from './schema.js'

/** Keywords of prepared schemas: the charge of a step, and `uniqueItems` in linear time. */
export const STEP = 'nes:step'
export const UNIQUE = 'nes:unique'

const MAX_PARTS = 1000
const MAX_DEPTH = 50

/** A part may be one schema, a list of them, or a map of names to them. */
const ONE = new Set([
  ...['additionalProperties', 'contains', 'else', 'if', 'items', 'not', 'propertyNames', 'then'],
  ...['unevaluatedItems', 'unevaluatedProperties'],
])
const LIST = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems'])
const MAP = new Set(['$defs', 'definitions', 'dependentSchemas', 'patternProperties', 'properties'])

const ASSERTIONS = [
  ...[
    '$anchor',
    '$ref',
    'const',
    'dependentRequired',
    'enum',
    'exclusiveMaximum',
    'exclusiveMinimum',
    'format',
  ],
  ...[
    'maxContains',
    'maxItems',
    'maxLength',
    'maxProperties',
    'maximum',
    'minContains',
    'minItems',
    'minLength',
  ],
  ...['minProperties', 'minimum', 'multipleOf', 'pattern', 'required', 'type', 'uniqueItems'],
]
/** They say nothing about what is allowed. Some are OpenAPI's. */
const ANNOTATIONS = new Set([
  ...['$comment', '$schema', 'contentEncoding', 'contentMediaType', 'contentSchema', 'default', 'deprecated'],
  ...[
    'description',
    'discriminator',
    'example',
    'examples',
    'externalDocs',
    'readOnly',
    'title',
    'writeOnly',
    'xml',
  ],
])
/** Those that are checked; every other format is an annotation. */
export const FORMATS = [
  ...['date', 'date-time', 'duration', 'email', 'hostname', 'ipv4', 'ipv6', 'time', 'uri', 'uuid'],
] as const
const KNOWN = new Set([...ONE, ...LIST, ...MAP, ...ASSERTIONS])

const DIALECTS =
  /^https:\/\/(json-schema\.org\/draft\/2020-12\/schema#?|spec\.openapis\.org\/oas\/3\.1\/dialect\/.*)$/

/** @throws SchemaError */
export function prepareSchema(schema: Schema): Schema {
  const { $id: _, ...root } = schema
  checkDialect(root)
  let parts = 0
  return prepareObject(root, [])

  function prepareObject(part: Schema, path: string[]): Schema {
    parts += 1
    if (parts > MAX_PARTS) throw new SchemaError('', `must have at most ${MAX_PARTS} parts`)
    if (path.length > MAX_DEPTH * 2)
      throw new SchemaError('', `must not be nested deeper than ${MAX_DEPTH} levels`)
    const prepared: Schema = {}
    for (const [keyword, value] of Object.entries(part)) {
      if (isAnnotation(keyword, value)) continue
      const at = [...path, keyword]
      if (!KNOWN.has(keyword)) throw unknownKeyword(keyword, at)
      if (keyword === '$ref') checkReference(value, at)
      if (keyword === 'pattern') checkPattern(value, at)
      if (keyword === 'patternProperties')
        for (const name of namesOf(value)) checkPattern(name, [...at, name])
      if (keyword === 'uniqueItems') Object.assign(prepared, value === true && { [UNIQUE]: true })
      else prepared[keyword] = prepareValue(keyword, value, at)
    }
    prepared[STEP] = costOf(part)
    return prepared
  }

  function prepareValue(keyword: string, value: unknown, path: string[]): unknown {
    if (ONE.has(keyword)) return prepareAny(value, path)
    if (LIST.has(keyword) && Array.isArray(value))
      return value.map((part, index) => prepareAny(part, [...path, String(index)]))
    if (MAP.has(keyword) && isJsonObject(value))
      return Object.fromEntries(
        Object.entries(value).map(([name, part]) => [name, prepareAny(part, [...path, name])]),
      )
    return value
  }

  function prepareAny(part: unknown, path: string[]): unknown {
    // Whatever else stands here is refused by the meta-schema.
    return isJsonObject(part) ? prepareObject(part, path) : part
  }
}

const isAnnotation = (keyword: string, value: unknown): boolean =>
  ANNOTATIONS.has(keyword) ||
  keyword.startsWith('x-') ||
  (keyword === 'format' && typeof value === 'string' && !FORMATS.some((known) => known === value))

function checkDialect({ $schema }: Schema): void {
  if ($schema !== undefined && !(typeof $schema === 'string' && DIALECTS.test($schema)))
    throw new SchemaError('$schema', 'must be https://json-schema.org/draft/2020-12/schema, or absent')
}

function unknownKeyword(keyword: string, path: string[]): SchemaError {
  const hint = keyword === 'nullable' ? ': write `"type": ["string", "null"]`' : ''
  return new SchemaError(path.join('.'), `is not a keyword that schemas may have here${hint}`)
}

function checkReference(value: unknown, path: string[]): void {
  if (typeof value !== 'string' || !value.startsWith('#'))
    throw new SchemaError(path.join('.'), 'must lead within the schema, such as #/$defs/address')
}

function checkPattern(value: unknown, path: string[]): void {
  if (typeof value !== 'string') return
  try {
    compileMeteredPattern(value)
  } catch (error) {
    const problem =
      error instanceof PatternError ? error.message : `is no pattern of RE2: ${(error as Error).message}`
    throw new SchemaError(path.join('.'), problem)
  }
}

/** Values of `enum` and names are compared one by one, patterns for each member. */
function costOf(part: Schema): Cost {
  const values = Array.isArray(part.enum) ? part.enum.length : 0
  const names = namesOf(part.properties).length + (Array.isArray(part.required) ? part.required.length : 0)
  const patterns = namesOf(part.patternProperties).length
  const hasRest =
    'additionalProperties' in part || 'unevaluatedProperties' in part || 'unevaluatedItems' in part
  return { step: 1 + (values + names) / 4, member: patterns + (hasRest ? 1 : 0) }
}

const namesOf = (value: unknown): string[] => (isJsonObject(value) ? Object.keys(value) : [])
