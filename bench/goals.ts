/** What the service is to reach, as ratios within one run, and whether it did. */
import type { BenchOptions } from './bench.js'
import type { Figures } from './figures.js'
import { type Measured, ratioOf } from './report.js'

/** What was measured, by scenario. */
export type Results = Record<string, Measured>

interface Goal {
  text: string
  measured: number | undefined
  /** The least, or the most, that it may be. */
  atLeast?: number
  atMost?: number
}

export function goalsOf(results: Results, mode: BenchOptions['mode']): Goal[] {
  return [
    ...durableThroughput(results, mode),
    ...latency(results),
    ...apart(results),
    ...otherSizes(results),
    ...fairness(results),
    ...servers(results),
    ...watchers(results),
    ...care(results),
  ]
}

export function printGoals(results: Results, { mode }: Pick<BenchOptions, 'mode'>): void {
  console.log('\ngoals')
  for (const { text, measured, atLeast, atMost } of goalsOf(results, mode)) {
    if (measured === undefined) continue
    const isReached = measured >= (atLeast ?? -Infinity) && measured <= (atMost ?? Infinity)
    const bound = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`
    console.log(`${isReached ? ' ✓' : ' ✗'} ${text.padEnd(64)} ${measured.toFixed(2).padStart(8)}   ${bound}`)
  }
}

function durableThroughput({ throughput }: Results, mode: BenchOptions['mode']): Goal[] {
  const to = (reference: 'bare' | 'naive') =>
    ratioOf(throughput?.service?.deliveredPerSecond, throughput?.[reference]?.deliveredPerSecond)
  if (mode === 'postgres') {
    return [{ text: 'delivered /s, on PostgreSQL alone ÷ bare relay', measured: to('bare'), atLeast: 0.4 }]
  }
  return [
    { text: 'delivered /s ÷ bare relay', measured: to('bare'), atLeast: 0.55 },
    { text: 'delivered /s ÷ naive relay', measured: to('naive'), atLeast: 1.8 },
  ]
}

function latency({ latency }: Results): Goal[] {
  const toNaive = (figure: string) => ratioOf(latency?.service?.[figure], latency?.naive?.[figure])
  return [
    { text: 'POST to receiver p50 ÷ naive relay', measured: toNaive('arrival.p50'), atMost: 1.5 },
    { text: 'POST to receiver p99 ÷ naive relay', measured: toNaive('arrival.p99'), atMost: 1.5 },
    { text: 'POST p99 ÷ naive relay', measured: toNaive('post.p99'), atMost: 2 },
  ]
}

/** API and worker as two processes, against what was measured in the same turns. */
function apart(results: Results): Goal[] {
  const own = (name: string, figure: string) => results[`apart-${name}`]?.service?.[figure]
  const to = (name: string, reference: 'bare' | 'naive', figure: string) =>
    ratioOf(own(name, figure), results[name]?.[reference]?.[figure])
  const delivered = (reference: 'bare' | 'naive') => to('throughput', reference, 'deliveredPerSecond')
  const arrival = (percentile: string) => to('latency', 'naive', `arrival.${percentile}`)
  return [
    { text: 'API and worker apart: delivered /s ÷ bare relay', measured: delivered('bare'), atLeast: 0.5 },
    { text: 'API and worker apart: delivered /s ÷ naive relay', measured: delivered('naive'), atLeast: 1.6 },
    {
      text: 'API and worker apart: POST to receiver p50 ÷ naive relay',
      ...{ measured: arrival('p50'), atMost: 2.5 },
    },
    {
      text: 'API and worker apart: POST to receiver p99 ÷ naive relay',
      ...{ measured: arrival('p99'), atMost: 2 },
    },
  ]
}

/** More endpoints for an event, larger events, and more of what an event does not concern. */
function otherSizes(results: Results): Goal[] {
  const figure = 'deliveredPerSecond'
  const toNaive = (name: string) => ratioOf(results[name]?.service?.[figure], results[name]?.naive?.[figure])
  const toOne = (many: string, one: string) =>
    ratioOf(results[many]?.service?.[figure], results[one]?.service?.[figure])
  return [
    { text: 'to 10 endpoints: delivered /s ÷ naive relay', measured: toNaive('fan-out'), atLeast: 1 },
    { text: 'to 100 endpoints: delivered /s ÷ naive relay', measured: toNaive('fan-out-100'), atLeast: 1 },
    { text: '100 KB: delivered /s ÷ naive relay', measured: toNaive('large'), atLeast: 1.2 },
    {
      text: 'one subscription of many: delivered /s ÷ one alone',
      ...{ measured: toOne('many-subscriptions', 'one-subscription'), atLeast: 0.95 },
    },
    {
      text: '10,000 endpoints on 2,000 hosts: delivered /s ÷ one endpoint',
      ...{ measured: toOne('many-endpoints', 'one-endpoint'), atLeast: 0.8 },
    },
  ]
}

function fairness(results: Results): Goal[] {
  const compare = (figure: string, one: string, other: string) =>
    ratioOf(results[one]?.service?.[figure], results[other]?.service?.[figure])
  const p99 = (ill: string) => compare('arrival.p99', `${ill}-latency`, 'well-latency')
  const throughput = (ill: string) => compare('deliveredPerEndpoint', ill, 'well')
  const old = compare('deliveredPerSecond', 'old-deliveries', 'empty-tables')
  return [
    { text: '2 of 10 hang: p99 of the others ÷ all well', measured: p99('hanging'), atMost: 1.3 },
    {
      text: '2 of 10 hang: delivered /s of each other ÷ all well',
      measured: throughput('hanging'),
      atLeast: 0.9,
    },
    { text: '2 of 10 fail: p99 of the others ÷ all well', measured: p99('failing'), atMost: 1.5 },
    {
      text: '2 of 10 fail: delivered /s of each other ÷ all well',
      measured: throughput('failing'),
      atLeast: 0.9,
    },
    {
      text: '1 of 1,000 tenants floods hanging endpoints: p99 of the others ÷ alone',
      ...{ measured: compare('arrival.p99', 'tenants', 'tenants-alone'), atMost: 1.3 },
    },
    { text: 'old deliveries in the tables: delivered /s ÷ empty tables', measured: old, atLeast: 0.9 },
  ]
}

/** The service makes its own settings, so it has to be as fast on a server that it didn't set up. */
function servers(results: Results): Goal[] {
  const compare = (figure: string, suffix: '' | '-latency') =>
    ratioOf(results[`machine${suffix}`]?.service?.[figure], results[`embedded${suffix}`]?.service?.[figure])
  return [
    {
      text: "the machine's PostgreSQL: delivered /s ÷ embedded",
      measured: compare('deliveredPerSecond', ''),
      atLeast: 0.9,
    },
    {
      text: "the machine's PostgreSQL: POST to receiver p99 ÷ embedded",
      measured: compare('arrival.p99', '-latency'),
      atMost: 1.3,
    },
  ]
}

function watchers(results: Results): Goal[] {
  const toNone = (name: string) =>
    ratioOf(results[name]?.service?.deliveredPerSecond, results['watchers-none']?.service?.deliveredPerSecond)
  const atFixedRate = results['watchers-latency']?.service
  return [
    {
      text: '1,000 watch for DEAD: delivered /s ÷ none',
      measured: toNone('watchers-filtered'),
      atLeast: 0.95,
    },
    { text: '100 watch everything: delivered /s ÷ none', measured: toNone('watchers-all'), atLeast: 0.6 },
    {
      text: '100 watch everything, fixed rate: change to watcher p99, ms',
      measured: atFixedRate?.['watched.p99'],
      atMost: 50,
    },
    {
      text: 'SENT that a watcher missed',
      measured: results['watchers-all']?.service?.['watched.missed'],
      atMost: 0,
    },
  ]
}

function care(results: Results): Goal[] {
  const all = Object.values(results).flatMap(({ service }): Figures[] => (service ? [service] : []))
  const total = (figure: string) => all.reduce((sum, figures) => sum + (figures[figure] ?? 0), 0)
  return [
    { text: 'lost, in all scenarios', measured: total('lost'), atMost: 0 },
    { text: 'duplicated, in all scenarios', measured: total('duplicated'), atMost: 0 },
  ]
}
