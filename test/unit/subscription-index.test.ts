/** The index of subscriptions by event type, held against the plainest way to match. */
import { describe, expect, it } from 'vitest'
import { createSubscriptionIndex } from '../../src/matching/subscription-index.js'

const sorted = (ids: string[] | undefined) => ids?.toSorted()

describe('the index of subscriptions', () => {
  it('finds who wants a type or every type, each once', () => {
    const index = createSubscriptionIndex()
    index.set('one', 'user.created *')
    index.set('two', 'user.created')
    index.set('three', 'user.deleted')
    index.set('four', '*')
    expect(sorted(index.find('user.created'))).toEqual(['four', 'one', 'two'])
    expect(sorted(index.find('unheard.of'))).toEqual(['four', 'one'])
  })

  it.each([
    [
      'user.*',
      ['user.created', 'user.address.changed', 'user.a.b.c'],
      ['user', 'user.', 'users.created', 'a.user.b'],
    ],
    ['user.address.*', ['user.address.changed'], ['user.created', 'user.address', 'user.addresses.a']],
    ['*', ['user', 'user.created', '.', 'a..b'], []],
    ['a..*', ['a..b', 'a...'], ['a.b', 'a.', 'a..']],
    ['..*', ['..a'], ['.a', 'a.b', '..']],
  ])('finds who wants %s', (pattern, wanted, others) => {
    const index = createSubscriptionIndex()
    index.set('one', pattern)
    for (const type of wanted) expect([type, index.find(type)]).toEqual([type, ['one']])
    for (const type of others) expect([type, index.find(type)]).toEqual([type, []])
  })

  it('finds one that names a type and its patterns once', () => {
    const index = createSubscriptionIndex()
    index.set('one', 'user.created user.* * user.created.*')
    expect(index.find('user.created')).toEqual(['one'])
  })

  it('does not take a name of an object for a type', () => {
    expect(createSubscriptionIndex().find('constructor')).toEqual([])
    expect(createSubscriptionIndex().find('__proto__')).toEqual([])
  })

  it('says when there are more than were asked for', () => {
    const index = createSubscriptionIndex()
    for (const id of ['one', 'two', 'three']) index.set(id, 'a')
    expect(index.find('a', 3)).toHaveLength(3)
    index.set('four', '*')
    expect(index.find('a', 3)).toBeUndefined()
    expect(index.find('b', 3)).toEqual(['four'])
  })

  it('is what a filter over all subscriptions finds, after thousands of changes', () => {
    const index = createSubscriptionIndex()
    const plain = new Map<string, string[]>()
    const types = ['a', 'b', 'c', 'a.b', '*', 'a.*']
    for (let step = 0; step < 20_000; step += 1) {
      const id = `subscription ${Math.floor(Math.random() * 50)}`
      const wanted = types.filter(() => Math.random() < 0.3)
      index.set(id, wanted.join(' '))
      if (wanted.length > 0) plain.set(id, wanted)
      else plain.delete(id)
      if (step % 100 > 0) continue
      expect(index.size).toBe(plain.size)
      for (const type of types.slice(0, 4)) {
        const wants = (pattern: string) =>
          pattern === type || pattern === '*' || (pattern === 'a.*' && type.startsWith('a.'))
        const found = [...plain].filter(([, wanted]) => wanted.some(wants))
        expect(sorted(index.find(type))).toEqual(found.map(([id]) => id).toSorted())
      }
    }
  })
})
