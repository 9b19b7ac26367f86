import { buildSchema, executeSync, parse } from 'graphql'
import { expect, it } from 'vitest'
import { redactVariables } from '../../src/graphql/redact-variables.js'

const schema = buildSchema(`
  input Input { secret: String, name: String, count: Int! }
  type Query { take(input: Input): Int }
`)
const document = parse('query ($input: Input) { take(input: $input) }')

/** What graphql-js says of a variable, after discretion. */
const toldOf = (input: object): string => {
  const { errors } = executeSync({ schema, document, variableValues: { input } })
  return redactVariables(errors?.[0]?.message as string)
}

const kept =
  'Variable "$input" got an invalid value, which is not repeated because it has to do with a secret. '

it.each([
  [
    { secret: 'hush', nmae: 1, count: 1 },
    'Field "nmae" is not defined by type "Input". Did you mean "name"?',
  ],
  [{ secrte: 'hush', count: 1 }, 'Field "secrte" is not defined by type "Input". Did you mean "secret"?'],
  [{ secret: 'hush; hush' }, 'Field "count" of required type "Int!" was not provided.'],
  [{ secret: ['hush'], count: 1 }, 'It does not fit its type.'],
  [{ secret: { is: 'hush' }, count: 1 }, 'It does not fit its type.'],
  [{ auth: { bearer: 'hush' }, count: 1 }, 'Field "auth" is not defined by type "Input".'],
])('keeps a secret, and tells why it does not fit: %j', (input, reason) => {
  expect(toldOf(input)).toBe(kept + reason)
})

it('repeats what has nothing to do with one', () => {
  expect(toldOf({ name: ['Ann'], count: 1 })).toContain('["Ann"]')
  expect(redactVariables('There is no secret here.')).toBe('There is no secret here.')
})
