/** Schemas of event data: what they find, and that none of them takes long. */
import { beforeAll, describe, expect, it } from 'vitest'
import { compiledSchema, loadSchemas } from '../../src/catalogue/schemas/compiled-schemas.js'
import { SchemaError } from '../../src/catalogue/schemas/schema.js'

beforeAll(loadSchemas)

const check = (schema: object, data: unknown) => compiledSchema(JSON.stringify(schema)).check(data)
const ofA = (schema: object) => ({ properties: { a: schema } })

describe('a schema', () => {
  it.each([
    ['a wrong type', { type: 'string' }, 1, 'data.a', 'must be string'],
    ['a value that is none of the named', { enum: ['x', 1] }, 'y', 'data.a', 'must be one of "x", 1'],
    ['a text without the pattern', { pattern: '^[a-z]+$' }, 'A', 'data.a', 'must match pattern "^[a-z]+$"'],
    ['a text that is no time', { format: 'date-time' }, 'today', 'data.a', 'must match format "date-time"'],
    [
      'equal items',
      { uniqueItems: true },
      [
        { x: 1, y: 2 },
        { y: 2, x: 1 },
      ],
      'data.a',
      'must not hold equal items',
    ],
    [
      'a property of no part of the schema',
      { allOf: [{ properties: { x: true } }], unevaluatedProperties: false },
      { x: 1, y: 2 },
      'data.a.y',
      'is not a property that the schema allows',
    ],
  ])('finds %s', (_what, schema, value, path, message) => {
    expect(check(ofA(schema), { a: value })).toEqual([{ path, message }])
  })

  it('allows what it says nothing about', () => {
    expect(
      check({ ...ofA({ format: 'colour', 'x-mark': 1, example: 2 }), $id: 'urn:a', title: 'A' }, { a: 1 }),
    ).toEqual([])
  })

  it('may refer to itself', () => {
    const tree = { properties: { value: { type: 'number' }, left: { $ref: '#' }, right: { $ref: '#' } } }
    expect(check(tree, { left: { right: { value: 1 } } })).toEqual([])
    expect(check(tree, { left: { right: { value: 'x' } } })).toMatchObject([
      { path: 'data.left.right.value' },
    ])
  })

  it.each(['__proto__', 'constructor', 'toString'])('knows a property named %s from none', (name) => {
    const data = JSON.parse(`{"${name}": 1}`)
    expect(check({ required: [name] }, {})).toMatchObject([{ message: 'is required' }])
    expect(check({ required: [name] }, data)).toEqual([])
    expect(check({ maxProperties: 0 }, data)).toHaveLength(1)
  })

  it.each([
    ['too many parts', { allOf: Array.from({ length: 1000 }, () => ({})) }, /at most 1000 parts/],
    ['too many levels', JSON.parse(`${'{"not":'.repeat(101)}{}${'}'.repeat(101)}`), /nested deeper/],
    ['a pattern that is too long', ofA({ pattern: 'a'.repeat(257) }), /at most 256 characters/],
    ['a dynamic reference', { $dynamicRef: '#a' }, /not a keyword/],
    ['what OpenAPI 3.0 had', ofA({ type: 'string', nullable: true }), /"type": \["string", "null"\]/],
  ])('is refused for %s', (_what, schema, message) => {
    expect(() => compiledSchema(JSON.stringify(schema))).toThrow(SchemaError)
    expect(() => compiledSchema(JSON.stringify(schema))).toThrow(message)
  })
})

describe('a check is given up', () => {
  const deep = JSON.parse(`${'{"a":'.repeat(90)}{}${'}'.repeat(90)}`)
  const twice = { anyOf: [{ $ref: '#' }, { $ref: '#' }] }
  const many = Array.from({ length: 60_000 }, (_, index) => `value ${index}`)

  it.each([
    ['goes on for ever', { $ref: '#' }, {}],
    ['goes twice as often through each level', { ...ofA(twice), required: ['a'] }, deep],
    [
      'compares each of many items with many values',
      ofA({ items: { enum: many.slice(-1000) } }),
      { a: many },
    ],
    ['looks for a pattern in a very long text', ofA({ pattern: '(a+)+$' }), { a: `${'a'.repeat(250_000)}b` }],
  ])('when the schema %s', (_what, schema, data) => {
    expect(check(schema, data)).toEqual([{ path: 'data', message: expect.stringMatching(/takes too long/) }])
  })

  it('not for a large event with a usual schema', () => {
    expect(check(ofA({ items: { type: 'string', maxLength: 100 }, uniqueItems: true }), { a: many })).toEqual(
      [],
    )
  })
})
