import { GraphQLError, Kind, type ValueNode } from 'graphql'
import { parseIsoTime, WRONG_ISO_TIME } from '../platform/iso-time.js'
import { isJsonObject } from '../platform/json-object.js'
import { builder } from './builder.js'

const badValue = (message: string) => new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT' } })

builder.scalarType('DateTime', {
  // The form of answers. Inputs may have any form of ISO 8601 with a zone, so stricter pages of DateTime don't fit.
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc3339',
  description:
    'A moment, ISO 8601 with its zone. Answers are in UTC with milliseconds: `2026-01-31T18:20:43.400Z`.',
  serialize: (value) => new Date(value).toISOString(),
  parseValue(value) {
    const date = typeof value === 'string' ? parseIsoTime(value) : undefined
    if (date === undefined) throw badValue(WRONG_ISO_TIME)
    return date
  },
})

builder.scalarType('JSONObject', {
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc8259#section-4',
  description: 'A JSON object. As a variable it may hold anything that JSON can say.',
  serialize: (value) => value,
  parseValue: asObject,
  parseLiteral: (node, variables) => asObject(readLiteral(node, variables ?? {})),
})

function asObject(value: unknown): Record<string, unknown> {
  if (!isJsonObject(value)) throw badValue('must be an object')
  return value
}

function readLiteral(node: ValueNode, variables: Record<string, unknown>): unknown {
  switch (node.kind) {
    case Kind.OBJECT:
      // With `fromEntries`, a member named __proto__ is a member like any other.
      return Object.fromEntries(
        node.fields.map(({ name, value }) => [name.value, readLiteral(value, variables)]),
      )
    case Kind.LIST:
      return node.values.map((value) => readLiteral(value, variables))
    case Kind.INT:
    case Kind.FLOAT:
      return Number(node.value)
    case Kind.NULL:
      return null
    case Kind.VARIABLE:
      return variables[node.name.value]
    default:
      return node.value
  }
}
