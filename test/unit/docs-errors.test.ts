/** docs/errors.md has every code of the catalogue, and no other. */
import { expect, it } from 'vitest'
import { errorCatalogue } from '../../src/errors.js'
import { codeIn, firstCodes, readSection, readTable } from '../support/docs.js'
import { readSchema } from '../support/graphql-schema.js'

const PAGE = 'docs/errors.md'
const schema = readSchema()

it('every error code is in the table, with its REST status and type', () => {
  const documented = readTable(readSection(PAGE, 'Error codes')).map(([code, status, type]) => [
    codeIn(code),
    Number(status),
    codeIn(type),
  ])
  const known = Object.entries(errorCatalogue).map(([code, { status }]) => [
    ...[code, status, code.toLowerCase().replaceAll('_', '-')],
  ])
  expect(documented.toSorted()).toEqual(known.toSorted())
})

it('every code that a mutation can answer with is in the table of GraphQL, with its type', () => {
  const rows = readTable(readSection(PAGE, 'GraphQL'))
  expect(firstCodes(rows).toSorted()).toEqual(schema.ofEnum('ErrorCode').toSorted())
  const types = rows.map(([, type]) => codeIn(type))
  expect(types.toSorted()).toEqual(schema.implementationsOf('UserError').toSorted())
})
