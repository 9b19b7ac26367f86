import { expect, it } from 'vitest'
import { type Fault, faults } from './faults.js'
import { describeOutcome, summarise } from './report.js'
import { runFaults } from './run.js'
import type { Layout } from './world.js'

const named = (name: string): Fault => {
  const fault = faults.find((one) => one.name === name)
  if (fault === undefined) throw new Error(`There is no fault "${name}".`)
  return fault
}

/**
 * First the one that takes all leases back, so that it heals nothing that came before it; last those that lose
 * no leases, so that part of the 20 s that lost ones take to run out has passed when the faults are over.
 */
const ofApart = [
  'every process killed',
  'PostgreSQL stopped at once',
  'connections to PostgreSQL terminated',
  'worker killed',
  'Redis flushed',
  'Redis killed, its data lost',
  'answers of an endpoint broken off',
  'api killed',
]
/** Where a process accepts and delivers, what it dies of is between its commits and its requests. */
const ofOne = [
  'every process killed',
  'PostgreSQL stopped at once',
  'worker killed',
  'Redis killed, its data lost',
]

const runs: [Layout, string[]][] = [
  ['apart', ofApart],
  ['one', ofOne],
]

it.each(runs)(
  'keeps every promise while its parts die, layout %s',
  { timeout: 400_000 },
  async (layout, names) => {
    const order = names.map(named)
    const outcome = await runFaults({
      seed: 'short',
      layout,
      eventsPerSecond: 25,
      order,
      longestMs: 1500,
      gapMs: { shortest: 200, longest: 800 },
    })
    const report = summarise(outcome)
    expect(outcome.verification.findings, describeOutcome(report, outcome)).toEqual([])
    expect(report.faults.total).toBe(order.length)
    const some = expect.toSatisfy((count: number) => count > 0, 'there was one')
    // That an endpoint was paused, was probed and recovered.
    expect(report.breakers).toMatchObject({ pauses: some, probes: some, recoveries: some })
    // That there were orders to keep, and, in the longer run, events that were given up before others.
    expect(report.orders).toMatchObject({ neighbours: some, ...(layout === 'apart' && { afterDead: some }) })
    // That there was something to lose: events of every fate.
    expect(report.published.accepted).toBeGreaterThan(100)
    expect(Object.keys(report.events.byStatus).toSorted()).toEqual([
      'DELIVERED',
      'PARTIALLY_DELIVERED',
      'UNMATCHED',
    ])
  },
)
