/** Events and GraphQL operations that are JSON and wrong: refused with the contract's answer, and never a 500. */
import { describe, expect, it } from 'vitest'
import { MAX_BYTES, nested, setUpBadInput } from '../support/bad-input.js'
import type { Result } from '../support/graphql.js'
import { expectProblem } from '../support/problem.js'

const { send, publishByGraphQL } = setUpBadInput()

const wrongEvents: [string, string, string[]][] = [
  ['10,000 levels', `{"type":"a","data":${nested(10_000)}}`, ['data']],
  ['40,000 lists', `{"type":"a","data":{"a":${'['.repeat(40_000)}${']'.repeat(40_000)}}}`, ['data']],
  ['levels without end', '['.repeat(100_000), ['']],
  ['levels instead of a body', '['.repeat(100_000) + ']'.repeat(100_000), ['']],
  ['a field of the prototype', '{"type":"a","data":{},"__proto__":{"eventId":"k"}}', ['__proto__']],
  ['a field of every object', '{"type":"a","data":{},"constructor":1}', ['constructor']],
  ['a list for an object', '{"type":"a","data":[]}', ['data']],
  ['a text for an object', '{"type":"a","data":"{}"}', ['data']],
  ['an object for a text', '{"type":{"toString":"a"},"data":{}}', ['type']],
  ['a list for a text', '{"type":["a"],"data":{}}', ['type']],
  ['a number for a key', '{"type":"a","data":{},"eventId":1}', ['eventId']],
  ['a time that never was', '{"type":"a","data":{},"createdAt":"2026-02-30T00:00:00Z"}', ['createdAt']],
  ['a time before time', '{"type":"a","data":{},"createdAt":"0000-01-01T00:00:00Z"}', ['createdAt']],
  ['a time in 10000', '{"type":"a","data":{},"createdAt":"9999-12-31T23:59:59-23:59"}', ['createdAt']],
  ['a time in seconds', '{"type":"a","data":{},"createdAt":1769883643}', ['createdAt']],
  ['everything at once', '{"type":null,"data":null,"metadata":0,"x":{}}', ['type', 'data', 'metadata', 'x']],
]

describe('an event that is wrong', () => {
  it.each(wrongEvents)('with %s is refused', async (_what, text, paths) => {
    expectProblem(await send('/v1/events', text), 400, ...paths)
    const byGraphQL = await send(
      '/graphql',
      `{"query":"mutation ($input: PublishEventInput!) { publishEvent(input: $input) { errors { code } } }",
        "variables":{"input":${text}}}`,
    )
    expect([200, 400]).toContain(byGraphQL.status)
    const { data, errors } = byGraphQL.body
    const codes = data?.publishEvent.errors ?? errors.map((error: Problem) => error.extensions)
    expect(new Set(codes.map(({ code }: { code: string }) => code))).toEqual(new Set(['BAD_USER_INPUT']))
    expect({}).not.toHaveProperty('eventId')
  })

  it('with more bytes than are taken is refused', async () => {
    const data = `{"a":"${'a'.repeat(MAX_BYTES)}"}`
    expectProblem(await send('/v1/events', `{"type":"a","data":${data}}`), 413)
    expectProblem(await send('/v1/subscriptions', data), 413)
    const { status, body } = await publishByGraphQL(`{"a":"${'a'.repeat(2 * MAX_BYTES)}"}`)
    expect([status, body.errors[0].extensions.code]).toEqual([413, 'PAYLOAD_TOO_LARGE'])
  })
})

type Problem = NonNullable<Result['errors']>[number]

describe('an operation that is wrong', () => {
  const query = '{ stats { eventsTotal } }'
  it.each([
    ['with a member that makes it look like a promise', JSON.parse(`{"query":"${query}","then":0}`)],
    ['with a field of the prototype', JSON.parse(`{"query":"${query}","__proto__":{"query":"a"}}`)],
    ['with a field of every object', { query, constructor: {} }],
    ['in a list of them', JSON.parse(`[{"query":"${query}","then":{}}]`)],
    ['with variables that are a list', { query, variables: [] }],
    ['with variables that are a text', { query, variables: 'a' }],
    ['that is an object', { query: { kind: 'Document' } }],
    ['that is nothing', { query: '' }],
    ['that is missing', {}],
    ['of no list', []],
    ['of a list of nothing', [null]],
    ['of a list of lists', [[[]]]],
  ])('%s is refused', async (_what, operation) => {
    const { status, body } = await send('/graphql', JSON.stringify(operation))
    // GraphQL over HTTP, for clients that ask for application/json: 200 where the body was one that it knows.
    expect([200, 400]).toContain(status)
    expect([body].flat()).toMatchObject([{ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] }])
  })

  it('has variables of any name', async () => {
    const names = ['then', '__proto__', 'constructor', 'toJSON']
    const declared = names.map((name) => `$${name}: Int`).join()
    const used = names
      .map((name, index) => `a${index}: events(first: $${name}) { edges { cursor } }`)
      .join(' ')
    const variables = `{${names.map((name) => `"${name}":1`).join()}}`
    const body = `{"query":"query (${declared}) { ${used} }","variables":${variables}}`
    expect((await send('/graphql', body)).body.errors).toBeUndefined()
  })
})
