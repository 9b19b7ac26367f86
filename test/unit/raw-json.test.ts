import { describe, expect, it } from 'vitest'
import { MAX_JSON_DEPTH, memberTexts } from '../../src/events/raw-json.js'

describe('memberTexts', () => {
  it.each([
    ['{}', {}],
    [' {\n} ', {}],
    ['{"a":1}', { a: '1' }],
    ['{ "a" : [1, {"b": "}"}] , "c":-1.5e3 }', { a: '[1, {"b": "}"}]', c: '-1.5e3' }],
    [
      '{"quote":"\\"","slash":"\\\\","both":"\\\\\\"]"}',
      { quote: '"\\""', slash: '"\\\\"', both: '"\\\\\\"]"' },
    ],
    ['{"d\\u0061ta":{"x":1}}', { data: '{"x":1}' }],
    ['{"a":1,"a":2}', { a: '2' }],
    ['{"t":true,"f":false,"n":null}', { t: 'true', f: 'false', n: 'null' }],
    ['{"":""}', { '': '""' }],
  ])('finds the members of %s', (text, members) => {
    JSON.parse(text)
    expect(Object.fromEntries(memberTexts(text))).toEqual(members)
  })

  it('knows no member but those of the text', () => {
    expect([...memberTexts('{"__proto__":{"a":1}}').keys()]).toEqual(['__proto__'])
  })

  it('goes to the deepest level that is allowed, and no further', () => {
    const nested = (depth: number) => `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`
    expect(memberTexts(nested(MAX_JSON_DEPTH)).size).toBe(1)
    expect(() => memberTexts(nested(MAX_JSON_DEPTH + 1))).toThrow(
      '`a`: must not be nested deeper than 100 levels',
    )
  })

  it('needs no stack for a long string', () => {
    const text = JSON.stringify({ a: '\\"'.repeat(2_000_000) })
    expect(memberTexts(text).get('a')).toHaveLength(text.length - '{"a":}'.length)
  })
})
