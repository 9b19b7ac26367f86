import { GraphQLError, Kind, type ValueNode } from 'graphql'
import { builder } from './builder.js'

const badValue = (message: string) => new GraphQLError(message, { extensions: { code: 'BAD_USER_INPUT' } })

// RFC 3339 §5.6, without leap seconds.
const DATE_TIME = /^(\d{4}-\d\d-\d\d)[Tt]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)$/

/** The moment that a text names, in the years that it can be told in; `undefined` when it names none. */
function readDateTime(text: string): Date | undefined {
  const day = DATE_TIME.exec(text)?.[1]
  if (day === undefined || !isDay(day)) return undefined
  const date = new Date(text)
  const year = date.getUTCFullYear()
  return year >= 1 && year <= 9999 ? date : undefined
}

/** `Date` takes the 30th of February for the 2nd of March. */
function isDay(day: string): boolean {
  const start = new Date(day)
  return !Number.isNaN(start.getTime()) && start.toISOString().startsWith(`${day}T`)
}

builder.scalarType('DateTime', {
  description:
    'A moment, ISO 8601 with its zone. Answers are in UTC with milliseconds: `2026-01-31T18:20:43.400Z`.',
  serialize: (value) => new Date(value).toISOString(),
  parseValue(value) {
    const date = typeof value === 'string' ? readDateTime(value) : undefined
    if (date === undefined) {
      throw badValue(
        'must be an ISO 8601 time with its zone, in the years 0001 to 9999, such as 2026-01-31T18:20:43.400Z',
      )
    }
    return date
  },
})

builder.scalarType('JSONObject', {
  description: 'A JSON object. As a variable it may hold anything that JSON can say.',
  serialize: (value) => value,
  parseValue: asObject,
  parseLiteral: (node, variables) => asObject(readLiteral(node, variables ?? {})),
})

function asObject(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw badValue('must be an object')
  return value as Record<string, unknown>
}

function readLiteral(node: ValueNode, variables: Record<string, unknown>): unknown {
  switch (node.kind) {
    case Kind.OBJECT:
      // From entries, so that a member named __proto__ is a member like any other.
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
