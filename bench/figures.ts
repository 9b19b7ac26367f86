/** The figures of a measurement, by name, and what comes of several measurements of the same thing. */

import { SECOND_US } from './clock.js'
import { countLosses } from './count-losses.js'
import type { Published } from './load.js'
import type { Cost, Costs } from './processes.js'
import type { Arrivals } from './receiver.js'
import type { Percentiles } from './samples.js'
import type { Scenario } from './scenarios.js'

export type Figures = Record<string, number>

export function toFigures(
  scenario: Scenario,
  published: Published,
  arrivals: Arrivals,
  { groups, otherCores }: Costs,
  walBytes: number,
): Figures {
  const { accepted, owed, lost, duplicated } = countLosses(published, arrivals.counts, scenario)
  const { startUs, endUs, refused } = published
  const delivered = owed - lost
  const secondsUntil = (us: number) => (us - startUs) / SECOND_US
  return {
    acceptedPerSecond: accepted / secondsUntil(endUs),
    deliveredPerSecond: delivered / secondsUntil(arrivals.lastUs),
    // Tells how the others fare when some are ill.
    ...(scenario.hasOwnTypes &&
      scenario.hosts === 1 && {
        deliveredPerEndpoint: delivered / secondsUntil(arrivals.lastUs) / countWell(scenario),
      }),
    ...named('post', published.latencyMs),
    ...named('arrival', arrivals.latencyMs),
    ...{ accepted, delivered, lost, duplicated, refused: sum(Object.values(refused)) },
    ...perThousand(groups, accepted),
    ...perDelivery(groups, walBytes, delivered),
    otherCores,
  }
}

const countWell = ({ endpoints }: Scenario): number =>
  endpoints.filter((behaviour) => behaviour === 'ok').length

const named = (what: string, percentiles: Percentiles | undefined): Figures =>
  Object.fromEntries(Object.entries(percentiles ?? {}).map(([name, ms]) => [`${what}.${name}`, ms]))

/** CPU for each 1,000 events, of each process and of all together, and the peak of each one's memory. */
function perThousand(costs: Cost[], events: number): Figures {
  const cpu = (some: Cost[]) => (sum(some.map(({ cpuSeconds }) => cpuSeconds)) / events) * 1000
  const figures: Figures = { 'cpu.all': cpu(costs) }
  for (const cost of costs) {
    figures[`cpu.${cost.name}`] = cpu([cost])
    figures[`memory.${cost.name}`] = cost.peakMb
  }
  return figures
}

/** What PostgreSQL does for a delivery, where there is one. */
function perDelivery(costs: Cost[], walBytes: number, deliveries: number): Figures {
  const postgres = costs.find(({ name }) => name === 'postgres')
  if (postgres === undefined || deliveries === 0) return {}
  return {
    'postgres.walBytes': walBytes / deliveries,
    'postgres.cpuMs': (postgres.cpuSeconds * 1000) / deliveries,
  }
}

const summed = new Set(['lost', 'duplicated', 'refused'])

/** The middle one of each figure; losses and duplicates are added up, for one of them is one too many. */
export function summarise(measured: Figures[]): Figures {
  const names = new Set(measured.flatMap((figures) => Object.keys(figures)))
  return Object.fromEntries(
    [...names].map((name) => {
      const values = measured.map((figures) => figures[name] ?? 0)
      return [name, summed.has(name) ? sum(values) : median(values)]
    }),
  )
}

export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const half = Math.floor(sorted.length / 2)
  const upper = sorted[half] ?? 0
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? 0) + upper) / 2
}

const sum = (values: number[]) => values.reduce((total, value) => total + value, 0)
