/**
 * Live totals and rates. The totals are read once a second for all subscribers of this process who see the same, and
 * only while it has any. Those of a tenant are counted, so they are read less often where that takes long.
 */
import { isDeepStrictEqual } from 'node:util'
import { readStats, type Stats, type StatsReading } from '../deliveries/stats.js'
import { createPoller } from '../platform/poller.js'
import type { Viewer } from '../tenants/viewer.js'
import type { VisibleDatabase, VisibleTo } from '../tenants/visible-database.js'
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
  /** Null without an earlier reading, and for a viewer of one tenant. */
  rates: Rates | null
}

export interface StatsUpdates {
  /** Pushes the newest totals at once, then each change, at most one a second. */
  join(viewer: Viewer, push: (update: StatsUpdate) => void): ReturnType<ChangeSource<StatsUpdate>['open']>
}

const EVERY_MS = 1000
/** Counting takes at most one part in so many of the time. */
const MAX_SHARE = 20

type OnError = (error: unknown) => void

export function createStatsUpdates(visibleTo: VisibleTo, onError: OnError): StatsUpdates {
  const sources = new Map<string | null, ReturnType<typeof createSource>>()
  return {
    join(viewer, push) {
      const { tenant } = viewer
      const source = sources.get(tenant) ?? createSource(visibleTo(viewer), onError)
      sources.set(tenant, source)
      const { listening, close } = source.join(push)
      return {
        listening,
        close() {
          close()
          if (source.isIdle()) sources.delete(tenant)
        },
      }
    },
  }
}

function createSource(database: VisibleDatabase, onError: OnError) {
  const followers = new Set<(update: StatsUpdate) => void>()
  let reading: StatsReading | undefined
  let latest: StatsUpdate | undefined
  let nextAtMs = 0

  async function run(): Promise<false> {
    const startedAtMs = performance.now()
    if (startedAtMs < nextAtMs) return false
    const before = reading
    reading = await readStats(database)
    nextAtMs = performance.now() + (performance.now() - startedAtMs) * MAX_SHARE - EVERY_MS
    const rates = before?.counters && reading.counters ? ratesOf(before, reading) : null
    const update = { at: reading.at, stats: reading.stats, rates }
    const isNew = !isDeepStrictEqual({ ...update, at: 0 }, { ...latest, at: 0 })
    latest = update
    if (isNew) for (const push of followers) push(update)
    return false
  }
  const poller = createPoller({ run, intervalMs: EVERY_MS, onError })

  return {
    isIdle: () => followers.size === 0,
    join(push: (update: StatsUpdate) => void) {
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
  const rate = (name: keyof NonNullable<StatsReading['counters']>) =>
    seconds > 0 ? Math.max(0, ((now.counters?.[name] ?? 0) - (before.counters?.[name] ?? 0)) / seconds) : 0
  return {
    eventsPerSecond: rate('acceptedEvents'),
    sentPerSecond: rate('sentAttempts'),
    failedPerSecond: rate('failedAttempts'),
    deadPerSecond: rate('deadAttempts'),
  }
}
