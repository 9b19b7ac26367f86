/** The table of what is measured, and what is counted of it. */
import { describe, expect, it } from 'vitest'
import { countLosses, countOwed } from '../../bench/count-losses.js'
import { goalsOf } from '../../bench/goals.js'
import type { Published } from '../../bench/load.js'
import { type Scenario, scenarios } from '../../bench/scenarios.js'
import { codeIn, readSection, readTable } from '../support/docs.js'

const byName = (name: string) => scenarios.find((scenario) => scenario.name === name) as Scenario

describe('scenarios', () => {
  it('have names of their own', () => {
    expect(new Set(scenarios.map(({ name }) => name)).size).toBe(scenarios.length)
  })

  it('name references that have been measured before, with the same load', () => {
    for (const { name, references, load } of scenarios) {
      if (references === true) continue
      const held = byName(references)
      expect([name, held.references, held.load.loop]).toEqual([name, true, load.loop])
      expect(scenarios.indexOf(held)).toBeLessThan(scenarios.indexOf(byName(name)))
    }
  })

  it('bound how many webhooks an event may leave behind', () => {
    for (const { name, endpoints, hasOwnTypes, load } of scenarios) {
      const isLarge = !hasOwnTypes && endpoints.length > 10
      expect([name, load.loop === 'closed' && load.mostEventsPerSecond !== undefined]).toEqual([
        name,
        isLarge,
      ])
    }
  })
})

it('the page on performance tells of every group', () => {
  const rows = readTable(readSection('docs/performance.md', 'Scenarios'))
  expect(rows.map(([group]) => codeIn(group)).toSorted()).toEqual(
    [...new Set(scenarios.map(({ group }) => group))].toSorted(),
  )
})

describe('goals', () => {
  /** Each scenario of the table with the same figures. */
  const figures = {
    deliveredPerSecond: 2,
    deliveredPerEndpoint: 2,
    'arrival.p50': 2,
    'arrival.p99': 2,
    'post.p99': 2,
    'watched.p99': 2,
    'watched.missed': 0,
  }
  const measured = { bare: figures, naive: figures, service: figures }
  const results = Object.fromEntries(scenarios.map(({ name }) => [name, measured]))

  it.each(['redis', 'postgres'] as const)('are of scenarios and figures that there are: %s', (mode) => {
    for (const { text, measured } of goalsOf(results, mode)) {
      const expected = /^(lost|duplicated)|missed$/.test(text) ? 0 : text.endsWith(', ms') ? 2 : 1
      expect([text, measured]).toEqual([text, expected])
    }
  })
})

describe('of what was accepted', () => {
  const published = (from: number, accepted: number[]): Published => ({
    ...{ from, accepted: Uint8Array.from(accepted), refused: {}, latencyMs: undefined, startUs: 0, endUs: 0 },
  })
  const fanOut: Scenario = { ...byName('fan-out'), endpoints: ['ok', 'ok', 'hang'] }
  const own: Scenario = { ...byName('well'), endpoints: ['ok', 'ok', 'hang'] }

  it('each endpoint is owed every event, or those of its type', () => {
    expect(countOwed(published(0, [1, 0, 1, 1]), fanOut)).toBe(6)
    expect(countOwed(published(0, [1, 0, 1, 1]), fanOut, false)).toBe(3)
    // Events 4, 5, 6 and 7 are of the types 1, 2, 0 and 1.
    expect(countOwed(published(4, [1, 1, 1, 1]), own)).toBe(3)
    expect(countOwed(published(4, [1, 1, 1, 1]), own, false)).toBe(1)
    expect(countOwed(published(4, [0, 1, 1, 1]), own)).toBe(2)
  })

  it('what has not come is lost, and what came twice is duplicated', () => {
    const all = [Uint8Array.of(0, 0, 1, 0), Uint8Array.of(0, 2, 0, 0), Uint8Array.of(0, 0, 0, 0)]
    // Endpoint 0 is owed event 6, endpoint 1 the events 4 and 7: each event by its place among those of its type.
    expect(countLosses(published(4, [1, 1, 1, 1]), all, own)).toEqual({
      ...{ accepted: 4, owed: 3, lost: 1, duplicated: 1 },
    })
  })
})
