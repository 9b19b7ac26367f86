import { describe, expect, it } from 'vitest'
import { canonicalJson } from '../../src/events/canonical-json.js'
import type { RawJson } from '../../src/events/raw-json.js'

describe('canonicalJson', () => {
  it.each([
    ['{"b":1,"a":2}', ' { "a" : 2 ,\t"b" : 1 } '],
    ['[1,1.0,1e0,10e-1]', '[1.0,1,1,1]'],
    ['"\\u0041\\/"', '"A/"'],
    ['[-0, 0.0]', '[0,0]'],
    ['{"\\u0062":1,"a ":2,"a":3}', '{"a":3,"a ":2,"b":1}'],
    ['[ ]', '[]'],
    ['{ "a" : [ { } , true , false , null ] }', '{"a":[{},true,false,null]}'],
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

  it('sorts by what the names mean, not by how they are written', () => {
    expect(canonicalJson('{"\\n":1,"0":2,"":3}' as RawJson)).toBe('{"":3,"\\n":1,"0":2}')
  })

  it('needs no more time for a text that is nested than for one that is flat', () => {
    const timed = (text: string) => {
      const startedAt = performance.now()
      for (let round = 0; round < 20; round += 1) Buffer.from(canonicalJson(text as RawJson))
      return performance.now() - startedAt
    }
    const item = JSON.stringify(Object.fromEntries(Array.from({ length: 2000 }, (_, name) => [name, 'x'])))
    const flat = `{"a":${item}}`
    const nested = `${'{"a":'.repeat(99)}${item}${'}'.repeat(99)}`
    const best = (text: string) => Math.min(...Array.from({ length: 5 }, () => timed(text)))
    // Another look at the rest from each level takes about twenty times as long.
    expect(best(nested)).toBeLessThan(6 * best(flat))
  })
})
