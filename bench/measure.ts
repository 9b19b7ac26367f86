/** One measurement: one relay, in one scenario, from an empty start to its last webhook. */
import { measureBacklog } from './backlog.js'
import type { Bench, Situation } from './bench.js'
import { countOwed } from './count-losses.js'
import { type Figures, toFigures } from './figures.js'
import type { Published } from './load.js'
import { startMeter } from './processes.js'
import { isBuild, type Relay, type RelayName, startReference } from './relays.js'
import type { Scenario } from './scenarios.js'
import { directoryOf, startService } from './service.js'
import { aim, delivered, finished, openEndpoints, publish } from './steps.js'
import { startWatching } from './watching.js'

export async function measure(
  bench: Bench,
  scenario: Scenario,
  name: RelayName,
  databaseUrl: string,
): Promise<Figures> {
  await bench.infrastructure.settle()
  const situation = { databaseUrl, endpoints: await openEndpoints(bench, scenario) }
  return scenario.isBacklog
    ? measureBacklog(bench, scenario, { ...situation, directory: directoryOf(name, bench.options) })
    : measureLoad(bench, scenario, name, situation)
}

async function measureLoad(
  bench: Bench,
  scenario: Scenario,
  name: RelayName,
  situation: Situation,
): Promise<Figures> {
  const { load, receiver, infrastructure, options } = bench
  const { redis } = infrastructure.processes
  const postgres = infrastructure.processes[scenario.server]
  await using relay = await startRelay(bench, scenario, name, situation)
  await aim(bench, scenario, relay)
  const warmUp = await publish(bench, scenario, options.warmUpSeconds)
  await delivered(bench, countOwed(warmUp, scenario))
  await finished(relay)

  await using watch = await startWatching(bench, scenario, relay)
  await receiver.call('measureFrom', warmUp.from + warmUp.accepted.length)
  const walBefore = await infrastructure.walBytes(scenario.server)
  const meter = startMeter([
    ...relay.processes,
    ...(name === 'bare' ? [] : [postgres]),
    ...(isBuild(name) && options.mode === 'redis' ? [redis] : []),
    { name: 'load', pid: load.pid },
    { name: 'receiver', pid: receiver.pid },
    ...watch.processes,
  ])
  const published = await publish(bench, scenario, options.seconds)
  await delivered(bench, countOwed(published, scenario))
  await finished(relay)
  const costs = meter.stop()
  const walBytes = (await infrastructure.walBytes(scenario.server)) - walBefore
  const figures = toFigures(scenario, published, await receiver.call('report'), costs, walBytes)
  const forgotten = await countForgotten(relay, scenario, [warmUp, published])
  const watched = await watch.figures(figures.delivered ?? 0)
  return { ...figures, ...watched, lost: (figures.lost ?? 0) + forgotten }
}

/** Webhooks for endpoints that are ill can't have arrived, but they must be kept. */
async function countForgotten(relay: Relay, scenario: Scenario, all: Published[]): Promise<number> {
  const owed = all.reduce((sum, published) => sum + countOwed(published, scenario, false), 0)
  return Math.max(0, owed - ((await relay.kept?.()) ?? 0))
}

function startRelay(
  { programs, infrastructure, options }: Bench,
  scenario: Scenario,
  name: RelayName,
  situation: Situation,
): Promise<Relay> {
  if (!isBuild(name)) return startReference(programs, name, situation)
  return startService({
    ...situation,
    directory: directoryOf(name, options),
    wellEndpoints: situation.endpoints.filter((_, index) => scenario.endpoints[index] === 'ok'),
    redisUrl: options.mode === 'redis' ? infrastructure.redisUrl : undefined,
    roles: scenario.layout === 'one' ? ['all'] : ['api', 'worker'],
    settings: { PROCESSES: String(options.processes), ...scenario.settings },
  })
}
