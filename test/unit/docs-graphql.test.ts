/** docs/graphql.md has every type, field and argument of the schema, and no other. */
import { isScalarType } from 'graphql'
import { describe, expect, it } from 'vitest'
import { limits } from '../../src/graphql/limits.js'
import { firstCodes, readBullets, readPage, readSection, readTable } from '../support/docs.js'
import { membersOf, readSchema, signaturesOf } from '../support/graphql-schema.js'

const PAGE = 'docs/graphql.md'
const { types } = readSchema()
const roots = ['Query', 'Mutation', 'Subscription']

describe('the reference of GraphQL', () => {
  it.each([
    ['Query', 'Queries'],
    ['Mutation', 'Mutations'],
    ['Subscription', 'Subscriptions'],
  ])('has every field of %s with its arguments', (root, heading) => {
    const documented = firstCodes(readTable(readSection(PAGE, heading)))
    const fields = signaturesOf(types.find(({ name }) => name === root))
    expect(fields.length).toBeGreaterThan(0)
    expect(documented.toSorted()).toEqual(fields.toSorted())
  })

  it('has every other type with all of its fields or values', () => {
    const documented = readBullets(readPage(PAGE))
    const others = types.filter(({ name }) => !roots.includes(name))
    expect([...documented.keys()].toSorted()).toEqual(others.map(({ name }) => name).toSorted())
    for (const type of others.filter((each) => !isScalarType(each)))
      expect([type.name, documented.get(type.name)?.toSorted()]).toEqual([
        type.name,
        membersOf(type).toSorted(),
      ])
  })

  it('has the limits that operations are held to', () => {
    const rows = readTable(readSection(PAGE, 'Limits'))
    const numbers = rows.map(([, value]) => Number(/[\d,]+/.exec(value ?? '')?.[0].replaceAll(',', '')))
    expect(numbers.toSorted()).toEqual(Object.values(limits).toSorted())
  })
})
