/** The faults: what can be done to the service and to all that it stands on, each for real. */
import { setTimeout as pause } from 'node:timers/promises'
import type { NameServerAnswer } from '../support/name-server.js'
import type { Endpoint } from './endpoints.js'
import type { Need, Network } from './equipment.js'
import { killMigration } from './migration.js'
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
  /** Which webhooks may leave or arrive long after the service had decided to send them; none unless given. */
  mayHoldUp?: 'any' | 'of its endpoint'
  /** Where it can be, unless everywhere. */
  layouts?: Layout[]
  needs?: Need
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

/** RFC 1035 §4.1.1. */
const SERVER_FAILURE = 2

const onNames =
  (answer: NameServerAnswer) =>
  async ({ names }: World, chance: Chance): Promise<string> => {
    names?.fail(answer)
    await pause(outageMs(chance, 6000))
    names?.recover()
    return 'all endpoints with names'
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

/** The networks of one process, or of all, to one of the servers fail for a while. */
const onServerNetwork =
  (server: Network['server'], spoil: (network: Network['proxy']) => unknown, limitMs = 15_000) =>
  async ({ networks }: World, chance: Chance): Promise<string> => {
    const all = networks.filter((network) => network.server === server)
    const spoiled = chance.random.isOneIn(2) ? all : [chance.random.pick(all)]
    for (const { proxy } of spoiled) await spoil(proxy)
    await pause(outageMs(chance, limitMs))
    for (const { proxy } of spoiled) await proxy.restore()
    return spoiled.length > 1 ? `all to ${server}` : (spoiled[0] as Network).name
  }

/** @param sent a word for the data on its way to the server */
const serverNetworkFaults = (
  server: Network['server'],
  mayDouble: Fault['mayDouble'],
  sent: string,
): Fault[] => {
  const fault = (name: string, spoil: (network: Network['proxy']) => unknown): Fault => ({
    ...{ name, mayDouble, needs: 'networks', ...(server === 'PostgreSQL' && { mayHoldUp: 'any' }) },
    run: onServerNetwork(server, spoil),
  })
  return [
    fault(`network to ${server} cut`, (network) => network.cut()),
    fault(`network to ${server} slow`, (network) => network.slow(SLOW_SERVER_MS)),
    fault(`${sent} to ${server} held up`, (network) => network.hang('to the server')),
    fault(`answers of ${server} held up`, (network) => network.hang('to the client')),
  ]
}

/** More than DELIVERY_TIMEOUT_MS there and back. */
const SLOW_NETWORK_MS = 2800
/** What each piece of data takes to a server that is far away and busy. */
const SLOW_SERVER_MS = 400
const LONGEST_STEP_SECONDS = 20
/** A process looks once a second whether its clock was set. */
const CLOCK_READ_WITHIN_MS = 1500

/** A clock is set forward or back, and after a while it is right again. */
const clockStep =
  (isPostgres: boolean) =>
  async ({ clocks }: World, chance: Chance): Promise<string> => {
    const { random } = chance
    const clock = random.pick(clocks.filter(({ name }) => (name === 'PostgreSQL') === isPostgres))
    const seconds = Math.ceil(random.next() * LONGEST_STEP_SECONDS)
    const offset = `${random.isOneIn(2) ? '+' : '-'}${seconds}`
    clock.set(offset)
    await pause(CLOCK_READ_WITHIN_MS + outageMs(chance, 15_000))
    clock.set('+0')
    return `${clock.name} ${offset} s`
  }

export const faultsOf = (layout: Layout): Fault[] =>
  faults.filter(({ layouts = [layout] }) => layouts.includes(layout))

export const faults: Fault[] = [
  {
    // Where each process does all, it is a worker that is killed.
    name: 'api killed',
    mayDouble: 'none',
    layouts: ['apart'],
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
    ...{ mayDouble: 'any', mayHoldUp: 'any' },
    run: outage('postgres', ['pause'], 'resume'),
  },
  {
    name: 'network to an endpoint cut',
    mayDouble: 'of its endpoint',
    run: onNetwork((network) => network.cut()),
  },
  {
    name: 'network to an endpoint slow',
    ...{ mayDouble: 'of its endpoint', mayHoldUp: 'of its endpoint' },
    run: onNetwork((network) => network.slow(SLOW_NETWORK_MS), 8000),
  },
  {
    name: 'answers of an endpoint broken off',
    mayDouble: 'of its endpoint',
    run: onNetwork((network) => network.resetAnswers()),
  },
  {
    name: 'name server silent',
    ...{ mayDouble: 'none', mayHoldUp: 'any', needs: 'names' },
    run: onNames('silent'),
  },
  { name: 'name server failing', mayDouble: 'none', needs: 'names', run: onNames({ rcode: SERVER_FAILURE }) },
  {
    name: 'one of several processes killed',
    mayDouble: 'any',
    layouts: ['processes'],
    async run({ apis }, { random }) {
      const service = random.pick(apis)
      await service.killOneOfSeveral(random)
      return service.name
    },
  },
  {
    name: 'killed while it stops',
    mayDouble: 'any',
    async run({ apis, workers }, { random }) {
      const process = random.pick([...new Set([...apis, ...workers])])
      await process.killWhileStopping(random.durationMs(1, 1500))
      return process.name
    },
  },
  {
    name: 'killed while it starts',
    mayDouble: 'any',
    async run({ apis, workers }, { random }) {
      const process = random.pick([...new Set([...apis, ...workers])])
      await process.killWhileStarting(random.durationMs(20, 3000))
      return process.name
    },
  },
  {
    name: 'migration killed',
    mayDouble: 'none',
    run: ({ postgres, uncausedExits }, { random }) => killMigration(postgres, random, uncausedExits),
  },
  ...serverNetworkFaults('PostgreSQL', 'any', 'statements'),
  ...serverNetworkFaults('Redis', 'none', 'commands'),
  {
    name: 'PostgreSQL failed over',
    mayDouble: 'any',
    needs: 'networks',
    async run({ postgres, networks }, chance) {
      await postgres.failOver(outageMs(chance, 3000))
      for (const { server, proxy } of networks) if (server === 'PostgreSQL') proxy.retarget(postgres.url)
      return 'PostgreSQL'
    },
  },
  {
    name: 'disk of PostgreSQL full',
    mayDouble: 'any',
    needs: 'small disk',
    async run({ postgres, disk }, chance) {
      await disk?.fill()
      await pause(outageMs(chance, 10_000))
      disk?.empty()
      // A server that found no room for its log has ended, and its supervisor starts it again.
      await postgres.start()
      return 'PostgreSQL'
    },
  },
  {
    name: 'clock of PostgreSQL stepped',
    ...{ mayDouble: 'any', mayHoldUp: 'any', needs: 'clocks' },
    run: clockStep(true),
  },
  {
    name: 'clock of a process stepped',
    ...{ mayDouble: 'none', mayHoldUp: 'any', needs: 'clocks' },
    run: clockStep(false),
  },
]
