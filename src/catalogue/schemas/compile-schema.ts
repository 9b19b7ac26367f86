/** Compiles schemas. Only loaded once there is one that is used: the library takes memory and a part of a start. */

import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js'
import formats, { type FormatsPlugin } from 'ajv-formats'
import { charge, chargeStep, renewAllowance, TooCostlyError } from './allowance.js'
import { compileMeteredPattern } from './metered-pattern.js'
import { FORMATS, prepareSchema, STEP, UNIQUE } from './prepare-schema.js'
import { type CompiledSchema, type Schema, SchemaError, type Violation } from './schema.js'

/** A longer text has none of these formats, so that no look for one takes long. */
const MAX_FORMATTED_LENGTH = 2048

/** @throws SchemaError that says what is wrong, and where */
export function compileSchema(schema: Schema): CompiledSchema {
  const prepared = prepareSchema(schema)
  const ajv = createValidator()
  checkMeta(ajv, prepared)
  const validate = compile(ajv, prepared)
  const check = (data: unknown): Violation[] => {
    renewAllowance()
    try {
      return validate(data) ? [] : (validate.errors ?? []).map(toViolation)
    } catch (error) {
      // Without steps in between, a schema that refers to itself runs out of stack.
      if (!(error instanceof TooCostlyError || error instanceof RangeError)) throw error
      return [{ path: 'data', message: 'takes too long to check: the schema goes through it too often' }]
    }
  }
  return { check }
}

/** One for each schema, because an instance keeps whatever it has compiled. */
function createValidator(): Ajv2020 {
  const ajv = new Ajv2020({
    ...{ allErrors: true, ownProperties: true, inlineRefs: false, logger: false, validateSchema: false },
    // Typing errors in keywords are found; what only seems strange is allowed.
    ...{ strictTypes: false, strictTuples: false, strictRequired: false, allowMatchingProperties: true },
    code: { regExp: Object.assign(compileMeteredPattern, { code: 'metered pattern' }) },
  })
  addFormats(ajv)
  ajv.addKeyword({
    ...{ keyword: STEP, before: '$ref', schemaType: 'object', errors: false },
    compile: (cost) => (value: unknown) => {
      chargeStep(cost, value)
      return true
    },
  })
  ajv.addKeyword({
    ...{
      keyword: UNIQUE,
      type: 'array',
      schemaType: 'boolean',
      error: { message: 'must not hold equal items' },
    },
    validate: (_: boolean, items: unknown[]) => areDifferent(items),
  })
  return ajv
}

function addFormats(ajv: Ajv2020): void {
  const { get } = formats as unknown as FormatsPlugin
  for (const name of FORMATS) {
    const format = get(name)
    ajv.addFormat(name, (text: string) => {
      charge(text.length / 64)
      return text.length <= MAX_FORMATTED_LENGTH && matches(format, text)
    })
  }
}

type Format = ReturnType<FormatsPlugin['get']>

function matches(format: Format, text: string): boolean {
  if (format instanceof RegExp) return format.test(text)
  const check = typeof format === 'object' && 'validate' in format ? format.validate : format
  if (check instanceof RegExp) return check.test(text)
  return typeof check !== 'function' || (check as (text: string) => boolean)(text)
}

/** The meta-schema, whose keywords don't know those of prepared schemas, allows them. */
function checkMeta(ajv: Ajv2020, schema: Schema): void {
  if (ajv.validateSchema(schema)) return
  const [error] = ajv.errors ?? []
  throw new SchemaError(dotted(error?.instancePath), error?.message ?? 'is not a JSON Schema')
}

function compile(ajv: Ajv2020, schema: Schema) {
  try {
    return ajv.compile(schema)
  } catch (error) {
    throw new SchemaError('', (error as Error).message)
  }
}

/** Equal as JSON: the order of keys does not matter. */
function areDifferent(items: unknown[]): boolean {
  const texts = items.map((item) => JSON.stringify(item, sortKeys))
  charge(texts.reduce((cost, text) => cost + text.length / 64, 0))
  return new Set(texts).size === items.length
}

const sortKeys = (_: string, value: unknown) =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)))
    : value

/** `/items/0/price` of a JSON Pointer is `items.0.price`. */
const dotted = (pointer = ''): string =>
  pointer
    .split('/')
    .slice(1)
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'))
    .join('.')

function toViolation({ instancePath, keyword, params, message = 'is not allowed' }: ErrorObject): Violation {
  const at = (name?: string) => ['data', dotted(instancePath), name].filter(Boolean).join('.')
  switch (keyword) {
    case 'required':
      return { path: at(params.missingProperty), message: 'is required' }
    case 'additionalProperties':
      return { path: at(params.additionalProperty), message: 'is not a property that the schema allows' }
    case 'unevaluatedProperties':
      return { path: at(params.unevaluatedProperty), message: 'is not a property that the schema allows' }
    case 'enum':
      return { path: at(), message: `must be one of ${params.allowedValues.map(JSON.stringify).join(', ')}` }
    default:
      return { path: at(), message }
  }
}
