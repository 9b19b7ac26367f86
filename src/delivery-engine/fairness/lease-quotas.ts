/**
 * LeaseQuotas: how many deliveries of a subscription may be leased, as far as this process knows.
 *
 * Usually that is as many as keep the fastest endpoint busy. Where leases had to be given back because they waited
 * too long for their turn, it becomes as many as the subscription really gets through (Little's law); it doubles
 * again when all of that has ended between two looks, or when little of it is used. So of an endpoint that hangs a
 * worker holds hardly more than its requests in flight, and its backlog waits in the table, where it costs nothing.
 *
 * A worker that holds much has less for everyone. Like slots (see lanes.ts), what it may hold is shared so that no
 * number of endpoints that hang takes it all: each has an eighth of what is free, and the last eighth is for those
 * that have answered lately. So its memory does not grow with the number of subscriptions either.
 */
import type { ResponsiveEndpoints } from './responsive-endpoints.js'

export interface LeaseQuotas {
  /** Tells that so many deliveries were leased: for a moment they count, though no worker holds them yet. */
  leased(count: number): void
  /** Tells that an attempt of a subscription has ended. */
  ended(subscriptionId: string): void
  /** Looks at what has happened since the last time, with the subscriptions that had leases given back. */
  review(late: Iterable<string>, inFlight: (subscriptionId: string) => number): void
  /** For a statement, in a process that holds so many deliveries. */
  parameters(held: number): LeaseQuotaParameters
}

/** Subscriptions that differ from the usual, their leaseQuotas, and that of all others. */
export type LeaseQuotaParameters = [subscriptionIds: string[], leaseQuotas: number[], usual: number]

const DEFAULT_QUOTA = 500
const MIN_QUOTA = 10
/** Deliveries that a worker holds at most, waiting or in flight. */
const MAX_HELD = 20_000
const SHARE_OF_WHAT_IS_FREE = 1 / 8
const RESERVED_FOR_RESPONSIVE = MAX_HELD / 8

export function createLeaseQuotas(responsiveEndpoints: ResponsiveEndpoints): LeaseQuotas {
  const reduced = new Map<string, number>()
  /** Attempts since the last look. */
  let ended = new Map<string, number>()
  const onTheWay = createMomentaryCount()

  function grow(subscriptionId: string, quota: number, inFlight: number): void {
    const isUsedUp = (ended.get(subscriptionId) ?? 0) >= quota
    if (!isUsedUp && inFlight >= quota / 2) return
    if (quota * 2 >= DEFAULT_QUOTA) reduced.delete(subscriptionId)
    else reduced.set(subscriptionId, quota * 2)
  }

  const shrink = (subscriptionId: string, inFlight: number): void => {
    const before = reduced.get(subscriptionId) ?? DEFAULT_QUOTA
    const gotThrough = inFlight + (ended.get(subscriptionId) ?? 0)
    reduced.set(subscriptionId, Math.max(MIN_QUOTA, Math.min(before, gotThrough)))
  }

  return {
    leased: onTheWay.add,
    ended(subscriptionId) {
      ended.set(subscriptionId, (ended.get(subscriptionId) ?? 0) + 1)
    },
    review(late, inFlight) {
      const tooSlow = new Set(late)
      for (const [subscriptionId, quota] of reduced) {
        if (!tooSlow.has(subscriptionId)) grow(subscriptionId, quota, inFlight(subscriptionId))
      }
      for (const subscriptionId of tooSlow) shrink(subscriptionId, inFlight(subscriptionId))
      ended = new Map()
    },
    parameters(held) {
      const free = Math.max(0, MAX_HELD - held - onTheWay.read())
      const usual = Math.min(DEFAULT_QUOTA, Math.ceil(free * SHARE_OF_WHAT_IS_FREE))
      const isShort = free <= RESERVED_FOR_RESPONSIVE
      const special = isShort ? responsiveEndpoints.all() : [...reduced.keys()]
      const leaseQuotas = special.map((id) => Math.min(reduced.get(id) ?? DEFAULT_QUOTA, usual))
      return [special, leaseQuotas, isShort ? 0 : usual]
    },
  }
}

const MOMENT_MS = 500

/** What was added in the last one to two moments. */
function createMomentaryCount() {
  let [now, before] = [0, 0]
  let turnsAt = 0

  function turn(): void {
    const lateMs = performance.now() - turnsAt
    if (lateMs < 0) return
    before = lateMs < MOMENT_MS ? now : 0
    now = 0
    turnsAt = performance.now() + MOMENT_MS
  }

  return {
    add(count: number): void {
      turn()
      now += count
    },
    read(): number {
      turn()
      return now + before
    },
  }
}
