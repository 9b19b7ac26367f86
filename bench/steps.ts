/** The steps that measurements are made of. Each is bounded in time. */
import { setTimeout as pause } from 'node:timers/promises'
import { withTimeout } from '../src/platform/timeout.js'
import type { Bench } from './bench.js'
import type { Published } from './load.js'
import type { Endpoint } from './relaying.js'
import type { Relay } from './relays.js'
import { type EventKind, eventKindsOf, type Scenario, wantedBy } from './scenarios.js'

/** More than a lease runs: what comes within this was late, what doesn't is lost. */
const STALL_MS = 45_000
const POLL_MS = 50
/** Enough that a request never waits for a free connection, unless no request is answered. */
const OPEN_LOOP_CONNECTIONS = 128

export async function openEndpoints({ receiver }: Bench, scenario: Scenario): Promise<Endpoint[]> {
  const kinds = eventKindsOf(scenario)
  const { endpoints: behaviours, hosts } = scenario
  const port = await receiver.call('open', { behaviours, hosts, types: kinds.length })
  return behaviours.map((_, index) => {
    const { type, tenant } = kinds[wantedBy(index, scenario)] as EventKind
    return { url: `http://${hostOf(index % hosts)}:${port}/e/${index}`, eventTypes: [type], tenant }
  })
}

const HOSTS_PER_NETWORK = 200

/** An address of this machine: Linux has all that begin with 127. */
const hostOf = (host: number): string =>
  host === 0 ? '127.0.0.1' : `127.1.${Math.floor(host / HOSTS_PER_NETWORK)}.${1 + (host % HOSTS_PER_NETWORK)}`

export async function aim({ load }: Bench, scenario: Scenario, { url, apiKey }: Relay): Promise<void> {
  const connections = scenario.load.loop === 'closed' ? scenario.load.connections : OPEN_LOOP_CONNECTIONS
  const { bodyBytes } = scenario
  await load.call('aim', { url, apiKey, kinds: eventKindsOf(scenario), bodyBytes, connections })
}

export function publish({ load, options }: Bench, scenario: Scenario, seconds: number): Promise<Published> {
  const { ratePerSecond } = options
  const published =
    scenario.load.loop === 'closed'
      ? load.call('closedLoop', { seconds, ...mostEvents(scenario.load, seconds) })
      : load.call('openLoop', { seconds, ratePerSecond: ratePerSecond * (scenario.load.share ?? 1) })
  return withTimeout(published, seconds * 1000 + STALL_MS, 'What is measured')
}

const mostEvents = ({ mostEventsPerSecond }: { mostEventsPerSecond?: number }, seconds: number) =>
  mostEventsPerSecond === undefined ? {} : { events: Math.ceil(mostEventsPerSecond * seconds) }

/** Resolves once all that is owed has arrived, or nothing arrives any more. */
export async function delivered({ receiver }: Bench, owed: number): Promise<void> {
  let arrived = -1
  for (let lastProgressAt = Date.now(); Date.now() - lastProgressAt < STALL_MS; await pause(POLL_MS)) {
    const progress = await receiver.call('progress')
    if (progress >= owed) return
    if (progress > arrived) lastProgressAt = Date.now()
    arrived = progress
  }
}

/** Resolves once nothing is open: then all is recorded, and nothing can come twice any more. */
export async function finished(relay: Relay): Promise<void> {
  for (const deadlineMs = Date.now() + STALL_MS; Date.now() < deadlineMs; await pause(POLL_MS)) {
    if ((await relay.open()) === 0) return
  }
}
