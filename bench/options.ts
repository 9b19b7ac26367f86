/** What a run is asked for on the command line. */
import { parseArgs } from 'node:util'
import type { BenchOptions } from './bench.js'
import { hasReferences } from './main-figures.js'
import { LEAST_ROUNDS, type Release, readRelease } from './release.js'
import { type Scenario, scenarios } from './scenarios.js'

export interface RunOptions extends BenchOptions {
  scenarios: Scenario[]
  /** How often each measurement is made; the medians are reported. */
  repeat: number
  jsonFile: string | undefined
  /** The release that this run must not fall behind. */
  gate: Release | undefined
  /** Whether this run becomes the release that others are held against. */
  isRelease: boolean
}

const groups = [...new Set(scenarios.map(({ group }) => group))]

/** A line for each group, with the names of its scenarios. */
const listed = groups.map((group) => {
  const members = scenarios.filter((scenario) => scenario.group === group)
  return `    ${group.padEnd(18)}${members.map(({ name }) => name).join(' ')}`
})

const USAGE = `npm run bench -- [options]
  --scenarios a,b       groups or single scenarios of these; default: all
${listed.join('\n')}
  --mode redis          where the service has its queue: redis or postgres
  --processes 1         of the service, or of each of its parts, on one port
  --seconds 10          of each measurement
  --rate 500            events a second where the rate is fixed
  --repeat 1            measurements of each; medians are reported. Default with --gate: 3, with --save-release: 5
  --old-deliveries n    in the tables of the scenario of that name; default: 5,000,000
  --subscriptions n     of others, in the tables of many-subscriptions; default: 100,000
  --backlog n           events of the scenario of that name; default: 100,000
  --base directory      another checkout, built: measured in the same turns
  --gate                fails where a ratio to a reference is worse than in release.json by more than its noise
  --save-release        writes the figures of this run to release.json, as those of the release
  --quick               everything small, to see whether it works
  --json file           writes the figures of every measurement, too`

/** Ends the process, with the usage, when it is asked for or when what is asked for makes no sense. */
export function readOptions(): RunOptions {
  try {
    const { values } = parseArgs({
      options: {
        scenarios: { type: 'string' },
        mode: { type: 'string', default: 'redis' },
        processes: { type: 'string', default: '1' },
        seconds: { type: 'string' },
        rate: { type: 'string', default: '500' },
        repeat: { type: 'string' },
        gate: { type: 'boolean', default: false },
        'save-release': { type: 'boolean', default: false },
        'old-deliveries': { type: 'string' },
        subscriptions: { type: 'string' },
        backlog: { type: 'string' },
        base: { type: 'string' },
        quick: { type: 'boolean', default: false },
        json: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    })
    if (values.help) end(USAGE, 0)
    const { quick } = values
    const mode = oneOf('mode', values.mode, ['redis', 'postgres'] as const)
    const gate = values.gate ? readGate(mode) : undefined
    const isRelease = values['save-release']
    const repeat = count('repeat', values.repeat ?? (isRelease ? '5' : gate ? '3' : '1'))
    if (isRelease && (quick || repeat < LEAST_ROUNDS)) throw new Error(REFUSED_RELEASE)
    return {
      ...{ gate, isRelease, repeat },
      scenarios: chooseScenarios(values.scenarios ?? judged(gate, isRelease), mode),
      mode,
      processes: count('processes', values.processes),
      seconds: count('seconds', values.seconds ?? (quick ? '2' : '10')),
      // Until V8 has compiled what is hot: at 500 events a second that takes several thousand of them.
      warmUpSeconds: quick ? 0.5 : 10,
      ratePerSecond: count('rate', values.rate),
      base: values.base,
      backlogEvents: count('backlog', values.backlog ?? (quick ? '5000' : '100000')),
      oldDeliveries: count('old-deliveries', values['old-deliveries'] ?? (quick ? '50000' : '5000000')),
      otherSubscriptions: count('subscriptions', values.subscriptions ?? (quick ? '5000' : '100000')),
      jsonFile: values.json,
    }
  } catch (error) {
    return end(`${(error as Error).message}\n\n${USAGE}`, 1)
  }
}

const REFUSED_RELEASE =
  `--save-release takes --repeat ${LEAST_ROUNDS} or more, and no --quick: ` +
  'the rounds of the release tell how large the noise is.'

function readGate(mode: RunOptions['mode']): Release {
  const release = readRelease()
  if (release.how.mode === mode) return release
  throw new Error(`The release was measured with --mode ${release.how.mode}: nothing else compares with it.`)
}

/** The scenarios that a release is judged by, or those that the last one was. */
function judged(gate: Release | undefined, isRelease: boolean): string | undefined {
  if (gate !== undefined) return Object.keys(gate.measured).join()
  if (!isRelease) return undefined
  return scenarios
    .filter((each) => hasReferences(each, scenarios))
    .map(({ name }) => name)
    .join()
}

function end(text: string, code: number): never {
  console.error(text)
  process.exit(code)
}

function chooseScenarios(names: string | undefined, mode: RunOptions['mode']): Scenario[] {
  // API and worker apart need a Redis.
  const possible = scenarios.filter(({ layout }) => layout === 'one' || mode === 'redis')
  if (names === undefined) return possible
  const asked = names.split(',')
  const isAsked = ({ name, group }: Scenario) => asked.includes(name) || asked.includes(group)
  for (const name of asked) {
    if (possible.some((scenario) => name === scenario.name || name === scenario.group)) continue
    throw new Error(`There is no scenario ${name} with --mode ${mode}.`)
  }
  return possible.filter(isAsked)
}

function oneOf<const Value extends string>(name: string, given: string, values: readonly Value[]): Value {
  const value = values.find((value) => value === given)
  if (value === undefined) throw new Error(`--${name} is ${values.join(' or ')}.`)
  return value
}

function count(name: string, given: string): number {
  const value = Number(given)
  if (!(value > 0)) throw new Error(`--${name} is a number above 0.`)
  return value
}
