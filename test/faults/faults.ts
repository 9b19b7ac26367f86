/** The faults: what can be done to the service and to all that it stands on, each for real. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Endpoint } from './endpoints.js'
import type { Random } from './random.js'
import type { Supervised } from './supervisor.js'
import type { Layout, World } from './world.js'

export interface Fault {
  name: string
  /**
   * Which webhooks may come twice because of it: those that are on their way between a request and the record of
   * its answer. A fault that stands in nobody's way there explains no duplicate.
   */
  mayDouble: 'none' | 'any' | 'of its endpoint'
  /** Resolves once it is over, with the name of what it befell. */
  run(world: World, chance: Chance): Promise<string>
}

export interface Chance {
  random: Random
  /** No fault lasts longer. */
  longestMs: number
}

/** From a moment to what tries patience: half a minute, where a run allows it. */
const outageMs = ({ random, longestMs }: Chance, limitMs = 30_000) =>
  random.durationMs(300, Math.min(limitMs, longestMs))

async function killed(processes: Supervised[]): Promise<string> {
  await Promise.all(processes.map((process) => process.killAndAwait()))
  return processes.map(({ name }) => name).join(', ')
}

const onNetwork =
  (spoil: (network: Endpoint['network']) => unknown, limitMs = 6000) =>
  async ({ endpoints }: World, chance: Chance): Promise<string> => {
    const { network, name } = chance.random.pick(endpoints.all)
    await spoil(network)
    await pause(outageMs(chance, limitMs))
    await network.restore()
    return name
  }

const serverNames = { redis: 'Redis', postgres: 'PostgreSQL' } as const
type ServerName = keyof typeof serverNames
type StepOf<Server extends ServerName> = {
  [Step in keyof World[Server]]: World[Server][Step] extends () => unknown ? Step : never
}[keyof World[Server]]

/** A server goes, step by step, stays away for a while, and comes back. */
const outage =
  <Server extends ServerName>(
    server: Server,
    goes: StepOf<Server>[],
    comesBack: StepOf<Server>,
    limitMs?: number,
  ) =>
  async (world: World, chance: Chance): Promise<string> => {
    const take = (step: StepOf<Server>) => (world[server][step] as () => unknown)()
    for (const step of goes) await take(step)
    await pause(outageMs(chance, limitMs))
    await take(comesBack)
    return serverNames[server]
  }

/** More than DELIVERY_TIMEOUT_MS there and back. */
const SLOW_NETWORK_MS = 2800

/** Those that there can be: where each process does all, it is a worker that is killed. */
export const faultsOf = (layout: Layout): Fault[] =>
  faults.filter(({ name }) => layout === 'apart' || name !== 'api killed')

export const faults: Fault[] = [
  {
    name: 'api killed',
    mayDouble: 'none',
    run: ({ apis }, { random }) => killed([random.pick(apis)]),
  },
  {
    name: 'worker killed',
    mayDouble: 'any',
    run: ({ workers }, { random }) => killed([random.pick(workers)]),
  },
  {
    name: 'every process killed',
    mayDouble: 'any',
    run: ({ apis, workers }) => killed([...new Set([...apis, ...workers])]),
  },
  {
    // Its append-only file lacks up to the last second: a job that was taken may be there to be taken again.
    name: 'Redis killed',
    mayDouble: 'any',
    run: outage('redis', ['kill'], 'start', 5000),
  },
  {
    name: 'Redis killed, its data lost',
    mayDouble: 'none',
    run: outage('redis', ['kill', 'loseData'], 'start', 5000),
  },
  {
    name: 'Redis flushed',
    mayDouble: 'none',
    async run({ redis }) {
      await redis.flush()
      return 'Redis'
    },
  },
  {
    name: 'Redis paused',
    mayDouble: 'none',
    run: outage('redis', ['pause'], 'resume'),
  },
  {
    name: 'PostgreSQL stopped at once',
    mayDouble: 'any',
    run: outage('postgres', ['stopAtOnce'], 'start', 10_000),
  },
  {
    name: 'PostgreSQL killed',
    mayDouble: 'any',
    run: outage('postgres', ['kill'], 'start', 10_000),
  },
  {
    name: 'connections to PostgreSQL terminated',
    mayDouble: 'any',
    async run({ postgres }) {
      await postgres.terminateConnections()
      return 'PostgreSQL'
    },
  },
  {
    name: 'PostgreSQL paused',
    mayDouble: 'any',
    run: outage('postgres', ['pause'], 'resume'),
  },
  {
    name: 'network to an endpoint cut',
    mayDouble: 'of its endpoint',
    run: onNetwork((network) => network.cut()),
  },
  {
    name: 'network to an endpoint slow',
    mayDouble: 'of its endpoint',
    run: onNetwork((network) => network.slow(SLOW_NETWORK_MS), 8000),
  },
  {
    name: 'answers of an endpoint broken off',
    mayDouble: 'of its endpoint',
    run: onNetwork((network) => network.resetAnswers()),
  },
]
