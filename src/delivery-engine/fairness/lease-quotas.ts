/**
 * Lease quotas: how many deliveries of a subscription this process may lease.
 *
 * By default the quota keeps even the fastest endpoint busy. When leases of a subscription had to be given back
 * because they waited too long, its quota becomes what the subscription gets through (Little's law). It doubles
 * again when all of it has ended between two reviews, or when little of it is in flight. So a worker holds little
 * more of an endpoint that hangs than its requests in flight, and the backlog waits in the table, where it costs
 * nothing.
 *
 * A worker that holds many deliveries has smaller quotas for all subscriptions: each gets an eighth of what the
 * worker may still hold, and the last eighth is for endpoints that answered lately. So the worker's memory does not
 * grow with the number of subscriptions, and endpoints that hang can't use it up.
 */
import type { ResponsiveEndpoints } from './responsive-endpoints.js'

export interface LeaseQuotas {
  /** To be called when deliveries were leased. They count at once, though they reach a worker a moment later. */
  leased(count: number): void
  /** To be called when an attempt of a subscription has ended. */
  ended(subscriptionId: string): void
  /** Adjusts the quotas. `late` has the subscriptions whose leases were given back since the last review. */
  review(late: Iterable<string>, inFlight: (subscriptionId: string) => number): void
  /** Parameters of a statement that leases. `held` is the number of deliveries that this process holds. */
  parameters(held: number): LeaseQuotaParameters
}

/** Subscriptions with a quota of their own, these quotas, and the quota of all other subscriptions. */
export type LeaseQuotaParameters = [subscriptionIds: string[], quotas: number[], usual: number]

/** The most leases of a subscription, over all processes. */
export const DEFAULT_QUOTA = 500
const MIN_QUOTA = 10
/** Most deliveries that a worker holds, waiting or in flight. */
const MAX_HELD = 20_000
const SHARE_OF_WHAT_IS_FREE = 1 / 8
const RESERVED_FOR_RESPONSIVE = MAX_HELD / 8

export function createLeaseQuotas(responsiveEndpoints: ResponsiveEndpoints): LeaseQuotas {
  const reduced = new Map<string, number>()
  /** Ended attempts since the last review. */
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
      const quotas = special.map((id) => Math.min(reduced.get(id) ?? DEFAULT_QUOTA, usual))
      return [special, quotas, isShort ? 0 : usual]
    },
  }
}

const MOMENT_MS = 500

/** Counts what was added in the last 0.5 to 1 s. */
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
