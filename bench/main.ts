/**
 * `npm run bench`: the service as built, measured against a bare relay and a naive durable one, under the same
 * load, with the same receiver and the same PostgreSQL, in turns. Build first: `npm run build`.
 */
import { writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { createResources, type Resources } from '../src/platform/resources.js'
import type { Bench } from './bench.js'
import { createDatabases } from './databases.js'
import { type Figures, summarise } from './figures.js'
import { compare, judge, printVerdicts } from './gate.js'
import { printGoals } from './goals.js'
import { startInfrastructure } from './infrastructure.js'
import type { LoadCommands } from './load.js'
import { type MainFigures, pickMainFigures, ratiosOf } from './main-figures.js'
import { measure } from './measure.js'
import { type RunOptions, readOptions } from './options.js'
import { compilePrograms } from './programs.js'
import type { ReceiverCommands } from './receiver.js'
import type { RelayName } from './relays.js'
import { type Release, saveRelease } from './release.js'
import { type Measured, printTable } from './report.js'
import type { Scenario } from './scenarios.js'
import { takeTurn } from './turns.js'

/** Every measurement of a relay in a scenario. */
type Runs = Partial<Record<RelayName, Figures[]>>

const summariseAll = (runs: Runs): Measured =>
  Object.fromEntries(Object.entries(runs).map(([name, figures]) => [name, summarise(figures)]))

async function startBench(options: RunOptions, resources: Resources): Promise<Bench> {
  const infrastructure = resources.use(
    await startInfrastructure(new Set(options.scenarios.map(({ server }) => server))),
  )
  const programs = resources.use(await compilePrograms())
  const load = resources.use(programs.start<LoadCommands>('load'))
  const receiver = resources.use(programs.start<ReceiverCommands>('receiver'))
  return { options, infrastructure, programs, load, receiver }
}

async function run(options: RunOptions, bench: Bench, resources: Resources): Promise<void> {
  const databases = resources.use(createDatabases(bench))
  const results = new Map<string, Runs>()

  for (const group of new Set(options.scenarios.map((scenario) => scenario.group))) {
    const scenarios = options.scenarios.filter((scenario) => scenario.group === group)
    // In turns, so that whatever else the machine does meets them all.
    for (let round = 1; round <= options.repeat; round++) {
      for (const scenario of scenarios) await measureAll(scenario, round)
    }
    for (const scenario of scenarios) report(scenario)
  }
  printGoals(Object.fromEntries([...results].map(([name, runs]) => [name, summariseAll(runs)])), options)
  const mainFigures = pickMainFigures(options.scenarios, results)
  if (options.gate !== undefined)
    holdAgainst(options.gate, options.scenarios, mainFigures, countLost(results))
  if (options.isRelease) saveRelease(options, mainFigures, otherCoresOf(results))

  async function measureAll(scenario: Scenario, round: number): Promise<void> {
    const runs = results.get(scenario.name) ?? {}
    results.set(scenario.name, runs)
    await using _turn = await takeTurn()
    for (const name of relaysOf(scenario, round)) {
      console.error(`${scenario.name}: ${name}, ${round} of ${options.repeat} …`)
      await using database = await databases.provide(scenario)
      const figures = await measure(bench, scenario, name, database.url)
      runs[name] = [...(runs[name] ?? []), figures]
      await save()
    }
  }

  /** The two builds change places from round to round, so that neither always comes after the other. */
  function relaysOf(scenario: Scenario, round: number): RelayName[] {
    const references: RelayName[] = scenario.references === true ? ['bare', 'naive'] : []
    if (options.base === undefined) return [...references, 'service']
    return [
      ...references,
      ...(round % 2 === 1 ? (['base', 'service'] as const) : (['service', 'base'] as const)),
    ]
  }

  function report(scenario: Scenario): void {
    const own = summariseAll(results.get(scenario.name) ?? {})
    const references =
      scenario.references === true ? own : summariseAll(results.get(scenario.references) ?? {})
    printTable(scenario, own, references)
  }

  async function save(): Promise<void> {
    const { jsonFile, scenarios: _, ...how } = options
    if (jsonFile === undefined) return
    const machine = { cpus: cpus().length, model: cpus()[0]?.model, node: process.version }
    const measured = Object.fromEntries(
      [...results].map(([name, runs]) => [name, { summary: summariseAll(runs), runs }]),
    )
    await writeFile(jsonFile, JSON.stringify({ ...how, machine, measured }, null, 2))
  }
}

const otherCoresOf = (results: Map<string, Runs>): number =>
  summarise([...results.values()].flatMap((runs) => Object.values(runs).flat())).otherCores ?? 0

const countLost = (results: Map<string, Runs>): number =>
  [...results.values()].reduce((sum, { service }) => sum + (summarise(service ?? []).lost ?? 0), 0)

/** The run fails when it falls behind the release. */
function holdAgainst(release: Release, scenarios: Scenario[], measured: MainFigures, lost: number): void {
  const verdicts = compare(ratiosOf(scenarios, release.measured), ratiosOf(scenarios, measured))
  const { passes, text } = judge(verdicts, release.version, lost)
  printVerdicts(verdicts)
  console.log(text)
  if (!passes) process.exitCode = 1
}

const options = readOptions()
const resources = createResources()
const bench = startBench(options, resources)

let stopped: Promise<void> | undefined
/** Everything is ended and removed, once, whoever asks for it first. What is being started is waited for. */
function stop(): Promise<void> {
  stopped ??= bench.then(
    () => resources[Symbol.asyncDispose](),
    () => resources[Symbol.asyncDispose](),
  )
  return stopped
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (stopped === undefined) console.error(`${signal}: cleaning up …`)
    void stop().finally(() => process.exit(1))
  })
}

try {
  await run(options, await bench, resources)
} catch (error) {
  // When it is being stopped, what was under way fails, and that is no news.
  if (stopped === undefined) throw error
} finally {
  await stop()
}
