/**
 * Live totals and rates. The totals are read once a second for all subscribers of this process, and only while it has
 * any.
 */
import { isDeepStrictEqual } from 'node:util'
import { readStats, type Stats, type StatsReading } from '../deliveries/stats.js'
import { createPoller } from '../platform/poller.js'
import type { Database } from '../platform/postgres/database.js'
import type { ChangeSource } from './shared-updates.js'

/** Each is the mean since the update before, or since the last reading without a change. */
export interface Rates {
  eventsPerSecond: number
  sentPerSecond: number
  failedPerSecond: number
  deadPerSecond: number
}

export interface StatsUpdate {
  at: Date
  stats: Stats
  /** Null without an earlier reading. */
  rates: Rates | null
}

export interface StatsUpdates {
  /** Pushes the newest totals at once, then each change, at most one a second. */
  join: ChangeSource<StatsUpdate>['open']
}

const EVERY_MS = 1000

export function createStatsUpdates(database: Database, onError: (error: unknown) => void): StatsUpdates {
  const followers = new Set<(update: StatsUpdate) => void>()
  let reading: StatsReading | undefined
  let latest: StatsUpdate | undefined

  async function run(): Promise<false> {
    const before = reading
    reading = await readStats(database)
    const update = { at: reading.at, stats: reading.stats, rates: before ? ratesOf(before, reading) : null }
    const isNew = !isDeepStrictEqual({ ...update, at: 0 }, { ...latest, at: 0 })
    latest = update
    if (isNew) for (const push of followers) push(update)
    return false
  }
  const poller = createPoller({ run, intervalMs: EVERY_MS, onError })

  return {
    join(push) {
      if (latest !== undefined) push(latest)
      const follower = (update: StatsUpdate) => push(update)
      followers.add(follower)
      if (followers.size === 1) poller.start()
      return {
        listening: Promise.resolve(),
        close() {
          followers.delete(follower)
          if (followers.size > 0) return
          reading = undefined
          latest = undefined
          void poller[Symbol.asyncDispose]()
        },
      }
    },
  }
}

function ratesOf(before: StatsReading, now: StatsReading): Rates {
  const seconds = (now.at.getTime() - before.at.getTime()) / 1000
  // A process of an older version merges the counters without these, so they may seem to fall during an upgrade.
  const rate = (name: keyof StatsReading['counters']) =>
    seconds > 0 ? Math.max(0, (now.counters[name] - before.counters[name]) / seconds) : 0
  return {
    eventsPerSecond: rate('acceptedEvents'),
    sentPerSecond: rate('sentAttempts'),
    failedPerSecond: rate('failedAttempts'),
    deadPerSecond: rate('deadAttempts'),
  }
}
