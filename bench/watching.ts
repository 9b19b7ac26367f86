/** Watches the service while it is measured, and tells what its watchers got. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Bench } from './bench.js'
import type { Figures } from './figures.js'
import type { ProcessGroup } from './processes.js'
import type { Relay } from './relays.js'
import type { Scenario } from './scenarios.js'
import type { WatcherCommands } from './watchers.js'

export interface Watchers {
  count: number
  /** The statuses that they ask for; every one when it is absent. */
  status?: string[]
}

export interface Watch extends AsyncDisposable {
  processes: ProcessGroup[]
  /** @param delivered webhooks, each of which a watcher of everything sees */
  figures(delivered: number): Promise<Figures>
}

const LATE_MS = 10_000
const POLL_MS = 50

const nobody: Watch = {
  processes: [],
  figures: async () => ({}),
  async [Symbol.asyncDispose]() {},
}

export async function startWatching(
  { programs }: Bench,
  { watchers }: Scenario,
  { url, apiKey }: Relay,
): Promise<Watch> {
  if (watchers === undefined) return nobody
  const program = programs.start<WatcherCommands>('watchers')
  await program.call('open', { url, apiKey, ...watchers })
  await program.call('measure')
  return {
    processes: [{ name: 'watchers', pid: program.pid }],
    async figures(delivered) {
      const seen = watchers.status === undefined ? delivered : 0
      let watched = await program.call('report')
      for (const until = Date.now() + LATE_MS; Date.now() < until; await pause(POLL_MS)) {
        if (Math.min(...watched.sent) >= seen) break
        watched = await program.call('report')
      }
      const { latencyMs, updates, sent, open, megabytes } = watched
      return {
        ...Object.fromEntries(Object.entries(latencyMs ?? {}).map(([name, ms]) => [`watched.${name}`, ms])),
        'watched.perDelivery': updates / sent.length / delivered,
        'watched.missed': Math.max(...sent.map((count) => Math.max(0, seen - count))),
        'watched.megabytes': megabytes,
        'watched.ended': watchers.count - open,
      }
    },
    [Symbol.asyncDispose]: program[Symbol.asyncDispose],
  }
}
