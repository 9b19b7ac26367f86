/**
 * Allowances: how many deliveries of a subscription this process leases at most. An endpoint that answers has the
 * usual number; where leases had to be given back because they waited too long for their turn, it is halved, and it
 * doubles again when a whole allowance has ended between two looks. So of an endpoint that hangs a worker holds
 * little, and its backlog waits in the table, where it costs nothing.
 */
export interface Allowances {
  /** Tells that an attempt of a subscription has ended. */
  ended(subscriptionId: string): void
  /** Tells which subscriptions had leases given back since the last look, and looks again at all. */
  review(late: Iterable<string>): void
  isReduced(subscriptionId: string): boolean
  /** Those that differ from the usual, as two columns for a statement. */
  columns(): [subscriptionIds: string[], allowances: number[]]
}

/** Enough to keep the fastest endpoint busy between two runs of the feeder. */
export const USUAL_ALLOWANCE = 500
const LEAST_ALLOWANCE = 10

interface Reduced {
  allowance: number
  /** Since the last look. */
  ended: number
}

export function createAllowances(): Allowances {
  const reduced = new Map<string, Reduced>()

  function grow(subscriptionId: string, one: Reduced): void {
    if (one.ended >= one.allowance) one.allowance *= 2
    one.ended = 0
    if (one.allowance >= USUAL_ALLOWANCE) reduced.delete(subscriptionId)
  }

  return {
    ended(subscriptionId) {
      const one = reduced.get(subscriptionId)
      if (one !== undefined) one.ended += 1
    },
    review(late) {
      const shrunk = new Set(late)
      for (const [subscriptionId, one] of reduced) {
        if (!shrunk.has(subscriptionId)) grow(subscriptionId, one)
      }
      for (const subscriptionId of shrunk) {
        const before = reduced.get(subscriptionId)?.allowance ?? USUAL_ALLOWANCE
        const allowance = Math.max(LEAST_ALLOWANCE, Math.floor(before / 2))
        reduced.set(subscriptionId, { allowance, ended: 0 })
      }
    },
    isReduced: (subscriptionId) => reduced.has(subscriptionId),
    columns: () => [[...reduced.keys()], [...reduced.values()].map(({ allowance }) => allowance)],
  }
}
