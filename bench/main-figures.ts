/**
 * The figures that a release is judged by, of each round of a run, and their ratios to the references of the same
 * round: the machine's speed changes from minute to minute, and a ratio within one round feels little of it.
 */
import type { Figures } from './figures.js'
import type { RelayName } from './relays.js'
import { ratioOf } from './report.js'
import type { Scenario } from './scenarios.js'

/** What each measurement of a relay gave, in the order of the rounds. */
export type Rounds = Partial<Record<RelayName, Record<string, number[]>>>
/** The key is the name of the scenario. */
export type MainFigures = Record<string, Rounds>

export interface Ratio {
  /** Such as `throughput: delivered /s ÷ naive`. */
  name: string
  isBetterWhen: 'more' | 'less'
  /** One value for each round. */
  values: number[]
}

interface MainFigure {
  name: string
  label: string
  isBetterWhen: Ratio['isBetterWhen']
}

const throughput: MainFigure[] = [
  { name: 'deliveredPerSecond', label: 'delivered /s', isBetterWhen: 'more' },
  // Moves less than a rate with what else the machine does.
  { name: 'cpu.all', label: 'CPU an event', isBetterWhen: 'less' },
]
const arrivals: MainFigure[] = ['p50', 'p99'].map((percentile) => ({
  name: `arrival.${percentile}`,
  label: `POST to receiver ${percentile}`,
  isBetterWhen: 'less',
}))

const mainFiguresOf = ({ load }: Pick<Scenario, 'load'>): MainFigure[] =>
  load.loop === 'closed' ? throughput : arrivals

/** The scenarios with references that a release is judged by. */
type Judged = Pick<Scenario, 'name' | 'group' | 'load' | 'references'>

export function pickMainFigures(
  scenarios: Judged[],
  runs: Map<string, Partial<Record<RelayName, Figures[]>>>,
): MainFigures {
  const picked: MainFigures = {}
  for (const scenario of scenarios.filter((each) => hasReferences(each, scenarios))) {
    const relays = runs.get(scenario.name) ?? {}
    const names = mainFiguresOf(scenario).map(({ name }) => name)
    picked[scenario.name] = Object.fromEntries(
      Object.entries(relays).map(([relay, rounds]) => [
        relay,
        Object.fromEntries(names.map((name) => [name, rounds.map((figures) => figures[name] ?? 0)])),
      ]),
    )
  }
  return picked
}

/** Only references of the same turns are near enough. */
export function hasReferences({ references, group }: Judged, scenarios: Judged[]): boolean {
  return references === true || scenarios.some((each) => each.name === references && each.group === group)
}

/** @returns of every scenario in `measured` and every reference, the ratios of its main figures */
export function ratiosOf(scenarios: Judged[], measured: MainFigures): Ratio[] {
  return scenarios.flatMap((scenario) => {
    const own = measured[scenario.name]?.service
    const held = measured[scenario.references === true ? scenario.name : scenario.references]
    if (own === undefined || held === undefined) return []
    return mainFiguresOf(scenario).flatMap(({ name, label, isBetterWhen }) =>
      (['bare', 'naive'] as const).flatMap((reference) => {
        const references = held[reference]?.[name] ?? []
        const values = (own[name] ?? []).flatMap((value, round) => ratioOf(value, references[round]) ?? [])
        if (values.length === 0) return []
        return [{ name: `${scenario.name}: ${label} ÷ ${reference}`, isBetterWhen, values }]
      }),
    )
  })
}
