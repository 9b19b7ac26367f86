import { describe, expect, it } from 'vitest'
import {
  canonicalJson,
  JsonTooDeepError,
  MAX_JSON_DEPTH,
  memberTexts,
  type RawJson,
} from '../../src/events/raw-json.js'

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
    expect(() => memberTexts(nested(MAX_JSON_DEPTH + 1))).toThrow(JsonTooDeepError)
  })

  it('needs no stack for a long string', () => {
    const text = JSON.stringify({ a: '\\"'.repeat(2_000_000) })
    expect(memberTexts(text).get('a')).toHaveLength(text.length - '{"a":}'.length)
  })
})

describe('canonicalJson', () => {
  it.each([
    ['{"b":1,"a":2}', ' { "a" : 2 ,\t"b" : 1 } '],
    ['[1,1.0,1e0,10e-1]', '[1.0,1,1,1]'],
    ['"\\u0041\\/"', '"A/"'],
    ['[-0, 0.0]', '[0,0]'],
    ['[100]', '[1E2]'],
    ['{"a":1,"a":{"c":1,"b":[]}}', '{"a":{"b":[],"c":1}}'],
  ])('gives %s and %s one spelling', (one, other) => {
    expect(canonicalJson(one.trim() as RawJson)).toBe(canonicalJson(other.trim() as RawJson))
  })

  it.each([
    ['[1,2]', '[2,1]'],
    ['12345678901234567890', '12345678901234567891'],
    ['0.1', '0.10000000000000001'],
    ['1e400', '2e400'],
    ['1e-400', '0'],
    ['"1"', '1'],
    ['null', '{}'],
    ['{"a":null}', '{}'],
  ])('keeps %s and %s apart', (one, other) => {
    expect(canonicalJson(one as RawJson)).not.toBe(canonicalJson(other as RawJson))
  })
})
