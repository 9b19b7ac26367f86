/** The table of a scenario: a line for each figure, with what it is to that of the references. */
import type { Figures } from './figures.js'
import type { RelayName } from './relays.js'
import type { Scenario } from './scenarios.js'

export type Measured = Partial<Record<RelayName, Figures>>

interface Line {
  name: string
  label: string
  digits: number
}

const percentiles = ['p50', 'p90', 'p99', 'max']

const lines: Line[] = [
  { name: 'acceptedPerSecond', label: 'accepted /s', digits: 0 },
  { name: 'deliveredPerSecond', label: 'delivered /s', digits: 0 },
  { name: 'deliveredPerEndpoint', label: 'delivered /s, each that is well', digits: 0 },
  { name: 'drainSeconds', label: 'drained after, s', digits: 1 },
  ...percentiles.map((p) => ({ name: `post.${p}`, label: `POST ${p}, ms`, digits: 2 })),
  ...percentiles.map((p) => ({ name: `arrival.${p}`, label: `POST to receiver ${p}, ms`, digits: 2 })),
  ...percentiles.map((p) => ({ name: `watched.${p}`, label: `change to watcher ${p}, ms`, digits: 0 })),
  { name: 'watched.perDelivery', label: 'updates a watcher got, each delivery', digits: 2 },
  { name: 'watched.missed', label: 'SENT that a watcher missed', digits: 0 },
  { name: 'watched.ended', label: 'watchers that were ended', digits: 0 },
  { name: 'accepted', label: 'events accepted', digits: 0 },
  { name: 'delivered', label: 'webhooks delivered', digits: 0 },
  { name: 'lost', label: 'lost', digits: 0 },
  { name: 'duplicated', label: 'duplicated', digits: 0 },
  { name: 'refused', label: 'POSTs refused', digits: 0 },
  { name: 'postgres.walBytes', label: 'WAL bytes a delivery', digits: 0 },
  { name: 'postgres.cpuMs', label: "PostgreSQL's CPU ms a delivery", digits: 3 },
]

const processes = [
  'all',
  'relay',
  'relay, api',
  'relay, worker',
  'postgres',
  'redis',
  'load',
  'receiver',
  'watchers',
]

const costLines: Line[] = [
  ...processes.map((name) => ({ name: `cpu.${name}`, label: `CPU s per 1,000: ${name}`, digits: 3 })),
  ...processes.map((name) => ({ name: `memory.${name}`, label: `peak MB: ${name}`, digits: 0 })),
  { name: 'otherCores', label: 'cores busy with other things', digits: 2 },
]

/** What is no rate, no duration and no cost has no ratio worth telling. */
const withoutRatio = new Set(['accepted', 'delivered', 'lost', 'duplicated', 'refused', 'otherCores'])

const columns = ['bare', 'naive', 'base', 'service'] as const
const WIDTHS = [32, 10, 10, 10, 10, 9, 9, 9]

/** @param references what the service is held against, if not against what ran in this very scenario */
export function printTable(scenario: Scenario, measured: Measured, references: Measured): void {
  const how = scenario.load.loop === 'closed' ? `${scenario.load.connections} connections` : 'fixed rate'
  console.log(`\n${scenario.name}: ${scenario.title}; ${how}`)
  console.log(row(['', ...columns, '÷ bare', '÷ naive', '÷ base']))
  for (const line of [...lines, ...costLines]) {
    const values = columns.map((column) => measured[column]?.[line.name])
    if (values.every((value) => value === undefined)) continue
    const cells = values.map((value) => (value === undefined ? '' : format(value, line.digits)))
    const held = { ...references, base: measured.base }
    const ratios = (['bare', 'naive', 'base'] as const).map((name) => {
      const ratio = ratioOf(measured.service?.[line.name], held[name]?.[line.name])
      return ratio === undefined || withoutRatio.has(line.name) ? '' : ratio.toFixed(2)
    })
    console.log(row([line.label, ...cells, ...ratios]))
  }
}

export function ratioOf(value: number | undefined, reference: number | undefined): number | undefined {
  return value === undefined || !reference ? undefined : value / reference
}

const row = (cells: string[]): string =>
  cells
    .map((cell, index) =>
      index === 0 ? cell.padEnd(WIDTHS[0] as number) : cell.padStart(WIDTHS[index] as number),
    )
    .join('')

const format = (value: number, digits: number): string =>
  value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
