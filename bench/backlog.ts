/** A backlog: events are published while no worker runs, then one starts, and it is measured how fast it drains. */
import type { Bench, Situation } from './bench.js'
import { nowUs, SECOND_US } from './clock.js'
import { countOwed } from './count-losses.js'
import { type Figures, toFigures } from './figures.js'
import { startMeter } from './processes.js'
import type { Scenario } from './scenarios.js'
import { startProcess, startService } from './service.js'
import { aim, delivered, finished } from './steps.js'

const PUBLISH_AT_MOST_SECONDS = 600

export async function measureBacklog(
  bench: Bench,
  scenario: Scenario,
  situation: Situation & { directory: string },
): Promise<Figures> {
  const { load, receiver, infrastructure, options } = bench
  const { embedded: postgres, redis } = infrastructure.processes
  const { settings } = scenario
  const { directory, databaseUrl } = situation
  // The API has a Redis even where the worker has none: without one it would have to deliver, too.
  await using api = await startService({
    ...{ ...situation, settings, wellEndpoints: situation.endpoints },
    ...{ redisUrl: infrastructure.redisUrl, roles: ['api'] },
  })
  await aim(bench, scenario, api)
  const limit = { seconds: PUBLISH_AT_MOST_SECONDS, events: options.backlogEvents }
  const published = await load.call('closedLoop', limit)

  const startedAtUs = nowUs()
  const walBefore = await infrastructure.walBytes(scenario.server)
  const onRedis = options.mode === 'redis'
  await using worker = await startProcess(onRedis ? 'worker' : 'all', {
    ...{ directory, settings, databaseUrl },
    redisUrl: onRedis ? infrastructure.redisUrl : undefined,
  })
  const meter = startMeter([
    { name: 'relay', pid: worker.pid },
    postgres,
    ...(onRedis ? [redis] : []),
    { name: 'receiver', pid: receiver.pid },
  ])
  await delivered(bench, countOwed(published, scenario))
  await finished(api)
  const arrivals = await receiver.call('report')
  // How long ago events were published says when the worker was started, and nothing else.
  const costs = meter.stop()
  const walBytes = (await infrastructure.walBytes(scenario.server)) - walBefore
  const figures = toFigures(scenario, published, { ...arrivals, latencyMs: undefined }, costs, walBytes)
  return {
    ...figures,
    // While webhooks arrived, without the start of the worker.
    deliveredPerSecond: (figures.delivered as number) / ((arrivals.lastUs - arrivals.firstUs) / SECOND_US),
    drainSeconds: (arrivals.lastUs - startedAtUs) / SECOND_US,
  }
}
