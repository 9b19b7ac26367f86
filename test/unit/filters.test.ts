import { describe, expect, it } from 'vitest'
import { compileFilter } from '../../src/filters/cel.js'
import type { FilteredEvent } from '../../src/filters/filter.js'

const event: FilteredEvent = {
  type: 'order.created',
  tenant: null,
  data: {
    amount: 120,
    note: null,
    customer: { country: 'CH', email: 'jo.doe@example.com' },
    items: [
      { sku: 'B1', price: 3 },
      { sku: 'A1', price: 13.5 },
    ],
    'odd key': true,
  },
  metadata: { source: 'shop' },
  createdAt: new Date('2026-03-04T05:06:07.890Z'),
}

const test = (filter: string, changes: Partial<FilteredEvent> = {}) =>
  compileFilter(filter).test({ ...event, ...changes })

describe('a filter', () => {
  it.each([
    ['type == "order.created"', true],
    ['type.startsWith("user.")', false],
    ['data.amount > 100', true],
    ['data.amount >= 120.0 && data.amount < 121', true],
    ['data.amount in [1, 120]', true],
    ['data["odd key"]', true],
    ['data.customer.country in ["CH", "DE"]', true],
    ['data.customer.email.matches("^[a-z.]+@example\\\\.com$")', true],
    ['data.items.exists(item, item.sku.startsWith("A") && item.price > 10)', true],
    ['data.items.all(item, item.price > 10)', false],
    ['data.items.exists_one(item, item.price > 10)', true],
    ['data.items.filter(item, item.price > 1).size() == 2', true],
    ['data.items.map(item, item.sku) == ["B1", "A1"]', true],
    ['has(data.coupon)', false],
    ['!has(data.coupon) || data.coupon.value > 5', true],
    ['data.note == null', true],
    ['tenant == null', true],
    ['metadata.source == "shop"', true],
    ['createdAt > timestamp("2026-03-04T05:06:07Z")', true],
    ['createdAt.getHours() == 5', true],
    ['int(data.amount) % 7 == 1', true],
    ['data.amount > 1 ? type.contains("created") : false', true],
  ])('%s', (filter, matches) => {
    expect(test(filter)).toEqual({ matches, error: null })
  })

  it('sees metadata that is absent as empty', () => {
    expect(test('has(metadata.source)', { metadata: null })).toEqual({ matches: false, error: null })
  })

  it.each([
    ['data.coupon.value > 5', /field not found: coupon \(at character \d+\)/],
    ['data.amount + 1 > 5', /no matching overload for '_\+_'/],
    ['data.amount', 'gave a value of type double, not true or false'],
    ['data.customer.country > 5', /no matching overload/],
    ['data.__proto__ == 1', /field not found: __proto__/],
  ])('%s is an error for this event, and no match', (filter, error) => {
    expect(test(filter)).toEqual({ matches: false, error: expect.stringMatching(error) })
  })

  it('says which of its conditions do not hold', () => {
    const filter = compileFilter(
      'type == "order.created" && data.amount > 500 && data.items.exists(i, i.price > 99)',
    )
    expect(filter.unmet(event)).toEqual(['data.amount > 500', 'data.items.exists(i, i.price > 99)'])
  })
})

describe('a filter is refused', () => {
  it.each([
    ['', 'must not be blank: null stands for every event'],
    [' \n', 'must not be blank: null stands for every event'],
    ['type == ', /at character \d/],
    ['type = "a"', /at character 6/],
    [
      'kind == "a"',
      '"kind" is not known: there are type, tenant, data, metadata, createdAt (at character 1)',
    ],
    ['item.price > 1 || data.items.exists(item, item.price > 1)', /"item" is not known.*at character 1/],
    ['data.email.shout() == "A"', /"shout" is not a function of filters/],
    ['data.amount + 1', 'must be true or false for each event (at character 13)'],
    ['"text"', 'must be true or false for each event (at character 1)'],
    ['data.a.matches(data.b)', /the pattern must be a text in quotes \(at character 20\)/],
    ['data.a.matches("(")', /missing closing \).*at character 16/],
    ['data.a.matches("a{65}")', /count at most 64 repeats/],
    [`data.a.matches("${'a'.repeat(257)}")`, /at most 256 characters/],
    ['google.protobuf.Timestamp{} == createdAt', /messages are not available/],
    ['data.a.all(x, x.all(y, y.all(z, z)))', /loops stand at most 2 deep/],
    ['x'.repeat(4097), 'must have at most 4096 characters'],
  ])('case %#: %j', (filter, problem) => {
    expect(() => compileFilter(filter)).toThrow(problem)
  })
})

describe('what a filter may cost', () => {
  const numbers = Array.from({ length: 20_000 }, (_, index) => index)
  const text = 'a'.repeat(200_000)
  const data = { numbers, text, twin: { numbers, text }, lists: [numbers, numbers] }

  it.each([
    ['data.numbers.all(x, data.numbers.exists(y, y > x))'],
    ['data.numbers.all(x, data.numbers.exists(y, true))'],
    ['data.numbers.map(x, data.numbers).size() > 0'],
    ['data.numbers.exists(x, data.text.contains("b"))'],
    ['data.numbers.exists(x, data.twin != data.twin)'],
    ['data.text.matches("(a+)+b")'],
    ['data.numbers.exists(x, false) || true'],
    [`[${'data.lists,'.repeat(180)}] != [${'data.lists,'.repeat(180)}]`],
  ])('bounds %#', (filter) => {
    const compiled = compileFilter(filter)
    compiled.test(event)
    const from = performance.now()
    expect(compiled.test({ ...event, data })).toEqual({
      matches: false,
      error: expect.stringContaining('takes too long for this event'),
    })
    // Unbounded, some of these take minutes.
    expect(performance.now() - from).toBeLessThan(2000)
  })

  it('leaves room for a list of a thousand', () => {
    expect(test('data.items.exists(i, i > 998)', { data: { items: numbers.slice(0, 1000) } })).toEqual({
      matches: true,
      error: null,
    })
  })

  it('is renewed for each event', () => {
    const filter = compileFilter('data.numbers.exists(x, x > 990)')
    for (let round = 0; round < 20; round++) {
      expect(filter.test({ ...event, data: { numbers: numbers.slice(0, 1000) } }).matches).toBe(true)
    }
  })
})
