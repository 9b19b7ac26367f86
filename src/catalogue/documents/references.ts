/** References of JSON Schemas (`$ref`), where a schema moves from one document into another. */
import type { Schema } from '../schemas/schema.js'

/**
 * @param replace is called for each reference; `onPart` for each object and array before it is copied, and may throw
 * @returns a copy in which each reference is replaced
 */
export function mapReferences<Value>(
  value: Value,
  replace: (reference: string) => string,
  onPart = () => {},
): Value {
  if (typeof value !== 'object' || value === null) return value
  onPart()
  if (Array.isArray(value)) return value.map((item) => mapReferences(item, replace, onPart)) as Value
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      name === '$ref' && typeof member === 'string'
        ? replace(member)
        : mapReferences(member, replace, onPart),
    ]),
  ) as Value
}

/** For a schema that moves from `from` to `to`, as JSON pointers: `#` and `#/components/schemas/Order`. */
export const moveReferences = (schema: Schema, from: string, to: string): Schema =>
  mapReferences(schema, (reference) => movePointer(reference, from, to))

export function movePointer(reference: string, from: string, to: string): string {
  const isWithin = reference === from || reference.startsWith(`${from}/`)
  return isWithin ? to + reference.slice(from.length) : reference
}

/** What a JSON pointer of a document (RFC 6901) leads to; undefined where nothing is. */
export function resolvePointer(document: unknown, pointer: string): unknown {
  const names = pointer.replace(/^#\/?/, '').split('/').filter(Boolean)
  return names.reduce<unknown>((value, name) => {
    const key = decodePointer(name)
    return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
      ? (value as Record<string, unknown>)[key]
      : undefined
  }, document)
}

function decodePointer(name: string): string {
  const text = name.replaceAll('~1', '/').replaceAll('~0', '~')
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
