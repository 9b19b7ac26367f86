/** Draws the figures of the last release, `bench/release.json`, for the page on performance. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readRelease } from '../bench/release.js'
import { scenarios } from '../bench/scenarios.js'
import { type Bar, drawPanels, type Panel } from './chart.js'

const FOLDER = 'docs/charts'
const { measured, version, date, machine, otherCores } = readRelease()
/** Less than this is what every machine does beside a run. */
const QUIET_CORES = 0.2
const neighbours =
  otherCores > QUIET_CORES ? `, ${otherCores.toFixed(1)} of them busy with other programs` : ''
const caption = [
  `Version ${version}, ${date}: ${machine.cpus} cores${neighbours}, Node.js ${machine.node}.`,
  'A bar is the median, a line the range of all rounds.',
]

const relayLabels = { bare: 'bare relay', naive: 'naive durable relay', service: 'the service' } as const

/** The relays of a scenario, and below them the service where its API and worker are apart. */
function barsOf(name: string, figure: string): Bar[] {
  const { bare, naive, service } = measured[name] ?? {}
  const apart = measured[`apart-${name}`]?.service
  const bars = [
    { label: relayLabels.bare, values: bare?.[figure], isOwn: false },
    { label: relayLabels.naive, values: naive?.[figure], isOwn: false },
    {
      label: apart ? `${relayLabels.service}, one process` : relayLabels.service,
      values: service?.[figure],
      isOwn: true,
    },
    { label: `${relayLabels.service}, API and worker apart`, values: apart?.[figure], isOwn: true },
  ]
  return bars.flatMap(({ values, ...bar }) => (values === undefined ? [] : [{ ...bar, values }]))
}

const withReferences = scenarios.filter(({ name, references }) => references === true && measured[name])
const throughput: Panel[] = withReferences
  .filter(({ load }) => load.loop === 'closed')
  .map(({ name, title }) => ({
    title: `Webhooks a second: ${title}`,
    bars: barsOf(name, 'deliveredPerSecond'),
    digits: 0,
  }))
const latency: Panel[] = ['p50', 'p99'].map((percentile) => ({
  title: `POST to receiver at 500 events a second, ${percentile}, ms`,
  bars: barsOf('latency', `arrival.${percentile}`),
  digits: 2,
}))

mkdirSync(FOLDER, { recursive: true })
writeFileSync(join(FOLDER, 'throughput.svg'), drawPanels('Throughput', caption, throughput))
writeFileSync(join(FOLDER, 'latency.svg'), drawPanels('Latency', caption, latency))
